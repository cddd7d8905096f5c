"""OTLP over HTTP and gRPC, against collectors that decode it: acknowledged, or not delivered."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import grpc
import orjson
import pytest

from proxy.edges.records import otlp
from proxy.edges.records import otlp_http as otlp_export
from proxy.edges.records.carriers import feedback_outlet
from proxy.edges.records.otlp_http import OtlpOutlet, read_headers
from proxy.edges.records.outlet import OutletUnavailable
from proxy.errors import ConfigInvalid
from proxy.settings import Feedback
from tests.edges.collectors import Got, grpc_collector, http_collector
from tests.fakes_journal import NOON, a_record

Serve = Callable[[Got], AbstractContextManager[int]]


def documents(*ids: str) -> list[bytes]:
    return [orjson.dumps(a_record(one)) for one in ids]


@contextmanager
def outlet(kind: str, port: int, state: Path, **settings: object) -> Iterator[OtlpOutlet]:
    endpoint = f"http://127.0.0.1:{port}" + ("/v1/logs" if kind == "otlp_http" else "")
    made = feedback_outlet(Feedback(outlet=kind, endpoint=endpoint, **settings), state, 0, lambda: NOON)  # type: ignore[arg-type]
    assert isinstance(made, OtlpOutlet)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(params=["otlp_http", "otlp_grpc"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def serve(kind: str) -> Serve:
    return http_collector if kind == "otlp_http" else grpc_collector


@pytest.fixture(autouse=True)
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exporters' own retries take the whole of it."""
    for module in ("proxy.edges.records.otlp_http.DEADLINE_S", "proxy.edges.records.otlp_grpc.DEADLINE_S"):
        monkeypatch.setattr(module, 1.0)


def test_records_arrive_whole_and_say_whose_they_are(kind: str, serve: Serve, tmp_path: Path) -> None:
    got = Got()
    with serve(got) as port, outlet(kind, port, tmp_path) as out:
        out.deliver(documents("a", "b"))
    assert got.ids == ["a", "b"]
    [resource] = got.requests[0].resource_logs
    assert {item.key: item.value.string_value for item in resource.resource.attributes} == otlp.RESOURCE
    [scope] = resource.scope_logs
    assert scope.scope.name == "sluicegate.feedback"
    assert scope.log_records[0].event_name == "gen_ai.client.inference.operation.details"


def test_a_collector_that_is_down_acknowledges_nothing(kind: str, tmp_path: Path) -> None:
    with outlet(kind, 9, tmp_path) as out, pytest.raises(OutletUnavailable):
        out.deliver(documents("a"))


def test_a_collector_that_is_busy_is_not_an_acknowledgement(kind: str, serve: Serve, tmp_path: Path) -> None:
    got = Got()
    got.answers = [503 if kind == "otlp_http" else grpc.StatusCode.UNAVAILABLE] * 9
    with serve(got) as port, outlet(kind, port, tmp_path) as out:
        with pytest.raises(OutletUnavailable):
            out.deliver(documents("a"))
        got.answers = []
        out.deliver(documents("a"))
    assert got.ids == ["a"]


def test_a_record_that_is_refused_for_good_is_set_aside_alone(
    kind: str, serve: Serve, tmp_path: Path
) -> None:
    got = Got()
    got.poison = {"b"}
    with serve(got) as port, outlet(kind, port, tmp_path) as out:
        out.deliver(documents("a", "b", "c"))
        assert out.refused == 1
    assert sorted(got.ids) == ["a", "c"]
    [path] = (tmp_path / "refused").glob("*.jsonl")
    [record] = otlp.records(path.read_bytes())
    assert record["attributes"]["sluicegate.record.id"] == "b"


def test_what_the_collector_says_it_dropped_is_counted(kind: str, serve: Serve, tmp_path: Path) -> None:
    got = Got()
    got.rejects = 2
    with serve(got) as port, outlet(kind, port, tmp_path) as out:
        out.deliver(documents("a", "b", "c"))
        assert out.rejected == 2
    assert len(got.requests) == 1


def test_the_environment_configures_nothing(
    kind: str, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = "http://127.0.0.1:9"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, stranger)
    for name in ("ENDPOINT", "LOGS_ENDPOINT"):
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", stranger)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-injected=1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x-injected=1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE", "/nonexistent")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE", "/nonexistent")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.001")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "false")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=stranger")
    monkeypatch.setenv("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "1")
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "stranger")
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
    got = Got()
    with serve(got) as port, outlet(kind, port, tmp_path) as out:
        out.deliver(documents("a"))
    assert got.ids == ["a"]
    sent = {name.lower() for name in got.headers[0]}
    assert not sent & {"x-injected", "content-encoding", "cookie", "authorization"}
    attributes = got.requests[0].resource_logs[0].resource.attributes
    assert {item.key: item.value.string_value for item in attributes} == otlp.RESOURCE


def test_our_own_headers_are_sent(kind: str, serve: Serve, tmp_path: Path) -> None:
    headers = tmp_path / "headers"
    headers.write_text("Authorization: Bearer t0ken\n\nx-scope:  tenant: a \n")
    got = Got()
    with serve(got) as port, outlet(kind, port, tmp_path, headers_file=headers) as out:
        out.deliver(documents("a"))
        out.deliver(documents("b"))
    for seen in got.headers:
        sent = {name.lower(): value for name, value in seen.items()}
        assert sent["authorization"] == "Bearer t0ken"
        assert sent["x-scope"] == "tenant: a"
        assert "cookie" not in sent


@pytest.mark.parametrize("answer", ["redirect", "page", 401, 404, 500])
def test_an_answer_that_is_no_acknowledgement_is_a_failure(answer: object, tmp_path: Path) -> None:
    got = Got()
    got.answers = [answer] * (1 if answer == "redirect" else 9)
    with (
        http_collector(got) as port,
        outlet("otlp_http", port, tmp_path) as out,
        pytest.raises(OutletUnavailable),
    ):
        out.deliver(documents("a"))
    assert got.ids == []


def test_a_request_too_large_for_grpc_is_set_aside_and_does_not_stop_the_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.edges.records.otlp_grpc.DEADLINE_S", 10.0)
    got = Got()
    large = a_record("large")
    large["attributes"]["filler"] = "x" * (5 * 1024 * 1024)
    with grpc_collector(got) as port, outlet("otlp_grpc", port, tmp_path) as out:
        out.deliver([orjson.dumps(large), *documents("small")])
        assert out.refused == 1
    assert got.ids == ["small"]


def test_a_headers_file_that_is_wrong_is_told_by_line_and_never_quoted(tmp_path: Path) -> None:
    headers = tmp_path / "headers"
    headers.write_text("x-good: 1\nBearer s3cret\n")
    with pytest.raises(ConfigInvalid) as refused:
        read_headers(headers)
    assert refused.value.problems == (f"{headers}:2: a header is written as `name: value`",)
    assert otlp_export.read_headers(None) == {}
