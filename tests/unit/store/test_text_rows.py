import json
from datetime import UTC, datetime

from gateway.domain.answer import ToolCall
from gateway.domain.kept_text import Conversation, KeptMessage
from gateway.store.rows import REPLACEMENT
from gateway.store.text_rows import TEXT_COLUMNS, text_from, text_values
from tests.builders import a_kept_text


def _time(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def test_a_text_comes_back_as_it_was() -> None:
    call = ToolCall(name="weather", arguments='{"city":"Oslo"}')
    messages = (KeptMessage(role="assistant", text="", calls=(call,)), KeptMessage(role="user", text="日本"))
    text = a_kept_text(request=Conversation(messages=messages, tools=("weather",)), received_at=1.5, expires_at=2.25)

    (values,) = text_values([text], _time)
    row = dict(zip(TEXT_COLUMNS, values, strict=True))

    assert text_from(row | {"request": json.loads(row["request"])}) == text


def test_what_no_database_takes_is_replaced() -> None:
    request = Conversation(messages=(KeptMessage(role="user", text="a\0b"),))

    (values,) = text_values([a_kept_text(request=request, answer="c\0d\ud800")], _time)

    row = dict(zip(TEXT_COLUMNS, values, strict=True))
    assert json.loads(row["request"])["messages"][0]["text"] == f"a{REPLACEMENT}b"
    assert row["answer"] == f"c{REPLACEMENT}d?"
