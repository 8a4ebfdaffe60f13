from itertools import pairwise
from typing import Any

import pytest

from gateway.domain.sensitivity import highest
from gateway.domain.session import KINDS
from gateway.policyfile.values import WORDS, Ground
from gateway.policyfile.variables import FACTS
from gateway.policyfile.variations import AT, NOON, covers, variations
from tests.builders import a_deployment

GROUND = Ground(thresholds=(0.6,), aliases=("auto", "fast"), deployments=(a_deployment("home"), a_deployment("away")))


def _values(source: str, name: str) -> list[Any]:
    (group,) = variations([source], GROUND)
    return [each[name] for each in group]


@pytest.mark.parametrize("name", FACTS)
def test_every_variable_is_in_one_group(name: str) -> None:
    assert len(variations([name], GROUND)) == 1


@pytest.mark.parametrize("name", ["key.tags", "request.tools", "health.resting"])
def test_a_list_holds_what_is_asked_for_or_not(name: str) -> None:
    found = _values(f'"a" in {name} || "b" in {name}', name)

    assert {(), ("a",), ("b",), ("a", "b")} <= set(found)


def test_a_map_has_each_key_or_not() -> None:
    found = _values('"a" in request.metadata && request.metadata["a"] == "x"', "request.metadata")

    assert found == [{}, {"a": "x"}, {"a": "other"}]


def test_numbers_stand_on_both_sides_of_what_is_mentioned() -> None:
    assert {4, 5, 6} <= set(_values("signals.images > 5", "signals.images"))


def test_shares_lie_between_what_is_mentioned_and_within_0_and_1() -> None:
    found = _values(
        "classification.small_ok > 0.5 && classification.small_ok < quality.threshold", "classification.small_ok"
    )

    assert found == sorted({0.0, 0.25, 0.5, 0.55, 0.6, 0.8, 1.0})
    assert all(low < high for low, high in pairwise(found))


def test_sensitivity_is_the_gravest_of_the_kinds() -> None:
    (group,) = variations(['"legal" in signals.sensitive && signals.sensitivity != "personal"'], GROUND)

    assert len(group) == 2 ** len(KINDS)
    assert all(each["signals.sensitivity"] == highest(each["signals.sensitive"]) for each in group)


@pytest.mark.parametrize(
    ("part", "whole"), [("signals.ask_tokens", "signals.tokens"), ("signals.turns", "signals.messages")]
)
def test_a_part_is_never_above_the_whole(part: str, whole: str) -> None:
    (group,) = variations([f"{part} > 50 && {whole} < 60"], GROUND)

    assert all(each[part] <= each[whole] for each in group)


def test_code_has_a_language_and_nothing_else_has() -> None:
    (group,) = variations(['signals.code && signals.code_language == "rust"'], GROUND)

    assert {each["signals.code_language"] for each in group} >= {"", "rust", "other"}
    assert all(each["signals.code"] == (each["signals.code_language"] != "") for each in group)


def test_without_a_budget_nothing_is_used() -> None:
    (group,) = variations(["budget.exists && budget.used_ratio > 1.2"], GROUND)

    assert all(each["budget.exists"] or each["budget.used_ratio"] == 0 for each in group)
    assert max(each["budget.used_ratio"] for each in group) > 1.2


def test_as_many_tools_are_offered_as_are_named() -> None:
    (group,) = variations(['"search" in request.tools && signals.tools > 2'], GROUND)

    assert all(len(each["request.tools"]) == each["signals.tools"] for each in group)
    assert any("search" in each["request.tools"] and each["signals.tools"] > 2 for each in group)


def test_a_session_has_a_deployment_and_a_new_one_has_none() -> None:
    (group,) = variations(['session.known || session.tier == "small"'], GROUND)

    assert [each["session.known"] for each in group] == [False, True, True]
    assert all(each["session.known"] == (each["session.deployment"] is not None) for each in group)


def test_where_no_session_is_remembered_none_is_tried() -> None:
    (group,) = variations(["session.known"], GROUND._replace(deployments=()))

    assert len(group) == 1


def test_time_goes_round_the_clock_and_the_week() -> None:
    found = _values('time.hour >= 22 || time.weekday == "sun"', AT)

    assert len(found) == 24 * 7
    assert found[0] == NOON.timestamp()


def test_days_lie_around_those_mentioned() -> None:
    found = _values('time.date == "2026-12-24"', AT)

    assert 1_798_113_600 <= max(found) <= 1_798_113_600 + 8 * 86_400


def test_a_word_may_be_any_of_its_kind() -> None:
    assert set(_values('classification.task == "legal"', "classification.task")) == set(WORDS["classification.task"])


@pytest.mark.parametrize(
    "source",
    [
        "signals.code && signals.tokens > 5",
        '"legal" in signals.sensitive',
        'time.date == "2026-12-24" || time.hour == 3',
        '"x" in request.headers',
        "session.known",
    ],
)
def test_plain_conditions_are_covered(source: str) -> None:
    assert covers([source])


@pytest.mark.parametrize(
    "source",
    [
        "signals.tokens * 2 > 5",
        'session.tier == "small"',
        'time.date > "2026"',
        " || ".join(f'"{letter}" in key.tags' for letter in "abcde"),
        "signals.tokens > 99999999999999999",
        " || ".join(f'"{letter}" in health.latency_ms' for letter in "abcdefg"),
    ],
)
def test_what_variations_leave_out_is_not_covered(source: str) -> None:
    assert not covers([source])
