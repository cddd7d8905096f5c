"""OTLP in its JSON encoding: a record as one line that any OTLP reader takes, and back to plain values.

Encoding: opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding (lowerCamelCase names, 64-bit integers as
decimal strings). A line is one ExportLogsServiceRequest, as the collector's `otlpjsonfile` receiver reads it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from proxy import __version__

Json = Any

RESOURCE = {"service.name": "sluicegate", "service.version": __version__}
SCOPE = "sluicegate.feedback"
SEVERITY_INFO = 9


def line(record: Mapping[str, Json]) -> bytes:
    """The document that `proxy.record.record` makes, as one line without its line feed."""
    log = {"scope": _SCOPE, "logRecords": [_log_record(record)]}
    return orjson.dumps({"resourceLogs": [{"resource": _RESOURCE, "scopeLogs": [log]}]})


def records(text: bytes) -> Iterable[dict[str, Json]]:
    """The records of one line, with plain attributes. Raises ValueError or KeyError for another line."""
    for resource in orjson.loads(text)["resourceLogs"]:
        for scope in resource["scopeLogs"]:
            for record in scope["logRecords"]:
                yield {
                    "time_unix_nano": int(record["timeUnixNano"]),
                    "event_name": record["eventName"],
                    "attributes": {item["key"]: plain(item["value"]) for item in record["attributes"]},
                }


def _log_record(record: Mapping[str, Json]) -> dict[str, Json]:
    time = str(record["time_unix_nano"])
    return {
        "timeUnixNano": time,
        "observedTimeUnixNano": time,
        "severityNumber": SEVERITY_INFO,
        "severityText": "INFO",
        "eventName": record["event_name"],
        "attributes": _key_values(record["attributes"]),
    }


def any_value(value: Json) -> dict[str, Json]:
    """An `AnyValue`. Null is one without a value."""
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _key_values(value)}}
    return {}


def _key_values(values: Mapping[str, Json]) -> list[dict[str, Json]]:
    return [{"key": key, "value": any_value(value)} for key, value in values.items()]


def plain(value: Mapping[str, Json]) -> Json:
    """What `any_value` was made from. Raises ValueError for a value that is none."""
    match value:
        case {"stringValue": text}:
            return text
        case {"boolValue": truth}:
            return truth
        case {"intValue": number}:
            return int(number)
        case {"doubleValue": number}:
            return float(number)
        case {"arrayValue": {"values": items}}:
            return [plain(item) for item in items]
        case {"kvlistValue": {"values": items}}:
            return {item["key"]: plain(item["value"]) for item in items}
    if value:
        raise ValueError("not an OTLP value")
    return None


# The same on every line.
_RESOURCE = orjson.Fragment(orjson.dumps({"attributes": _key_values(RESOURCE)}))
_SCOPE = orjson.Fragment(orjson.dumps({"name": SCOPE, "version": __version__}))
