"""The feedback stream over OTLP, HTTP or gRPC, through OpenTelemetry's exporters. Blocking.

The exporters read `OTEL_*` variables, follow the environment's proxies and take any answer below 400 for an
acknowledgement. Here only our settings count, no other host is ever asked, and a redirect is a failure.
A record that the collector refuses for good is set aside under `<state>/feedback/refused`, so that it is
neither lost nor in the way of the others.
"""

from collections.abc import Mapping, Sequence
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, Literal, Protocol

import orjson
import requests
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from proxy import __version__
from proxy.edges.records import otlp
from proxy.edges.records.outlet import OutletUnavailable
from proxy.edges.records.outlet_files import FeedbackFiles
from proxy.errors import ConfigInvalid
from proxy.settings import Feedback

# Of one export, the exporter's own retries included. The courier has all the patience that is needed.
DEADLINE_S = 10.0
ANSWER_BYTES = 64 * 1024  # an acknowledgement is a few bytes; more than this is not one

# The same request will be refused again: it is malformed or too large for this collector. Others (no
# authorisation, no such path) are an operator's to mend, and the records wait for it.
REFUSED_STATUS = frozenset({400, 413, 415, 422})

RESOURCE = Resource(otlp.RESOURCE)
SCOPE = InstrumentationScope(otlp.SCOPE, __version__)


class Collector(Protocol):
    """One way to a collector.

    `refused`: its last failure was for good. `rejected`: how many records its partial successes dropped.
    """

    refused: bool
    rejected: int
    exporter: LogRecordExporter


class OtlpOutlet:
    """Implements `Outlet`. `aside` takes the records that the collector refuses for good."""

    wanted: Literal["decisions", "record"] = "record"

    def __init__(self, collector: Collector, aside: FeedbackFiles) -> None:
        self._collector = collector
        self._aside = aside
        self.refused = 0
        """Records that were set aside."""

    @property
    def rejected(self) -> int:
        """Records that the collector says it dropped (partial success): OTLP forbids sending them again."""
        return self._collector.rejected

    def deliver(self, documents: Sequence[bytes]) -> None:
        batch = [log_record(orjson.loads(document)) for document in documents]
        if self._export(batch):
            return
        for one, document in zip(batch, documents, strict=True):
            if not self._export([one]):
                self._aside.deliver([document])
                self.refused += 1

    def close(self) -> None:
        self._collector.exporter.shutdown()  # type: ignore[no-untyped-call]
        self._aside.close()

    def _export(self, batch: Sequence[ReadableLogRecord]) -> bool:
        """Whether the collector took it; False when it never will. Raises OutletUnavailable."""
        self._collector.refused = False
        if self._collector.exporter.export(batch) is LogRecordExportResult.SUCCESS:
            return True
        if self._collector.refused:
            return False
        raise OutletUnavailable("the collector did not acknowledge")


class HttpCollector:
    """A collector that speaks OTLP over HTTP with protobuf. `endpoint`: the whole URL, such as …/v1/logs."""

    def __init__(self, settings: Feedback) -> None:
        self.refused = False
        self.rejected = 0
        self.exporter: LogRecordExporter = OTLPLogExporter(
            endpoint=settings.endpoint,
            timeout=DEADLINE_S,
            compression=Compression.NoCompression,
            session=_Session(self, read_headers(settings.headers_file), settings.ca_file),
            max_request_size=0,
            meter_provider=NoOpMeterProvider(),
        )


class _Session(requests.Session):
    """Sends what we set and nothing that the environment, a cookie or an answer asks for."""

    def __init__(self, collector: HttpCollector, headers: Mapping[str, str], ca_file: Path | None) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._collector = collector
        self._own_headers = {
            "content-type": "application/x-protobuf",
            "user-agent": f"sluicegate/{__version__}",
            **headers,
        }
        self._verify: bool | str = str(ca_file) if ca_file else True

    def request(self, method: str, url: str, **asked: Any) -> requests.Response:  # type: ignore[override]
        """Raises requests.RequestException for an answer that is no acknowledgement and no plain refusal."""
        self._collector.refused = False
        self.headers.clear()
        self.cert = None
        response = super().request(
            method,
            url,
            data=asked["data"],
            headers=self._own_headers,
            timeout=asked["timeout"],
            verify=self._verify,
            allow_redirects=False,
            stream=True,
        )
        answer = response.raw.read(ANSWER_BYTES, decode_content=True)
        response.close()
        self._collector.refused = response.status_code in REFUSED_STATUS
        if response.status_code < 300:
            self._collector.rejected += rejected(answer, response.headers.get("content-type", ""))
        elif response.status_code < 400:
            raise requests.TooManyRedirects("a collector must not redirect")
        return response


def rejected(answer: bytes, content_type: str) -> int:
    """Records that a successful answer says were dropped. Raises requests.RequestException for another."""
    if not answer:
        return 0
    if not content_type.startswith("application/x-protobuf"):
        raise requests.exceptions.InvalidHeader("a collector answers in protobuf")
    try:
        response = ExportLogsServiceResponse.FromString(answer)
    except DecodeError as error:
        raise requests.exceptions.ContentDecodingError("not an OTLP answer") from error
    return int(response.partial_success.rejected_log_records)


def read_headers(path: Path | None) -> dict[str, str]:
    """`name: value` lines. Raises ConfigInvalid with the line's number, never its text."""
    headers: dict[str, str] = {}
    if path is None:
        return headers
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        name, colon, value = text.partition(":")
        if not text.strip():
            continue
        if not colon or not name.strip() or not (name.strip() + value.strip()).isprintable():
            raise ConfigInvalid([f"{path}:{number}: a header is written as `name: value`"])
        headers[name.strip().lower()] = value.strip()
    return headers


def log_record(record: Mapping[str, Any]) -> ReadableLogRecord:
    return ReadableLogRecord(
        LogRecord(
            timestamp=record["time_unix_nano"],
            observed_timestamp=record["time_unix_nano"],
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            event_name=record["event_name"],
            attributes=record["attributes"],
        ),
        RESOURCE,
        SCOPE,
    )
