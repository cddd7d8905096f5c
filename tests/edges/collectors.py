"""Collectors, HTTP and gRPC, that decode with OpenTelemetry's own protobuf; and their bad days."""

import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)


class Got:
    """What arrived. `answers`: what to answer next, in order; then success."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.requests: list[ExportLogsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[Any] = []
        self.poison: set[str] = set()
        self.rejects = 0
        self._lock = threading.Lock()

    def take(self, request: ExportLogsServiceRequest, headers: dict[str, str]) -> ExportLogsServiceResponse:
        with self._lock:
            self.requests.append(request)
            self.headers.append(headers)
            self.ids += ids_of(request)
        return ExportLogsServiceResponse(
            partial_success=ExportLogsPartialSuccess(rejected_log_records=self.rejects)
        )

    def answer(self, request: ExportLogsServiceRequest) -> Any:
        with self._lock:
            if self.poison & set(ids_of(request)):
                return "refuse"
            return self.answers.pop(0) if self.answers else None


def ids_of(request: ExportLogsServiceRequest) -> list[str]:
    return [
        attribute.value.string_value
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
        for attribute in record.attributes
        if attribute.key == "sluicegate.record.id"
    ]


@contextmanager
def http_collector(got: Got, port: int = 0) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            request = ExportLogsServiceRequest.FromString(body)
            answer = got.answer(request)
            status, content = 200, b""
            if answer == "redirect":
                self.send_response(307)
                self.send_header("location", f"http://127.0.0.1:{server.server_port}/stolen")
                self.send_header("content-length", "0")
                self.end_headers()
                return
            if answer == "page":
                content, kind = b"<html>welcome to the hotel network</html>", "text/html"
            elif answer is not None:
                status, content, kind = (400 if answer == "refuse" else answer), b"", "text/plain"
            else:
                content, kind = (
                    got.take(request, dict(self.headers)).SerializeToString(),
                    "application/x-protobuf",
                )
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("set-cookie", "tracked=1")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def grpc_collector(got: Got, port: int = 0) -> Iterator[int]:
    class Logs(logs_service_pb2_grpc.LogsServiceServicer):
        def Export(
            self, request: ExportLogsServiceRequest, context: grpc.ServicerContext
        ) -> ExportLogsServiceResponse:
            answer = got.answer(request)
            if answer is not None:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT if answer == "refuse" else answer, "no")
            return got.take(request, {key: str(value) for key, value in context.invocation_metadata()})

    server = grpc.server(futures.ThreadPoolExecutor(2))
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(Logs(), server)  # type: ignore[no-untyped-call]
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield bound
    finally:
        server.stop(None).wait()
