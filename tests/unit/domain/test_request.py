from gateway.domain.request import Message
from tests.builders import a_request


def _of(*messages: Message) -> str:
    return a_request(messages=messages).last_human_text()


def test_the_ask_is_the_last_message_a_user_wrote() -> None:
    ask = _of(
        Message(role="user", text="first"),
        Message(role="assistant", text="answer"),
        Message(role="user", text="second"),
        Message(role="assistant", text="", tool_calls=1),
        Message(role="tool", text="result"),
    )

    assert ask == "second"


def test_a_user_message_without_text_is_passed_over() -> None:
    assert _of(Message(role="user", text="what is this?"), Message(role="user", text="", images=1)) == "what is this?"


def test_where_no_human_wrote_there_is_no_ask() -> None:
    assert _of(Message(role="system", text="You are terse."), Message(role="assistant", text="Hello.")) == ""
