"""What the shipped classifier takes asks for, measured on the half of `tasks/` that nothing is tuned on."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import product
from typing import get_args

import pytest

from gateway.domain.classification import Task
from tests.classifiers.sets import HALVES, Row, half_of, rows_of, verdict

LANGUAGES = ("en", "es", "pt", "de", "fr", "zh", "ja")
SALT = "tasks-98:"

MACRO_F1_MIN = 0.89  # target: 0.85
"""Measured with the prior of version 2: 0.902."""
LANGUAGE_MACRO_F1_MIN = 0.83  # target: 0.85 in all languages together
"""Measured: 0.862 (French, the lowest) to 0.949 (English)."""
TOO_ALIKE = 0.6
"""The share of three-letter groups that two asks of different halves may have in common."""


@pytest.fixture(scope="module")
def pairs() -> dict[str, list[tuple[str, str]]]:
    """Language → (label, verdict) of each row of the test half."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows_of("tasks/test"):
        found[row["language"]].append((row["task"], verdict(row).task))
    return found


def test_the_task_is_told_as_well_as_it_has_been(pairs: dict[str, list[tuple[str, str]]]) -> None:
    scores = f1_of([pair for each in pairs.values() for pair in each])

    assert set(scores) == set(get_args(Task))
    assert macro(scores) >= MACRO_F1_MIN, scores


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_language_falls_far_behind(pairs: dict[str, list[tuple[str, str]]], language: str) -> None:
    scores = f1_of(pairs[language])

    assert macro(scores) >= LANGUAGE_MACRO_F1_MIN, scores


def test_agents_with_tools_in_use_are_known_in_every_language() -> None:
    rows = [row for row in rows_of("tasks/test") if row["task"] == "agent"]

    in_use = [row for row in rows if row["request"]["messages"][-1]["role"] == "tool"]

    assert in_use
    assert {verdict(row).task for row in in_use} == {"agent"}


def test_every_task_has_six_asks_in_every_language() -> None:
    cells = Counter((row["task"], row["language"]) for half in HALVES for row in rows_of(f"tasks/{half}"))

    assert set(cells) == set(product(get_args(Task), LANGUAGES))
    assert min(cells.values()) >= 6


def test_only_agents_bring_a_request_and_its_human_ask_is_the_ask() -> None:
    for row in [row for half in HALVES for row in rows_of(f"tasks/{half}")]:
        assert ("request" in row) == (row["task"] == "agent"), row["ask"]
        if "request" in row:
            assert row["request"]["messages"][0]["content"] == row["ask"]
            assert row["request"]["tools"]


@pytest.mark.parametrize("half", HALVES)
def test_each_ask_is_in_the_half_that_its_hash_names(half: str) -> None:
    strays = [row["ask"] for row in rows_of(f"tasks/{half}") if half_of(row["ask"], SALT) != half]

    assert strays == []


def test_no_ask_of_one_half_is_nearly_one_of_the_other() -> None:
    dev, test = ([(row["ask"], trigrams(row["ask"])) for row in rows_of(f"tasks/{half}")] for half in HALVES)

    alike = [(mine, other) for (mine, a), (other, b) in product(dev, test) if len(a & b) > TOO_ALIKE * len(a | b)]

    assert alike == []


def f1_of(pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Task → F1, for each task that is a label."""
    scores = {}
    for task in {label for label, _ in pairs}:
        right = sum(label == given == task for label, given in pairs)
        named = sum(task in pair for pair in pairs)
        scores[task] = 2 * right / (named + right)
    return scores


def macro(scores: dict[str, float]) -> float:
    return sum(scores.values()) / len(scores)


def trigrams(ask: str) -> set[str]:
    letters = "".join(filter(str.isalnum, ask.lower()))
    return {letters[at : at + 3] for at in range(max(1, len(letters) - 2))}


def test_f1_counts_what_was_missed_and_what_was_wrongly_named() -> None:
    rows: list[Row] = [{"label": "chat", "given": "chat"}, {"label": "chat", "given": "code"}]

    scores = f1_of([(row["label"], row["given"]) for row in rows] + [("code", "code")])

    assert scores == {"chat": pytest.approx(2 / 3), "code": pytest.approx(2 / 3)}
