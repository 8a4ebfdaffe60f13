import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain.facts import Facts
from gateway.domain.policy import Constraint, Match, Rule
from gateway.domain.request import Caller
from gateway.policyfile.conditions import (
    ConditionError,
    FactConditions,
    PolicyConditions,
    Requirements,
    _outcome,
    asked,
)
from gateway.policyfile.variables import FACT_TYPES, THRESHOLD
from tests.builders import a_classification, a_deployment, a_request, a_route, some_facts
from tests.unit.policyfile.folder import GOOD, load

FACTS = FactConditions()


def holds(source: str, facts: Facts | None = None, *, threshold: float = 0.6, on_error: bool = False) -> bool:
    conditions = PolicyConditions(FACTS)
    condition = conditions.compile(source, on_error=on_error)
    return condition.holds(conditions.binder()(facts or some_facts(), threshold))


@pytest.mark.parametrize("name", FACT_TYPES)
def test_every_declared_variable_is_bound(name: str) -> None:
    assert holds(f"{name} == {name}")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("true", True),
        ("classification.small_ok >= quality.threshold", True),
        ("classification.small_ok > quality.threshold + 0.5", False),
        ("signals . turns == 1", True),
        ('key.team in ["legal", "risk"]', True),
        ('request.alias.startsWith("au") && !request.stream', True),
        ('signals.sensitivity == "personal"', False),
        ('"signals.tokens" != key.id', True),
    ],
)
def test_a_condition_asks_about_the_facts_of_the_request(source: str, expected: bool) -> None:
    facts = replace(some_facts(), caller=Caller(key_id="k", team="legal", app="a"))

    assert holds(source, facts) is expected


def test_the_threshold_is_that_of_the_request() -> None:
    conditions = PolicyConditions(FACTS)
    condition = conditions.compile(f"classification.small_ok >= {THRESHOLD}", on_error=False)
    bind = conditions.binder()
    facts = some_facts(classification=a_classification(0.7))

    assert condition.holds(bind(facts, 0.7))
    assert not condition.holds(bind(facts, 0.71))


@pytest.mark.parametrize("source", ["signals.tokens", "key.team", "signals.code ? 1 : 2", "dyn(true)"])
def test_a_condition_that_is_not_true_or_false_is_refused(source: str) -> None:
    with pytest.raises(ConditionError, match="a condition is true or false"):
        holds(source)


@pytest.mark.parametrize(
    "source",
    [
        "1 / signals.tools == 1",
        'signals.code && key.team.matches(key.app + "(")',
        "signals.tokens + 9223372036854775807 > 0",
    ],
)
def test_a_condition_that_fails_on_either_sample_is_refused(source: str) -> None:
    with pytest.raises(ConditionError, match="fails on sample facts"):
        holds(source)


@pytest.mark.parametrize("on_error", [True, False])
def test_a_failed_evaluation_is_what_the_condition_was_compiled_for(
    on_error: bool, caplog: pytest.LogCaptureFixture
) -> None:
    facts = replace(some_facts(), signals=replace(some_facts().signals, tokens=7))

    with caplog.at_level(logging.WARNING):
        outcome = holds("1 / (signals.tokens - 7) < 5", facts, on_error=on_error)

    assert outcome is on_error
    assert f"taken as {on_error}" in caplog.text


def test_a_condition_that_fails_again_and_again_is_logged_once_a_minute_by_its_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    time_s = [0.0]
    conditions = PolicyConditions(FACTS, policy="default", now=lambda: time_s[0])
    source = "1 / (signals.tokens - 7) < 5"
    condition = conditions.compile(source, on_error=False, of="rule 'odd'")
    bound = conditions.binder()(replace(some_facts(), signals=replace(some_facts().signals, tokens=7)), 0.5)

    for time_s[0] in (0.0, 1.0, 59.0, 61.0):
        condition.holds(bound)

    assert caplog.messages == ["policy 'default', rule 'odd' failed on a request, taken as False: divide by zero"] * 2


def test_a_number_beyond_64_bits_fails_the_evaluation_and_not_the_request() -> None:
    facts = replace(some_facts(), signals=replace(some_facts().signals, max_output_tokens=2**70))

    assert holds("signals.max_output_tokens > 3", facts, on_error=True) is True


def test_a_long_request_binds_like_a_short_one() -> None:
    assert holds("signals.tokens > 10000", some_facts(a_request("word " * 20_000)))


