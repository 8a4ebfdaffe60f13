from datetime import datetime
from pathlib import Path

import pytest

from gateway.domain.facts import Facts
from gateway.domain.policy import PolicySet
from gateway.domain.sensitivity import highest
from gateway.policyfile.variables import FACTS
from gateway.policyfile.witnesses import Space
from tests.unit.policyfile.folder import GOOD, load

SOURCES = {
    "signals.tokens": "signals.tokens > 5",
    "signals.messages": "signals.messages > 5",
    "key.id": 'key.id == "a"',
    "signals.sensitive": '"legal" in signals.sensitive',
    "request.tools": '"search" in request.tools',
    "request.metadata": 'request.metadata["a"] == "x"',
    "request.headers": '"x-a" in request.headers',
    "health.resting": '"small-a" in health.resting',
    "health.latency_ms": 'health.latency_ms["small-a"] > 5.0',
    "key.tags": '"a" in key.tags',
    "session.deployment": 'session.deployment == "large-a"',
    "time.date": 'time.date == "2026-12-24"',
    "time.minute": "time.minute > 30",
}


def _space(policies: PolicySet, *sources: str) -> Space:
    return Space([policies.policies[0]], policies.deployments.values(), sources)


@pytest.fixture
def policies(tmp_path: Path) -> PolicySet:
    return load(tmp_path, p=GOOD)


def _all(space: Space) -> list[Facts]:
    return [space.facts(choice) for choice in space.choices(space.size)]


@pytest.mark.parametrize("name", FACTS)
def test_each_variable_reads_what_was_chosen_for_it(policies: PolicySet, name: str) -> None:
    found = _all(_space(policies, SOURCES.get(name, name)))

    read = {repr(_read(facts, FACTS[name].attribute)) for facts in found}
    assert len(read) > 1 or name == "request.alias"


def _read(facts: Facts, attribute: str) -> object:
    value: object = facts
    for part in attribute.split("."):
        value = getattr(value, part)
    return value


def test_no_facts_contradict_themselves(policies: PolicySet) -> None:
    space = _space(
        policies,
        "signals.ask_tokens > 9 && signals.code && session.known && budget.exists",
        'signals.sensitivity == "legal" && "search" in request.tools && signals.tools > 1 && time.hour > 20',
    )

    for facts in (space.facts(choice) for choice in space.choices(3000)):
        assert facts.signals.ask_tokens <= facts.signals.tokens
        assert facts.signals.sensitivity == highest(facts.signals.sensitive)
        assert facts.signals.code == (facts.signals.code_language != "")
        assert facts.signals.tools == facts.request.tools == len(facts.request.tool_names)
        assert facts.budget.exists or facts.budget.used_ratio == 0
        assert facts.session is None or facts.session.seen_at_s == facts.at_s


def test_a_small_space_is_tried_in_full_and_once(policies: PolicySet) -> None:
    space = _space(policies, "signals.code && signals.maths && signals.images > 3")

    choices = list(space.choices(1000))

    assert len(choices) == len(set(choices)) == space.size


def test_a_large_space_is_tried_all_over(policies: PolicySet) -> None:
    space = _space(policies, *(f"signals.{name} > 99" for name in ("tokens", "images", "turns", "max_output_tokens")))

    choices = list(space.choices(50))

    assert len(set(choices)) == 50 < space.size
    assert all(len({choice[place] for choice in choices}) > 2 for place in range(4))


def test_the_most_ordinary_request_comes_first(policies: PolicySet) -> None:
    space = _space(policies, 'signals.code || time.hour > 3 || classification.task == "legal" || signals.tokens > 9')

    assert space.in_words(next(space.choices(5))) == ()


def test_the_simplest_request_keeps_only_what_matters(policies: PolicySet) -> None:
    space = _space(policies, "signals.code && signals.maths && signals.images > 3")
    last = list(space.choices(space.size))[-1]

    simplest = space.simplest(last, lambda facts: facts.signals.images > 3)

    assert space.in_words(simplest) == ("signals.images = 4",)


def test_words_are_those_of_conditions(policies: PolicySet) -> None:
    space = _space(policies, '"a" in key.tags', 'time.weekday == "sun"', 'session.deployment == "large-a"')

    words = {word for choice in space.choices(space.size) for word in space.in_words(choice)}

    assert {"key.tags = [a]", "session.known = true", "session.deployment = large-a"} <= words
    assert "time = Sun 2026-01-18 12:00 UTC" in words
    assert datetime.fromisoformat("2026-01-18T12:00:00+00:00").weekday() == 6


def test_a_space_is_complete_where_its_conditions_are_plain(policies: PolicySet) -> None:
    assert _space(policies, "signals.code && signals.tokens > 5").is_complete
    assert not _space(policies, "signals.tokens % 2 == 0").is_complete


def test_a_policy_that_remembers_no_session_is_asked_about_none(tmp_path: Path) -> None:
    forgetful = load(tmp_path, p=GOOD.replace("baseline: large-a", "session: {affinity: false}"))

    assert {facts.has_session for facts in _all(_space(forgetful, "session.known"))} == {False}
