import pytest

from gateway.domain.errors import Trigger
from gateway.domain.exclusions import Notes, exclusions, without_resting, without_untriggered
from gateway.domain.policy import Route
from tests.builders import a_deployment, a_route, some_facts

_A, _B, _C = a_deployment("a"), a_deployment("b"), a_deployment("c")
_TAKES_OVER = a_route("r", _A, then=(_B, _C), triggers={"b": frozenset[Trigger]({"context_overflow"})})


def _left(route: Route, excluded: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    notes = Notes()
    notes.excluded.update(excluded)
    plan = [each for each in (*route.first, *route.then) if each.name not in excluded]
    return [each.name for each in without_untriggered(plan, route, notes)], notes.excluded


def test_what_takes_over_on_some_failures_stays_behind_a_deployment_that_may_fail() -> None:
    assert _left(_TAKES_OVER, {}) == (["a", "b", "c"], {})


def test_it_does_not_begin_a_plan_whose_first_was_left_out_for_another_reason() -> None:
    left, excluded = _left(_TAKES_OVER, {"a": "constraint 'home'"})

    assert left == ["c"]
    assert excluded["b"] == "takes over on context_overflow only"


@pytest.mark.parametrize(
    ("trigger", "why"),
    [
        ("context_overflow", "context window 10 < 20 tokens"),
        ("rate_limit", "cooldown for 3.0 s more"),
        ("timeout", "cooldown for 3.0 s more"),
    ],
)
def test_it_begins_one_where_that_failure_is_why_the_first_was_left_out(trigger: Trigger, why: str) -> None:
    route = a_route("r", _A, then=(_B,), triggers={"b": frozenset({trigger})})

    assert _left(route, {"a": why}) == (["b"], {"a": why})


def test_a_plan_of_nothing_but_the_untriggered_is_empty() -> None:
    route = a_route("r", _A, then=(_B,), triggers={"b": frozenset[Trigger]({"content_filter"})})

    assert _left(route, {"a": "no capability 'tools'"})[0] == []


def test_a_request_that_fits_everywhere_excludes_nothing() -> None:
    assert exclusions((_A, _B), (), some_facts().signals) == {}


def test_resting_deployments_are_noted_with_the_time_they_have_left() -> None:
    notes = Notes()

    assert without_resting((_A, _B), {"a": 2.96}, notes, insists=True) == [_B]
    assert notes.excluded == {"a": "cooldown for 3.0 s more"}


def test_where_all_rest_each_is_better_than_none_if_the_route_insists() -> None:
    resting = {"a": 3.0, "b": 2.0}
    insisting, refusing = Notes(), Notes()

    assert list(without_resting((_A, _B), resting, insisting, insists=True)) == [_A, _B]
    assert list(without_resting((_A, _B), resting, refusing, insists=False)) == []

    assert insisting.excluded == {}
    assert set(refusing.excluded) == {"a", "b"}