class Asked:
    """A policy's conditions, asked about facts with so many tokens: all at once, and one by one."""

    def __init__(self, constraints: Sequence[str] = (), rules: Sequence[str] = ()) -> None:
        conditions = PolicyConditions(FACTS)
        self.constraints = [
            Constraint(
                name=str(number),
                when=conditions.compile(source, on_error=True),
                requires="",
                permitted=frozenset(),
            )
            for number, source in enumerate(constraints)
        ]
        self.rules = [
            Rule(name=str(number), when=conditions.compile(source, on_error=False), route=a_route())
            for number, source in enumerate(rules)
        ]
        self._bind = conditions.binder()
        self._match = conditions.matcher(self.constraints, self.rules)

    def at_once(self, tokens: int) -> Match | None:
        return self._match(self._bound(tokens))

    def one_by_one(self, tokens: int) -> Match:
        bound = self._bound(tokens)
        holding = [rule for rule in self.rules if rule.when.holds(bound)]
        return Match(
            constraints=tuple(each for each in self.constraints if each.when.holds(bound)),
            rule=holding[0] if holding else None,
        )

    def _bound(self, tokens: int) -> Any:
        return self._bind(replace(some_facts(), signals=replace(some_facts().signals, tokens=tokens)), 0.5)


def _at(*tokens: int) -> list[str]:
    return [f"signals.tokens == {each}" for each in tokens]


@pytest.mark.parametrize("constraints", [0, 1, 3, 40])
@pytest.mark.parametrize("rules", [0, 1, 2, 30, 200])
def test_however_many_conditions_asked_at_once_answer_what_each_would(constraints: int, rules: int) -> None:
    asked = Asked([f"signals.tokens % {each + 2} == 0" for each in range(constraints)], _at(*range(rules)))

    for tokens in (0, 1, 6, 29, 30, 101, 199, 210):
        assert asked.at_once(tokens) == asked.one_by_one(tokens)


def test_the_first_of_the_rules_that_hold_is_the_match() -> None:
    asked = Asked(rules=_at(1, 2, 2))

    match = asked.at_once(2)

    assert match is not None
    assert match.rule is asked.rules[1]


def test_a_condition_that_ends_with_a_comment_leaves_the_others_alone() -> None:
    asked = Asked(["signals.tokens > 1 // long"], ["signals.tokens == 2 // two", "signals.tokens == 3 // three"])

    assert asked.at_once(3) == Match(constraints=(asked.constraints[0],), rule=asked.rules[1])


@pytest.mark.parametrize(("constraints", "rules"), [(1, 0), (0, 1), (2, 30)])
def test_where_a_condition_fails_there_is_no_match_and_each_has_to_be_asked(constraints: int, rules: int) -> None:
    failing = "1 / (signals.tokens - 7) < 5"
    asked = Asked([failing] * constraints, [failing] * rules)

    assert asked.at_once(7) is None
    assert asked.at_once(8) == asked.one_by_one(8)


def test_a_failure_behind_the_rule_that_holds_is_none() -> None:
    asked = Asked(rules=["signals.tokens == 7", "1 / (signals.tokens - 7) < 5"])

    assert asked.at_once(7) == Match(rule=asked.rules[0])


def test_a_condition_as_deep_as_cel_takes_is_asked_on_its_own() -> None:
    asked = Asked(rules=["signals.tokens == 7", "signals.tokens == 8 ? false : " * 29 + "true"])

    assert asked.at_once(7) is None
    assert (asked.one_by_one(8).rule, asked.one_by_one(9).rule) == (None, asked.rules[1])


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('labels.residency == "on_prem"', {"home"}),
        ('labels["residency"] != "on_prem"', {"abroad"}),
        ('!(labels.residency == "us")', {"home"}),
        ("labels.indemnified == true", {"abroad"}),
        ("labels.cores >= 8", {"home"}),
        ('deployment.tier == "small" && deployment.provider == "openai"', {"home", "abroad", "bare"}),
        ('deployment.name == "bare" || deployment.model == "abroad-model"', {"abroad", "bare"}),
        ('has(labels.residency) ? labels.residency == "us" : true', {"abroad", "bare"}),
        ("labels.residency > 3", set()),
    ],
)
def test_a_deployment_is_permitted_only_where_it_plainly_meets_the_requirement(source: str, names: set[str]) -> None:
    deployments = [
        a_deployment("home", labels={"residency": "on_prem", "cores": 8}),
        a_deployment("abroad", labels={"residency": "us", "indemnified": True}),
        a_deployment("bare"),
    ]

    assert Requirements().permitted(source, deployments) == names


