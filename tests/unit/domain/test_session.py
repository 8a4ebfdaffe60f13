from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.request import Caller, ChatRequest, Message
from gateway.domain.session import (
    Session,
    carried,
    continued,
    draw_of,
    is_begun,
    named_in,
    restricted,
    session_key,
)
from gateway.domain.signals import Signals, measure
from tests.builders import a_request, a_session

_KEY = Caller(key_id="key-1")
_ASK = Message(role="user", text="Plan a trip to Lyon")
_ANSWER = Message(role="assistant", text="Gladly. When?")


def _carried(signals: Signals, session: Session | None) -> Signals:
    return carried(signals, session, at_s=0.0, is_named=False)


def _conversation(*messages: Message, **changes: Any) -> ChatRequest:
    return a_request(messages=messages, **changes)


def test_every_request_of_a_conversation_has_its_key() -> None:
    first = session_key(_conversation(_ASK), _KEY)
    later = session_key(_conversation(_ASK, _ANSWER, Message(role="user", text="In May")), _KEY)

    assert first == later
    assert len(first) == 24


@pytest.mark.parametrize(
    "other",
    [
        _conversation(Message(role="user", text="Plan a trip to Rome")),
        _conversation(Message(role="system", text="Be brief"), _ASK),
        _conversation(_ASK, tools=1, payload={"tools": [{"type": "function", "function": {"name": "search"}}]}),
    ],
    ids=["another first ask", "another system prompt", "other tools"],
)
def test_what_begins_otherwise_is_another_conversation(other: ChatRequest) -> None:
    assert session_key(other, _KEY) != session_key(_conversation(_ASK), _KEY)


def test_no_two_keys_share_a_conversation() -> None:
    assert session_key(_conversation(_ASK), _KEY) != session_key(_conversation(_ASK), Caller(key_id="key-2"))
    assert session_key(_conversation(_ASK), _KEY, "s-1") != session_key(
        _conversation(_ASK), Caller(key_id="key-2"), "s-1"
    )


def test_a_conversation_the_client_names_is_known_by_that_name_alone() -> None:
    named = session_key(_conversation(_ASK), _KEY, "case-17")

    assert named == session_key(_conversation(Message(role="user", text="and now?")), _KEY, "case-17")
    assert named != session_key(_conversation(_ASK), _KEY)


def test_where_nobody_wrote_anything_what_it_begins_with_stands_for_the_conversation() -> None:
    def key(url: str) -> str:
        part = {"type": "image_url", "image_url": {"url": url}}
        payload = {"messages": [{"role": "user", "content": [part]}]}
        return session_key(_conversation(Message(role="user", text="", images=1), payload=payload), _KEY)

    assert key("https://a.example/1.png") == key("https://a.example/1.png")
    assert key("https://a.example/1.png") != key("https://a.example/2.png")


def test_a_reminder_before_the_first_ask_is_not_the_first_ask() -> None:
    reminded = Message(role="user", text=f"<system-reminder>today is Monday</system-reminder>{_ASK.text}")

    assert session_key(_conversation(reminded), _KEY) == session_key(_conversation(_ASK), _KEY)


def test_the_body_can_name_the_session_in_its_metadata() -> None:
    assert named_in(a_request(payload={"metadata": {"session_id": "case-17"}})) == "case-17"
    assert named_in(a_request(payload={"metadata": {"session_id": 17}})) == ""
    assert named_in(a_request()) == ""


def test_a_conversation_is_begun_once_something_was_answered() -> None:
    assert not is_begun(_conversation(Message(role="system", text="Be brief"), _ASK))
    assert is_begun(_conversation(_ASK, _ANSWER))


@given(st.text())
def test_a_draw_is_a_number_from_0_up_to_1_and_always_the_same(text: str) -> None:
    assert 0.0 <= draw_of(text) < 1.0
    assert draw_of(text) == draw_of(text)


def test_once_sensitive_a_session_stays_so_though_the_client_forgets() -> None:
    signals = measure(a_request("And in May?"))

    kept = _carried(signals, a_session(sensitive=("personal", "health")))

    assert (kept.sensitive, kept.sensitivity) == (("personal", "health"), "personal")
    assert replace(kept, sensitive=(), sensitivity="none") == signals


@pytest.mark.parametrize("held", [(), ("secret",)])
def test_what_a_session_held_adds_to_what_the_request_holds(held: Sequence[str]) -> None:
    signals = replace(measure(a_request()), sensitive=("personal",), sensitivity="personal")

    kept = _carried(signals, a_session(sensitive=tuple(held)))

    assert kept.sensitive == (*held, "personal")
    assert kept.sensitivity == kept.sensitive[0]


def test_without_a_session_nothing_is_carried() -> None:
    signals = measure(a_request())

    assert _carried(signals, None) is signals


def test_what_others_that_began_alike_may_have_held_counts_for_an_hour() -> None:
    signals = measure(a_request())
    session = a_session(sensitive=("personal",), sensitive_at_s=1_000.0)

    def sensitivity_after(seconds: float, *, is_named: bool) -> str:
        return carried(signals, session, at_s=1_000.0 + seconds, is_named=is_named).sensitivity

    assert sensitivity_after(3_600.0, is_named=False) == "personal"
    assert sensitivity_after(3_601.0, is_named=False) == "none"
    assert sensitivity_after(1e9, is_named=True) == "personal"


def test_a_session_is_known_by_all_it_ever_held() -> None:
    session = restricted(restricted(None, ("health",), 10.0), ("secret",), 20.0)

    assert (session.sensitive, session.sensitive_at_s) == (("secret", "health"), 20.0)


def test_who_serves_a_session_next_lifts_no_restriction() -> None:
    before = restricted(a_session("small-a"), ("personal",), 10.0)

    assert continued(before, a_session("large-a")) == a_session("large-a", sensitive=("personal",), sensitive_at_s=10.0)
    assert continued(None, a_session("large-a")) == a_session("large-a")
