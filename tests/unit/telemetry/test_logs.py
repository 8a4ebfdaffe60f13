import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from gateway.telemetry.logs import configure_logging, log_level, set_log_level

CANARY = "c4nary" * 6


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the logs of a test go; what pytest had set up is put back after it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    stream = io.StringIO()
    configure_logging("info", stream)
    yield stream
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def entries(stream: io.StringIO) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_an_entry_is_one_line_of_json_with_its_extra_fields(stream: io.StringIO) -> None:
    logging.getLogger("gateway.test").info("loaded %d policies", 3, extra={"version": "v7", "took_ms": 1.5})

    (entry,) = entries(stream)
    assert entry.pop("time").endswith("+00:00")
    assert entry == {
        "level": "info",
        "logger": "gateway.test",
        "message": "loaded 3 policies",
        "version": "v7",
        "took_ms": 1.5,
    }


def test_the_level_can_be_set_while_the_process_runs_and_the_servers_stay_quiet(stream: io.StringIO) -> None:
    assert log_level() == "info"

    set_log_level("debug")
    logging.getLogger("gateway.test").debug("told")
    logging.getLogger("uvicorn.error").info("not told")
    set_log_level("error")
    logging.getLogger("gateway.test").warning("not told")
    logging.getLogger("uvicorn.error").warning("not told")

    assert log_level() == "error"
    assert [entry["message"] for entry in entries(stream)] == ["told"]


def test_a_line_break_in_a_message_does_not_forge_an_entry(stream: io.StringIO) -> None:
    logging.getLogger("gateway.test").warning('bad alias "x\n{"level":"info"}\r\x1b[31m\u2028"')

    assert len(stream.getvalue().split("\n")) == 2
    assert "\x1b" not in stream.getvalue()
    assert orjson.loads(stream.getvalue())["message"].startswith('bad alias "x\n{')


def test_entries_below_the_level_are_left_out(stream: io.StringIO) -> None:
    logging.getLogger("gateway.test").debug("unseen")

    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    "extra",
    [
        {"url": f"https://example.test/?key={CANARY}"},
        {"headers": {"Authorization": CANARY}},
        {"api_key": CANARY},
        {"tried": [("sk-" + CANARY,)]},
    ],
)
def test_no_credential_leaves_by_an_extra_field(stream: io.StringIO, extra: dict[str, object]) -> None:
    logging.getLogger("gateway.test").info("call failed", extra=extra)

    assert entries(stream)[0]["message"] == "call failed"
    assert CANARY not in stream.getvalue()


def test_no_credential_leaves_by_the_message_or_by_a_chain_of_exceptions(stream: io.StringIO) -> None:
    def connect() -> None:
        cause = ConnectionError(f"postgresql://gateway:{CANARY}@db/sizewise is down")
        raise RuntimeError(f"Authorization: Bearer {CANARY}") from cause

    try:
        connect()
    except RuntimeError:
        logging.getLogger("gateway.test").exception("refused key sk-%s", CANARY)

    (entry,) = entries(stream)
    assert CANARY not in stream.getvalue()
    assert "ConnectionError" in entry["exception"]
    assert "RuntimeError" in entry["exception"]


def test_a_value_json_cannot_hold_is_logged_as_text(stream: io.StringIO) -> None:
    odd = {"big": 2**70, "error": ValueError("no"), "lone": "\ud800", "ratio": float("nan"), 5: {"five"}}

    logging.getLogger("gateway.test").info("odd values", extra={"odd": odd})

    assert entries(stream)[0]["odd"] == {
        "big": str(2**70),
        "error": "no",
        "lone": "\\ud800",
        "ratio": None,
        "5": ["five"],
    }


def test_a_very_long_text_is_cut(stream: io.StringIO) -> None:
    logging.getLogger("gateway.test").info("x" * 100_000)

    message = entries(stream)[0]["message"]
    assert len(message) < 20_000
    assert message.endswith("(84000 more characters)")


def test_requests_are_not_logged_one_by_one(stream: io.StringIO) -> None:
    logging.getLogger("uvicorn.access").info("GET / 200")
    logging.getLogger("uvicorn.error").warning("started")

    assert [entry["message"] for entry in entries(stream)] == ["started"]


def test_warnings_are_logged(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("soon gone", DeprecationWarning, stacklevel=1)

    assert any("soon gone" in entry["message"] for entry in entries(stream))
