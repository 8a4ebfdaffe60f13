import msgspec
import pytest

from gateway.domain.answer import ToolCall
from gateway.domain.intent import Intent
from gateway.domain.kept_text import Conversation, KeptMessage
from gateway.domain.record import CheckResult
from gateway.store.spool.contents import intent_frame, intent_of, record_frame, record_of, text_frame, text_of
from gateway.store.spool.frames import INTENT, RECORD, TEXT, Frame, frames_in
from tests.builders import a_kept_text, a_record, an_attempt, an_intent


def _only(data: bytes) -> Frame:
    (found,) = frames_in(data, 0)
    assert isinstance(found, Frame)
    return found


def test_a_record_comes_back_as_it_was() -> None:
    checked = CheckResult(passed=False, failures=("empty",))
    record = a_record(attempts=(an_attempt(checked=checked), an_attempt(number=2, usage=None)), excluded={"a": "b"})

    found = _only(record_frame(record))

    assert found.kind == RECORD
    assert record_of(found.payload) == record


def test_an_intent_comes_back_as_it_was() -> None:
    found = _only(intent_frame(an_intent()))

    assert found.kind == INTENT
    assert intent_of(found.payload) == an_intent()


def test_a_text_comes_back_as_it_was() -> None:
    call = ToolCall(name="weather", arguments="{}")
    request = Conversation(messages=(KeptMessage(role="user", text="a", calls=(call,)),), tools=("weather",))

    found = _only(text_frame(a_kept_text(request=request, answer=None)))

    assert found.kind == TEXT
    assert (text_of(found.payload).request, text_of(found.payload).answer) == (request, None)


def test_a_lone_surrogate_stops_no_record() -> None:
    record = a_record(alias="a\ud800b", reasons=("c\udfff",), excluded={"\ud800": "x"})

    found = record_of(_only(record_frame(record)).payload)

    assert (found.alias, found.reasons, dict(found.excluded)) == ("a?b", ("c?",), {"?": "x"})


def test_a_record_of_a_release_with_more_fields_is_read() -> None:
    fields = {**msgspec.to_builtins(a_record()), "a_field_to_come": {"x": 1}}

    assert record_of(msgspec.msgpack.encode(fields)) == a_record()


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(msgspec.MsgspecError):
        record_of(msgspec.msgpack.encode(msgspec.to_builtins(an_intent())))
    with pytest.raises(msgspec.MsgspecError):
        intent_of(b"\xc1")


def test_an_intent_is_small() -> None:
    assert len(intent_frame(an_intent())) < 300
    assert isinstance(an_intent(), Intent)
