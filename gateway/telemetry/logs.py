"""Structured logs: one JSON object a line, credentials taken out. Requests are not logged here: their records are."""

import logging
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

import orjson

from gateway.domain.redaction import REDACTED, names_a_credential, redact

_LONGEST_TEXT = 16_000
_INT64_MAX = 2**63 - 1
_SERVERS = ("uvicorn", "uvicorn.error", "uvicorn.access")
_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
"""What every log record has; all else came in by `extra=`."""


def configure_logging(level: str, stream: TextIO) -> None:
    """Send all logs of the process to `stream`; `level` is one of logging's names. Replaces what was set up before."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in _SERVERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
    set_log_level(level)


def log_level() -> str:
    """How much the process logs, as `configure_logging` takes it."""
    return logging.getLevelName(logging.getLogger().level).lower()


def set_log_level(level: str) -> None:
    """`level` is one of logging's names; for all loggers of the process."""
    logging.getLogger().setLevel(level.upper())
    for name in _SERVERS:  # that they started and stopped, we say ourselves
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON: time, level, logger, message, what `extra=` gave, and the exception if any."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
        if record.exc_info and record.exc_info[1] is not None:
            entry["exception"] = "".join(traceback.format_exception(record.exc_info[1]))
        return orjson.dumps(_loggable(entry)).decode()


def _loggable(value: object) -> object:
    """The value in JSON's types, its texts redacted and bounded."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _INT64_MAX else str(value)
    if isinstance(value, Mapping):
        return {
            _text(str(name)): REDACTED if names_a_credential(str(name)) else _loggable(each)
            for name, each in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_loggable(each) for each in value]
    return _text(str(value))


def _text(text: str) -> str:
    """Redacted before it is cut, so that no half of a secret stays.

    Lone surrogates, which JSON cannot hold, are escaped.
    """
    clean = redact(text)
    if len(clean) > _LONGEST_TEXT:
        clean = f"{clean[:_LONGEST_TEXT]}… ({len(clean) - _LONGEST_TEXT} more characters)"
    return clean.encode("utf-8", "backslashreplace").decode()
