"""The proxy's own log: one JSON object a line on stderr. It tells of events and never of content.

Messages are constant words with named values; an exception is told by its type and place, never by its
text, because a text could quote what somebody sent.
"""

import logging
import sys
import time
import traceback
from collections.abc import Mapping
from typing import TextIO

import orjson

LOGGER = "sluicegate"


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "event": record.msg if isinstance(record.msg, str) else type(record.msg).__name__,
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["at"] = _place(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


class Log:
    """`event` is a constant; `fields` are ids, codes, counts and durations."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def event(self, event: str, fields: Mapping[str, object]) -> None:
        """A warning about a peer or a fault of ours."""
        self._logger.warning(event, extra={"fields": fields})

    def info(self, event: str, **fields: object) -> None:
        self._logger.info(event, extra={"fields": fields})

    def warning(self, event: str, **fields: object) -> None:
        self._logger.warning(event, extra={"fields": fields})

    def failure(self, event: str, error: BaseException, **fields: object) -> None:
        self._logger.error(event, exc_info=error, extra={"fields": fields})


def start_log(level: str, stream: TextIO = sys.stderr) -> Log:
    """Take over the root logger too: a library's own words could carry content, so only ours are written."""
    writer = logging.StreamHandler(stream)
    writer.setFormatter(JsonLines())
    logger = logging.getLogger(LOGGER)
    logger.handlers[:] = [writer]
    logger.setLevel(level.upper())
    logger.propagate = False
    logging.getLogger().handlers[:] = [logging.NullHandler()]
    return Log(logger)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rsplit('/', 2)[-1]}:{frames[-1].lineno}" if frames else ""
