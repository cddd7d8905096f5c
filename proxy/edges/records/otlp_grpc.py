"""A collector that speaks OTLP over gRPC. Apart from the others because grpcio is an optional extra."""

from typing import Any

import grpc
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.sdk._logs.export import LogRecordExporter

from proxy import __version__
from proxy.edges.records.otlp_http import DEADLINE_S, read_headers
from proxy.settings import Feedback

RETRIED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED)

# RESOURCE_EXHAUSTED also means "busy", but for a request larger than gRPC's own limit of 4 MiB it means that.
LARGE_BYTES = 4 * 1024 * 1024


class GrpcCollector:
    """`endpoint`: http://host:port, or https://host:port for TLS."""

    def __init__(self, settings: Feedback) -> None:
        self.refused = False
        self.rejected = 0
        self.exporter: LogRecordExporter = _Exporter(self, settings)


class _Exporter(OTLPLogExporter):
    def __init__(self, collector: GrpcCollector, settings: Feedback) -> None:
        self._collector = collector
        secure = settings.endpoint.startswith("https:")
        root = settings.ca_file.read_bytes() if settings.ca_file else None
        super().__init__(
            endpoint=settings.endpoint,
            insecure=not secure,
            credentials=grpc.ssl_channel_credentials(root) if secure else None,
            # Never empty, or the exporter takes the environment's instead.
            headers={**read_headers(settings.headers_file), "sluicegate-version": __version__},
            timeout=DEADLINE_S,
            compression=grpc.Compression.NoCompression,
            channel_options=(("grpc.enable_http_proxy", 0),),  # type: ignore[arg-type]  # gRPC takes integers too
            retryable_error_codes=RETRIED,
            meter_provider=NoOpMeterProvider(),
        )

    def _initialize_channel_and_stub(self) -> None:
        """The exporter throws the collector's answer away; we want to know what it says it dropped."""
        super()._initialize_channel_and_stub()  # type: ignore[no-untyped-call]
        stub: Any = self._client
        self._client = _Listening(stub, self._collector)  # type: ignore[assignment]


class _Listening:
    """A stub that reads the answers."""

    def __init__(self, stub: Any, collector: GrpcCollector) -> None:
        self._stub = stub
        self._collector = collector

    def Export(self, request: ExportLogsServiceRequest, **options: object) -> ExportLogsServiceResponse:  # noqa: N802  (gRPC's name)
        try:
            answer: ExportLogsServiceResponse = self._stub.Export(request, **options)
        except grpc.RpcError as error:
            code = error.code()
            too_large = code is grpc.StatusCode.RESOURCE_EXHAUSTED and request.ByteSize() > LARGE_BYTES
            self._collector.refused = too_large or code is grpc.StatusCode.INVALID_ARGUMENT
            raise
        self._collector.rejected += answer.partial_success.rejected_log_records
        return answer
