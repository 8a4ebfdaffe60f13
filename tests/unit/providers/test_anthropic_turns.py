"""A conversation of OpenAI's, told the way the Messages API wants it."""

from typing import Any

import pytest

from gateway.domain.errors import UpstreamRejectedError
from gateway.providers.anthropic_turns import conversation

CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
USE = {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Oslo"}}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: Any = None, **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **fields}


def tool(content: Any, call_id: str = "call_1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def turns(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    return conversation(list(messages))[1]


def refusal(*messages: dict[str, Any]) -> UpstreamRejectedError:
    with pytest.raises(UpstreamRejectedError) as caught:
        conversation(list(messages))
    return caught.value


def test_instructions_go_to_system_wherever_they_stand() -> None:
    system, said = conversation(
        [
            {"role": "system", "content": "be brief"},
            user("hi"),
            {"role": "developer", "content": [text("be kind")]},
        ]
    )

    assert system == [text("be brief"), text("be kind")]
    assert said == [user([text("hi")])]


def test_what_one_side_says_in_a_row_is_one_turn() -> None:
    said = turns(user("a"), user("b"), assistant("c"), assistant("d"), user("e"))

    assert said == [user([text("a"), text("b")]), assistant([text("c"), text("d")]), user([text("e")])]


def test_an_instruction_between_two_messages_does_not_part_their_turn() -> None:
    assert turns(user("a"), {"role": "system", "content": "s"}, user("b")) == [user([text("a"), text("b")])]


def test_instructions_alone_are_the_users_turn() -> None:
    assert conversation([{"role": "system", "content": "say hi"}]) == ([], [user([text("say hi")])])


@pytest.mark.parametrize("empty", ["", "  \n", [], [text("\t")], None])
def test_text_nobody_could_see_is_left_out(empty: Any) -> None:
    assert turns(user("a"), user(empty), assistant(empty), user("b")) == [user([text("a"), text("b")])]


def test_a_conversation_without_content_is_refused() -> None:
    assert refusal(user("")).param == "messages"


def test_an_answer_to_be_continued_ends_without_white_space() -> None:
    assert turns(user("a"), assistant("The answer is \n"))[-1] == assistant([text("The answer is")])


def test_calls_and_their_results_are_blocks() -> None:
    said = turns(user("a"), assistant("looking", tool_calls=[CALL]), tool("rain"), user("and?"))

    assert said[1] == assistant([text("looking"), USE])
    assert said[2] == user([{"type": "tool_result", "tool_use_id": "call_1", "content": [text("rain")]}, text("and?")])


def test_results_of_calls_made_at_once_share_a_turn_and_stand_first() -> None:
    second = {**CALL, "id": "call_2"}

    said = turns(user("a"), assistant(tool_calls=[CALL, second]), user("hurry"), tool("x"), tool("y", "call_2"))

    assert [block["type"] for block in said[-1]["content"]] == ["tool_result", "tool_result", "text"]


@pytest.mark.parametrize("content", ["", None, []])
def test_a_result_without_content_is_a_result(content: Any) -> None:
    said = turns(user("a"), assistant(tool_calls=[CALL]), tool(content))

    assert said[-1]["content"] == [{"type": "tool_result", "tool_use_id": "call_1"}]


@pytest.mark.parametrize("arguments", ["", None, "{}"])
def test_a_call_without_arguments_passes_an_empty_object(arguments: Any) -> None:
    call = {**CALL, "function": {"name": "now", "arguments": arguments}}

    assert turns(user("a"), assistant(tool_calls=[call]), tool("x"))[1]["content"][0]["input"] == {}


def test_an_id_the_api_would_not_take_is_changed_alike_in_call_and_result() -> None:
    said = turns(user("a"), assistant(tool_calls=[{**CALL, "id": "functions.f:0"}]), tool("x", "functions.f:0"))

    assert said[1]["content"][0]["id"] == said[2]["content"][0]["tool_use_id"] == "functions_f_0"


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://a/b.png", {"type": "url", "url": "https://a/b.png"}),
        (PIXEL, {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}),
        ("data:image/jpg;base64,AA==", {"type": "base64", "media_type": "image/jpeg", "data": "AA=="}),
    ],
)
def test_an_image_is_a_link_or_its_bytes(url: str, source: dict[str, str]) -> None:
    part = {"type": "image_url", "image_url": {"url": url, "detail": "high"}}

    assert turns(user([text("what?"), part])) == [user([text("what?"), {"type": "image", "source": source}])]


