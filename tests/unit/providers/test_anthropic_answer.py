"""A whole Messages answer, as a client of OpenAI's would read it."""

from typing import Any

import orjson
import pytest
from openai.types.chat import ChatCompletion

from gateway.domain.errors import UpstreamInvalidAnswerError
from gateway.domain.usage import MoreUsage, Usage
from gateway.providers.anthropic_answer import FINISH_REASONS, WireUsage, completion_of, finish_reason

DOCUMENTED_STOP_REASONS = {
    "end_turn": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "pause_turn": "length",
    "refusal": "content_filter",
    "model_context_window_exceeded": "length",
}
COUNTS = {"input_tokens": 7, "output_tokens": 3}


def translated(*content: dict[str, Any], **changes: Any) -> tuple[ChatCompletion, Usage | None]:
    """The answer as the official client reads it, strictly."""
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": list(content),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": COUNTS,
        **changes,
    }
    completion = completion_of("d", orjson.dumps(message), 1_790_000_000.9)
    return ChatCompletion.model_validate_json(completion.body, strict=True), completion.usage


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def use(given: Any, call_id: str = "toolu_1") -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "weather", "input": given}


def test_an_answer_is_a_completion_of_the_same_id_model_and_text() -> None:
    completion, _ = translated(text("Paris"), text(" it is"))

    assert (completion.id, completion.model, completion.created) == ("msg_1", "claude", 1_790_000_000)
    [choice] = completion.choices
    assert (choice.message.content, choice.message.tool_calls, choice.finish_reason) == ("Paris it is", None, "stop")


def test_calls_of_tools_carry_their_arguments_as_json_text() -> None:
    completion, _ = translated(
        text("let me see"), use({"city": "Oslo"}), use({}, "toolu_2"), use(None, "toolu_3"), stop_reason="tool_use"
    )

    [choice] = completion.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "let me see"
    calls = [call for call in choice.message.tool_calls or () if call.type == "function"]
    assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
        ("toolu_1", "weather", '{"city":"Oslo"}'),
        ("toolu_2", "weather", "{}"),
        ("toolu_3", "weather", "{}"),
    ]


def test_calls_alone_leave_the_content_null_and_an_empty_answer_leaves_it_empty() -> None:
    assert translated(use({}))[0].choices[0].message.content is None
    assert translated()[0].choices[0].message.content == ""


def test_thinking_is_told_apart_from_the_answer_and_its_signature_kept() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    hidden = {"type": "redacted_thinking", "data": "x"}

    message = translated(thought, hidden, text("Paris"))[0].choices[0].message.model_dump()

    assert message["content"] == "Paris"
    assert message["reasoning_content"] == "hm"
    assert message["thinking_blocks"] == [thought, hidden]


def test_thinking_that_is_not_shown_has_no_text() -> None:
    message = translated({"type": "redacted_thinking", "data": "x"}, text("a"))[0].choices[0].message.model_dump()

    assert "reasoning_content" not in message


def test_blocks_of_kinds_we_do_not_know_are_passed_over() -> None:
    assert translated({"type": "novelty", "content": [1]}, text("a"))[0].choices[0].message.content == "a"


def test_no_documented_stop_reason_is_without_a_row() -> None:
    assert FINISH_REASONS == DOCUMENTED_STOP_REASONS


@pytest.mark.parametrize(("stop_reason", "expected"), DOCUMENTED_STOP_REASONS.items())
def test_an_answer_ends_for_the_reason_openai_would_give(stop_reason: str, expected: str) -> None:
    assert translated(text("a"), stop_reason=stop_reason)[0].choices[0].finish_reason == expected


@pytest.mark.parametrize("stop_reason", ["novelty", "", None])
def test_an_unknown_reason_is_an_end_like_any_other(stop_reason: str | None) -> None:
    assert finish_reason(stop_reason) == "stop"


def test_a_refusal_says_why_where_the_api_does() -> None:
    details = {"type": "refusal", "category": None, "explanation": "not that"}

    message = translated(stop_reason="refusal", stop_details=details)[0].choices[0].message

    assert message.refusal == "not that"


def test_input_from_and_for_the_cache_is_input() -> None:
    counts = {
        **COUNTS,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 20,
        "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5},
        "output_tokens_details": {"thinking_tokens": 2},
        "server_tool_use": {"web_search_requests": 1},
        "service_tier": "priority",
    }

    completion, usage = translated(text("a"), usage=counts)

    assert usage == Usage(
        input_tokens=127,
        output_tokens=3,
        cached_input_tokens=100,
        more=MoreUsage(
            cache_write_tokens=15, cache_write_1h_tokens=5, reasoning_tokens=2, searches=1, service_tier="priority"
        ),
    )
    assert completion.usage is not None
    assert completion.usage.model_dump(exclude_none=True) == {
        "prompt_tokens": 127,
        "completion_tokens": 3,
        "total_tokens": 130,
        "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }


@pytest.mark.parametrize(
    "counts",
    [
        None,
        {},
        {"input_tokens": 1},
        {"input_tokens": -1, "output_tokens": 1},
        {"input_tokens": 1, "output_tokens": 1, "cache_read_input_tokens": -5},
    ],
)
def test_counts_that_are_missing_or_make_no_sense_are_none(counts: Any) -> None:
    completion, usage = translated(text("a"), usage=counts)

    assert (completion.usage, usage) == (None, None)


def test_later_counts_replace_earlier_ones_and_leave_the_others() -> None:
    first = WireUsage(input_tokens=7, output_tokens=1, cache_read_input_tokens=5)

    assert first.updated(WireUsage(output_tokens=9)) == WireUsage(
        input_tokens=7, output_tokens=9, cache_read_input_tokens=5
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{",
        b"null",
        b"[]",
        b"\xff",
        b"{}",
        b'{"content": null}',
        b'{"content": "x"}',
        b'{"content": [{"text": "no type"}]}',
        b'{"type": "error", "error": {"type": "api_error", "message": "secret"}}',
        b"[" * 100_000,
    ],
)
def test_a_200_that_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamInvalidAnswerError) as caught:
        completion_of("d", body, 0.0)

    assert "'d'" in caught.value.message
    assert "secret" not in caught.value.message
