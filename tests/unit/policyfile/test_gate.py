from typing import Any

import pytest

from gateway.domain.change import Changes
from gateway.policyfile.gate import FIGURES, Gate, GateError
from tests.unit.domain.replays import some_changes

_KNOWN: dict[str, Any] = {**dict.fromkeys(FIGURES, 0.1), "requests": 5, "moved": 0}


def test_a_gate_that_holds_fails_the_candidate() -> None:
    verdict = Gate("cost_delta > 0.05 || quality_delta < -0.01").judge(_KNOWN)

    assert (verdict.has_failed, verdict.why) == (True, "it is true")
    assert verdict.figures == {"cost_delta": 0.1, "quality_delta": 0.1}


def test_a_gate_that_does_not_hold_lets_it_pass() -> None:
    assert Gate("cost_delta > 0.2 && requests >= 5").judge(_KNOWN).has_failed is False


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_that_is_unknown_fails_the_candidate_whatever_the_others_say(name: str) -> None:
    bound = "0" if name in ("requests", "moved") else "0.0"
    gate = Gate(f"requests > 1000000 || ({name} < {bound} && {name} > {bound})")

    verdict = gate.judge({**_KNOWN, name: None})

    assert verdict.has_failed
    assert verdict.why == f"{name} is unknown"


def test_a_name_that_begins_like_another_is_not_taken_for_it() -> None:
    gate = Gate("quality_delta_low < -0.01 || cost_delta_usd > 3.0")

    assert gate.reads == ("cost_delta_usd", "quality_delta_low")
    assert gate.judge({**_KNOWN, "quality_delta": None, "cost_delta": None}).has_failed is False


def test_a_gate_that_cannot_be_evaluated_fails_the_candidate() -> None:
    verdict = Gate("requests / moved > 3").judge(_KNOWN)

    assert verdict.has_failed
    assert "divide by zero" in verdict.why


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("cost_dleta > 0.05", "unknown name 'cost_dleta'; did you mean 'cost_delta'?"),
        ("cost_delta > 0", "'>' does not apply to double and int; write whole numbers as 3.0"),
        ("cost_delta", "a gate is true or false, this one is double"),
        ("cost_delta >", "the expression ends where a value should follow"),
        ("", "the expression ends where a value should follow"),
    ],
)
def test_what_is_no_gate_is_told_before_anything_is_read(source: str, message: str) -> None:
    with pytest.raises(GateError) as caught:
        Gate(source)

    assert message in str(caught.value)


def test_a_problem_is_pointed_at() -> None:
    with pytest.raises(GateError) as caught:
        Gate("moved > 5 && cost_dleta > 0.05")

    pointed, pointer = str(caught.value).splitlines()[1:]
    assert pointed[pointer.index("^") :].startswith("cost_dleta")


def test_the_figures_of_a_replay_are_those_a_gate_may_ask_about() -> None:
    changes: Changes = some_changes()

    assert set(changes.figures()) == set(FIGURES)
