"""OTLP's JSON, held against OpenTelemetry's own protobuf."""

import orjson
import pytest
from google.protobuf import json_format  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from proxy.edges.records import otlp
from proxy.edges.records.otlp_http import log_record
from tests.fakes_journal import a_record

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def parsed(line: bytes) -> ExportLogsServiceRequest:
    """Strict: a field that OTLP does not know is an error."""
    request = ExportLogsServiceRequest()
    json_format.Parse(line, request)
    return request


def test_a_line_is_what_the_exporter_would_have_sent() -> None:
    record = a_record()
    sent = encode_logs([log_record(record)])
    sent.resource_logs[0].scope_logs[0].log_records[0].ClearField("body")  # it writes an empty one
    assert parsed(otlp.line(record)) == sent


def test_a_line_gives_its_record_back() -> None:
    record = a_record()
    assert list(otlp.records(otlp.line(record))) == [record]
    assert b"\n" not in otlp.line(record)


def test_times_and_whole_numbers_are_strings_as_the_encoding_wants() -> None:
    request = orjson.loads(otlp.line(a_record()))
    [entry] = request["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert entry["timeUnixNano"] == "1795435200250000000"
    values = {item["key"]: item["value"] for item in entry["attributes"]}
    assert values["gen_ai.usage.input_tokens"] == {"intValue": "700"}
    assert values["gen_ai.request.stream"] == {"boolValue": True}


@given(VALUES)
def test_every_json_value_has_one_otlp_value_and_comes_back(value: object) -> None:
    encoded = orjson.dumps(otlp.any_value(value))
    json_format.Parse(encoded, AnyValue())
    assert otlp.plain(orjson.loads(encoded)) == value


def test_what_is_no_otlp_value_is_refused() -> None:
    with pytest.raises(ValueError):
        otlp.plain({"secretValue": 1})
