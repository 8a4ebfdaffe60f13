from gateway.cli.kept_text import text_lines
from gateway.domain.answer import ToolCall
from gateway.domain.kept_text import Conversation, KeptMessage
from tests.builders import a_kept_text


def test_each_message_stands_below_who_said_it_and_the_answer_comes_last() -> None:
    call = ToolCall(name="weather", arguments='{"city":"Oslo"}')
    messages = (
        KeptMessage(role="user", text="Hello\n\nthere"),
        KeptMessage(role="assistant", text="One moment.", calls=(call,)),
    )
    text = a_kept_text(request=Conversation(messages=messages, tools=("weather",)), expires_at=1_790_000_000.0)

    assert [*text_lines(text)] == [
        "Text: redacted, kept until 2026-09-21 14:13 UTC",
        "Tools offered: weather",
        "user:",
        "  Hello",
        "",
        "  there",
        "assistant:",
        "  One moment.",
        '  calls weather({"city":"Oslo"})',
        "Answer:",
        "  Paris.",
    ]


def test_what_was_cut_is_told_and_an_answer_that_is_not_kept_is_not() -> None:
    lines = [*text_lines(a_kept_text(truncated=True, answer=None))]

    assert lines[0].startswith("Text: redacted, not all of it, kept until ")
    assert "Answer:" not in lines


def test_no_text_can_write_on_the_terminal() -> None:
    odd = "\x1b[2J\r\x07\u202etxt\tend\x9b\u2028"
    messages = (KeptMessage(role=odd, text=odd, calls=(ToolCall(name=odd, arguments=odd),)),)
    text = a_kept_text(request=Conversation(messages=messages, tools=(odd,)), answer=odd)

    lines = [*text_lines(text)]

    assert all(line.isprintable() for line in lines)
    assert lines[-1] == "  \\x1b[2J\\r\\x07\\u202etxt  end\\x9b\\u2028"