def test_a_pdf_is_a_document() -> None:
    part = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}}

    [block] = turns(user([part]))[0]["content"]

    assert block["source"] == {"type": "base64", "media_type": "application/pdf", "data": "AA=="}
    assert (block["type"], block["title"]) == ("document", "a.pdf")


def test_a_mark_for_the_cache_stays_on_its_part() -> None:
    part = {**text("long"), "cache_control": {"type": "ephemeral"}}

    assert turns(user([part])) == [user([part])]


def test_signed_thinking_goes_back_before_what_followed_it() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}

    said = turns(user("a"), assistant("b", thinking_blocks=[thought], reasoning_content="hm", refusal=None), user("c"))

    assert said[1] == assistant([thought, text("b")])


def test_the_clients_own_messages_are_left_as_they_are() -> None:
    messages = [user([text("a")]), assistant([text("b ")])]

    conversation(messages)

    assert messages == [user([text("a")]), assistant([text("b ")])]


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "function", "name": "f", "content": "x"}, "messages[1].role"),
        ({"role": "system", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]}, "messages[1].content"),
        (user([{"type": "input_audio", "input_audio": {}}]), "messages[1].content[0]"),
        (user([{"type": "text", "text": 7}]), "messages[1].content[0]"),
        (user([{"type": ["text"]}]), "messages[1].content[0]"),
        (user([{"type": "file", "file": {"file_id": "f"}}]), "messages[1].content[0]"),
        (
            user([{"type": "file", "file": {"file_data": "data:text/csv;base64,AA=="}}]),
            "messages[1].content[0].file.file_data",
        ),
        (
            user([{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]),
            "messages[1].content[0].image_url.url",
        ),
        (
            user([{"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,AA=="}}]),
            "messages[1].content[0].image_url.url",
        ),
        (
            user([{"type": "image_url", "image_url": {"url": "data:image/png,AA=="}}]),
            "messages[1].content[0].image_url.url",
        ),
        (tool("x", call_id=7), "messages[1].tool_call_id"),  # type: ignore[arg-type]  # what a client may send
        (assistant(function_call={"name": "f"}), "messages[1].function_call"),
        (assistant(audio={"id": "a"}), "messages[1].audio"),
        (assistant(thinking_blocks=[text("x")]), "messages[1].thinking_blocks"),
        (assistant(thinking_blocks="x"), "messages[1].thinking_blocks"),
        (assistant(tool_calls=["x"]), "messages[1].tool_calls[0]"),
        (assistant(tool_calls=[{**CALL, "id": None}]), "messages[1].tool_calls[0]"),
        (assistant(tool_calls=[{"id": "c", "type": "custom", "custom": {}}]), "messages[1].tool_calls[0]"),
        (
            assistant(tool_calls=[{**CALL, "function": {"name": "f", "arguments": "{"}}]),
            "messages[1].tool_calls[0].function.arguments",
        ),
        (
            assistant(tool_calls=[{**CALL, "function": {"name": "f", "arguments": "[1]"}}]),
            "messages[1].tool_calls[0].function.arguments",
        ),
    ],
)
def test_what_has_no_counterpart_is_refused_by_its_place(message: dict[str, Any], param: str) -> None:
    error = refusal(user("a"), message)

    assert error.param == param
    assert param in error.message
    assert error.status == 400