def test_a_requirement_may_not_ask_about_the_request() -> None:
    with pytest.raises(ConditionError, match=r"unknown name 'signals\.tokens'"):
        Requirements().permitted("signals.tokens > 3", [])


def test_only_a_rule_that_keeps_the_session_asks_for_one(tmp_path: Path) -> None:
    text = GOOD.replace("    rules:", "    rules:\n      - {name: stay, when: signals.code, route: sticky}")
    stay, easy = load(tmp_path, p=text).policies[0].rules

    assert asked(stay) == "(signals.code\n) && session.known"
    assert asked(easy) == easy.when.source


@pytest.mark.parametrize(
    "source",
    [
        'signals.messages == 7 && key.team.matches("(a")',
        """signals.messages == 7 && key.team.matches ( '(a' )""",
        'signals.messages == 7 && matches(key.team, "(a")',
    ],
)
def test_a_pattern_that_is_none_is_refused_behind_a_guard_too(source: str) -> None:
    with pytest.raises(ConditionError, match="invalid regular expression") as caught:
        holds(source)

    (problem,) = caught.value.problems
    assert source[problem.offset + 1 :].startswith("(a")


@pytest.mark.parametrize(
    "source", ['key.team.matches("a(b)+")', 'key.team == "matches((" || key.team.matches("a" + key.app)']
)
def test_patterns_that_are_good_or_made_of_facts_are_left_alone(source: str) -> None:
    assert holds(source) is False


def test_memory_that_is_not_there_fails_the_evaluation_and_not_the_request() -> None:
    def evaluate(bound: Any) -> Any:
        raise MemoryError

    assert "more memory than there is" in str(_outcome(evaluate, None))


def test_a_loop_that_takes_memory_without_end_is_refused_behind_a_guard_too() -> None:
    bomb = "[[1]]" + ".map(a, a + a)" * 26 + ".exists(a, size(a) > 0)"

    with pytest.raises(ConditionError, match="no use for map"):
        holds(f"signals.messages == 7 && {bomb}")
    with pytest.raises(ConditionError, match="no use for map"):
        Requirements().permitted(bomb, [])


def test_the_keys_of_metadata_that_conditions_name_are_known() -> None:
    conditions = PolicyConditions(FACTS)
    for source in (
        '"a" in request.metadata && request.metadata["b"] == "x"',
        "has(request.metadata.c) && request.metadata.d.startsWith('x')",
        "size(request.metadata) > 1 || request.metadata.exists(name, name == 'e')",
        "key.team == 'request.metadata.f'",
    ):
        conditions.compile(f"signals.messages == 7 && ({source})", on_error=False)

    assert conditions.metadata == {"a", "b", "c", "d"}


@pytest.mark.parametrize(
    "source",
    [
        "request.headers.size() > 0",
        'request.headers.exists(name, name == "x-a")',
        "size(request.headers) > 0",
        'key.team == "request.headers.other"',
    ],
)
def test_headers_asked_for_as_a_whole_are_those_the_policy_reads(source: str) -> None:
    condition = PolicyConditions(FACTS, headers=["x-a"]).compile(source, on_error=False)

    assert condition.source == source


@pytest.mark.parametrize(
    "source", ['"x-b" in request.headers', 'request.headers["x-b"] == "1"', 'request.headers.b.startsWith("1")']
)
def test_a_header_that_the_policy_does_not_read_is_refused(source: str) -> None:
    with pytest.raises(ConditionError, match=r"the policy reads no header '(x-)?b'"):
        PolicyConditions(FACTS, headers=["x-a"]).compile(f"signals.code && {source}", on_error=False)


def test_a_condition_tells_why_it_fails_and_logs_nothing_of_that(caplog: pytest.LogCaptureFixture) -> None:
    conditions = PolicyConditions(FACTS)
    condition = conditions.compile("1 / (signals.tokens - 7) < 5", on_error=True)
    bind = conditions.binder()
    facts = some_facts()
    at_seven = replace(facts, signals=replace(facts.signals, tokens=7))

    assert condition.failure(bind(facts, 0.5)) == ""
    assert "divide by zero" in condition.failure(bind(at_seven, 0.5))
    assert caplog.records == []
