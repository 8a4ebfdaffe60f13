from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.training_rows import Tiers, summary, training_rows
from gateway.domain.answer import ToolCall
from gateway.domain.kept_text import Conversation, KeptMessage
from gateway.domain.record import CheckResult
from gateway.store.engine import open_engine
from gateway.store.export import Told, read_pages
from gateway.store.history import Wanted
from tests.builders import a_record, an_attempt
from tests.unit.cli.exports import filled, keep_text, say

_TIERS = Tiers(small="small", large="large")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/records.db"


def _rows(url: str) -> tuple[list[dict[str, Any]], Counter[str]]:
    engine, left_out = open_engine(url), Counter[str]()
    rows = [row for page in read_pages(engine, Wanted()) for row in training_rows(engine, page, _TIERS, left_out)]
    return rows, left_out


def test_word_of_the_small_answer_makes_a_row_with_the_large_one_assumed_right(url: str) -> None:
    filled(url, a_record(team="sales", app="desk"))
    say(url, "req-1", "bad")
    keep_text(url, "req-1", "Why?", "Because.")

    rows, left_out = _rows(url)

    assert rows == [
        {
            "request_id": "req-1",
            "request": {"model": "auto", "messages": [{"role": "user", "content": "Why?"}]},
            "small_correct": False,
            "large_correct": True,
            "large_assumed": True,
            "small_answer": "Because.",
            "category": "knowledge",
            "team": "sales",
            "app": "desk",
        }
    ]
    assert not left_out


def test_a_kept_conversation_comes_as_a_client_would_have_sent_it(url: str) -> None:
    filled(url, a_record())
    say(url, "req-1", "good")
    called = KeptMessage(role="assistant", text="", calls=(ToolCall(name="weather", arguments="{}"),))
    told = KeptMessage(role="tool", text="rain")
    keep_text(url, "req-1", Conversation(messages=(called, told), tools=("weather",)))

    (row,), _ = _rows(url)

    assert row["request"]["tools"] == [{"type": "function", "function": {"name": "weather"}}]
    assert row["request"]["messages"] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "call_0", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "rain"},
    ]


def test_the_answer_after_a_failed_check_is_the_large_ones(url: str) -> None:
    failed = an_attempt(outcome="failed", checked=CheckResult(passed=False, failures=("refused",)))
    filled(url, a_record(attempts=(failed, an_attempt(number=2, tier="large"))))
    say(url, "req-1", "good")
    keep_text(url, "req-1", "Why?", "Because.")

    (row,), _ = _rows(url)

    assert (row["small_correct"], row["large_correct"], row["large_answer"]) == (False, True, "Because.")
    assert not {"small_answer", "large_assumed"} & set(row)


def test_what_the_classifier_took_the_task_for_is_not_taught_as_the_task(url: str) -> None:
    filled(url, a_record())
    say(url, "req-1", "good")
    keep_text(url, "req-1", "Why?")

    (row,), _ = _rows(url)

    assert "task" not in row


def test_each_request_left_out_is_counted_once_with_why(url: str) -> None:
    large = (an_attempt(tier="large"),)
    filled(
        url,
        a_record("silent"),
        a_record("untold"),
        a_record("large", attempts=large),
        a_record("refused", outcome="refused", attempts=()),
        a_record("tiny", attempts=(an_attempt(tier="tiny"),)),
        a_record("cut"),
        a_record("odd"),
    )
    for name in ("untold", "large", "tiny", "cut", "odd"):
        say(url, name, "good")
    keep_text(url, "cut", "Why?", is_cut=True)
    keep_text(url, "odd", Conversation(messages=()))

    rows, left_out = _rows(url)

    assert rows == []
    assert left_out == {
        "nothing_known": 1,
        "no_text": 1,
        "only_large": 1,
        "not_answered": 1,
        "other_tier": 1,
        "cut": 1,
        "unreadable": 1,
    }


def test_a_record_of_another_release_is_counted(url: str) -> None:
    filled(url)
    left_out = Counter[str]()

    rows = list(training_rows(open_engine(url), [Told(id="a", record=None, feedback=None)], _TIERS, left_out))

    assert (rows, left_out) == ([], {"unreadable": 1})


def test_the_summary_says_what_to_do_for_more_rows() -> None:
    lines = list(summary(1_200, Counter({"no_text": 3_000, "other_tier": 1})))

    assert lines == [
        "1,200 rows",
        "  left out: 3,000 that have no stored text (the policy key `keep_text` stores it from then on)",
        "  left out: 1 that were answered by another tier (`--small-tier` and `--large-tier` name yours)",
    ]
