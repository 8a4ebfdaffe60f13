import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.answer import ToolCall
from gateway.domain.kept_text import Conversation, KeptMessage, conversation_of, kept_text
from gateway.domain.sensitivity import sensitive_kinds
from tests.builders import a_request, what_was_said
from tests.unit.domain.test_text_redaction import KEY, SENSITIVE

_MOST = 65_536


def _conversation(*messages: dict[str, Any], most_bytes: int = _MOST, **payload: Any) -> Conversation:
    tools = len(payload.get("tools", ()))
    request = a_request(payload={"model": "auto", "messages": [*messages], **payload}, tools=tools)
    return conversation_of(request, most_bytes)[0]


def _user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def test_the_messages_are_kept_in_their_order_with_who_said_them() -> None:
    found = _conversation({"role": "system", "content": "Be brief."}, _user("Hello"))

    assert found == Conversation(
        messages=(KeptMessage(role="system", text="Be brief."), KeptMessage(role="user", text="Hello"))
    )


def test_what_is_no_text_is_a_marker() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    file, odd = {"type": "file", "file": {"file_data": "AAAA"}}, {"type": ["?"], "x": 1}

    found = _conversation(_user([{"type": "text", "text": "see"}, image, audio, file, odd]))

    assert found.messages[0].text == "see\n[image]\n[audio]\n[file]\n[part]"


def test_calls_of_tools_are_kept_and_of_the_tools_their_names_only() -> None:
    calls = [
        {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}},
        {"id": "2", "type": "custom", "custom": {"name": "shell", "input": "ls"}},
        {"id": "3", "type": "function", "function": {"name": "odd", "arguments": {"a": 1}}},
        "no call",
    ]
    said = {"role": "assistant", "content": None, "refusal": "No.", "tool_calls": calls}
    old = {"role": "assistant", "content": "", "function_call": {"name": "old", "arguments": "{}"}}
    tool = {"type": "function", "function": {"name": "weather", "description": "long", "parameters": {}}}

    found = _conversation(said, old, tools=[tool])

    assert found.messages[0].calls == (
        ToolCall(name="weather", arguments='{"city":"Oslo"}'),
        ToolCall(name="shell", arguments="ls"),
        ToolCall(name="odd", arguments='{"a":1}'),
    )
    assert (found.messages[0].text, found.messages[1].calls) == ("No.", (ToolCall(name="old", arguments="{}"),))
    assert found.tools == ("weather",)


def test_of_too_many_messages_the_latest_stay_and_it_is_told() -> None:
    request = a_request(payload={"messages": [_user("a" * 400), _user("b" * 400), _user("c" * 100)]})

    conversation, is_cut = conversation_of(request, 300)
    kept = kept_text(what_was_said(conversation=conversation, is_cut=is_cut, most_bytes=300, delivered=b""))

    assert is_cut
    assert kept.truncated
    assert [message.text for message in kept.request.messages] == ["b" * (300 - 100 - 32), "c" * 100]


def test_very_many_empty_messages_are_bounded_too() -> None:
    request = a_request(payload={"messages": [_user("")] * 10_000})

    conversation, is_cut = conversation_of(request, 3_200)

    assert (len(conversation.messages), is_cut) == (100, True)


@pytest.mark.parametrize("length", [300, 301, 5_000, 50_000])
def test_a_message_that_does_not_fit_is_cut_and_it_is_told(length: int) -> None:
    request = a_request(payload={"messages": [_user("é" * length)]})

    conversation, is_cut = conversation_of(request, 300)
    kept = kept_text(what_was_said(conversation=conversation, is_cut=is_cut, most_bytes=300, delivered=b""))

    assert kept.request.messages[0].text == "é" * 150
    assert kept.truncated


def test_the_arguments_of_calls_are_within_the_same_bound() -> None:
    calls = [{"function": {"name": "f", "arguments": "x" * 200}}] * 50
    request = a_request(payload={"messages": [{"role": "assistant", "content": "t" * 100, "tool_calls": calls}]})

    conversation, is_cut = conversation_of(request, 400)
    kept = kept_text(what_was_said(conversation=conversation, is_cut=is_cut, most_bytes=400, delivered=b""))

    (message,) = kept.request.messages
    assert kept.truncated
    assert len(message.text) + sum(len(call.arguments) for call in message.calls) <= 400


def test_what_is_stored_says_whose_it_is_and_when_it_goes() -> None:
    kept = kept_text(what_was_said("Where is Oslo?", "In Norway.", days=2))

    assert (kept.request_id, kept.team, kept.received_at) == ("req-1", "support", 1_790_000_000.0)
    assert kept.expires_at == 1_790_000_000.0 + 2 * 86_400
    assert (kept.request.messages[0].text, kept.answer, kept.truncated) == ("Where is Oslo?", "In Norway.", False)


def test_a_streamed_answer_is_put_together() -> None:
    chunks = [{"choices": [{"delta": {"content": text}}]} for text in ("In ", "Nor", "way.")]
    events = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks)

    assert kept_text(what_was_said(delivered=events, is_stream=True)).answer == "In Norway."


def test_a_secret_that_a_stream_brings_in_pieces_is_found() -> None:
    chunks = [{"choices": [{"delta": {"content": text}}]} for text in ("it is ", KEY[:5], KEY[5:20], KEY[20:], " ok")]
    events = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks)

    assert kept_text(what_was_said(delivered=events, is_stream=True)).answer == "it is [secret] ok"


def test_an_answer_that_calls_tools_says_which() -> None:
    call = {"function": {"name": "weather", "arguments": '{"mail":"ann@example.com"}'}}
    body = json.dumps({"choices": [{"message": {"content": None, "tool_calls": [call]}}]}).encode()

    assert kept_text(what_was_said(delivered=body)).answer == 'weather({"mail":"[personal]"})'


def test_where_nothing_was_delivered_there_is_no_answer() -> None:
    assert kept_text(what_was_said(answer="")).answer is None


def test_the_word_for_word_form_never_shows_itself() -> None:
    said = what_was_said(f"my key is {KEY}")

    assert repr(said) == "Said('req-1')"
    assert KEY not in f"{said}"
    assert said.size > len(KEY)


_PIECES = st.lists(
    st.one_of(st.sampled_from((*SENSITIVE, "password:", "hunter2!x", "ssn")), st.text(max_size=8)), max_size=4
).map(" ".join)


@given(st.lists(_PIECES, min_size=1, max_size=4), _PIECES, _PIECES, st.sampled_from([256, 65_536]))
def test_no_detector_finds_anything_in_what_is_stored(
    asks: list[str], arguments: str, answer: str, most_bytes: int
) -> None:
    calls = [{"function": {"name": arguments[:20], "arguments": arguments}}]
    messages = [*map(_user, asks), {"role": "assistant", "content": None, "tool_calls": calls}]
    tools = [{"type": "function", "function": {"name": answer[:60]}}]
    request = a_request(payload={"messages": messages, "tools": tools}, tools=1)
    conversation, _ = conversation_of(request, most_bytes)

    kept = kept_text(what_was_said(answer=answer, conversation=conversation, most_bytes=most_bytes))

    texts = [*kept.request.tools, *(message.text for message in kept.request.messages), kept.answer or ""]
    texts += [
        piece for message in kept.request.messages for call in message.calls for piece in (call.name, call.arguments)
    ]
    assert {"secret", "personal"}.isdisjoint(sensitive_kinds(texts))
    for text in texts:
        assert {"secret", "personal"}.isdisjoint(sensitive_kinds([text]))
    assert KEY.encode() not in msgspec.msgpack.encode(kept)
