from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain.facts import Fleet
from gateway.domain.policy import Deployment, Route, Strategy
from gateway.domain.strategy import ordered
from tests.builders import a_deployment, a_price, a_route, some_facts

_A, _B, _C = a_deployment("a"), a_deployment("b"), a_deployment("c")


def _route(strategy: Strategy, *deployments: Deployment, **changes: Any) -> Route:
    return a_route("r", *(deployments or (_A, _B, _C)), strategy=strategy, **changes)


def _names(deployments: object) -> list[str]:
    assert isinstance(deployments, list | tuple)
    return [each.name for each in deployments]


def test_by_priority_deployments_are_tried_as_listed() -> None:
    order, why = ordered(_route("priority"), (_B, _A), some_facts())

    assert (_names(order), why) == (["b", "a"], "")


@pytest.mark.parametrize("strategy", ["weighted", "least_latency", "cheapest", "sticky"])
def test_where_one_deployment_is_left_there_is_nothing_to_choose_and_no_reason(strategy: Strategy) -> None:
    order, why = ordered(_route(strategy, weights={"a": 1.0}), (_A,), some_facts())

    assert (_names(order), why) == (["a"], "")


def test_weights_are_the_shares_of_many_requests() -> None:
    route = _route("weighted", weights={"a": 6.0, "b": 3.0, "c": 1.0})

    first = Counter(
        ordered(route, (_A, _B, _C), some_facts(request_id=f"request-{number}"))[0][0].name for number in range(5_000)
    )

    assert {name: first[name] / 5_000 for name in "abc"} == pytest.approx({"a": 0.6, "b": 0.3, "c": 0.1}, abs=0.03)


def test_one_request_draws_the_same_deployment_each_time_it_is_decided() -> None:
    route = _route("weighted", weights={"a": 1.0, "b": 1.0, "c": 1.0})

    orders = {tuple(_names(ordered(route, (_A, _B, _C), some_facts(request_id="r-7"))[0])) for _ in range(5)}

    assert len(orders) == 1


def test_the_share_of_a_deployment_that_may_not_be_called_goes_to_the_others() -> None:
    route = _route("weighted", weights={"a": 98.0, "b": 1.0, "c": 1.0})

    first = {ordered(route, (_B, _C), some_facts(request_id=f"r-{number}"))[0][0].name for number in range(50)}

    assert first == {"b", "c"}


def test_weighted_keeps_all_others_as_fallbacks_and_says_what_was_drawn() -> None:
    order, why = ordered(_route("weighted", weights={"a": 1.0, "b": 1.0}), (_A, _B), some_facts(request_id="x"))

    assert sorted(_names(order)) == ["a", "b"]
    assert why.startswith("weighted: drew 0.")
    assert f"{_names(order)[0]!r} takes 50%" in why


def test_least_latency_tries_the_fastest_first() -> None:
    fleet = Fleet(latency_ms={"a": 300.0, "b": 120.0, "c": 200.0})

    order, why = ordered(_route("least_latency"), (_A, _B, _C), some_facts(fleet=fleet))

    assert _names(order) == ["b", "c", "a"]
    assert why == "least latency: 'b' 120 ms, 'c' 200 ms, 'a' 300 ms"


def test_least_latency_measures_what_it_does_not_know_by_trying_it() -> None:
    order, why = ordered(
        _route("least_latency"), (_A, _B, _C), some_facts(fleet=Fleet(latency_ms={"a": 10.0, "c": 5.0}))
    )

    assert _names(order) == ["b", "c", "a"]
    assert why == "least latency: 'b' is not measured yet"


def test_cheapest_tries_the_lowest_estimate_first_and_the_unpriced_last() -> None:
    dear, cheap, unpriced = (
        replace(_A, price=a_price(2_500, 10_000)),
        replace(_B, price=a_price(150, 600)),
        replace(_C, price=None),
    )

    order, why = ordered(_route("cheapest"), (unpriced, dear, cheap), some_facts())

    assert _names(order) == ["b", "a", "c"]
    assert why.startswith("cheapest: 'b' at about $0.000")


def test_without_any_price_cheapest_says_so_and_keeps_the_order() -> None:
    order, why = ordered(_route("cheapest"), (replace(_B, price=None), replace(_A, price=None)), some_facts())

    assert (_names(order), why) == (["b", "a"], "cheapest: none of them has a price")


def test_sticky_sends_a_session_to_the_same_deployment_and_spreads_sessions() -> None:
    firsts = [
        ordered(_route("sticky"), (_A, _B, _C), some_facts(session_key=f"session-{number}"))[0][0].name
        for number in range(600)
    ]
    again = ordered(_route("sticky"), (_C, _B, _A), some_facts(session_key="session-1"))[0][0].name

    assert again == firsts[1]
    assert all(firsts.count(name) > 150 for name in "abc")


def test_a_deployment_that_goes_away_moves_no_session_but_its_own() -> None:
    def first(fit: tuple[Deployment, ...], number: int) -> str:
        return ordered(_route("sticky"), fit, some_facts(session_key=f"session-{number}"))[0][0].name

    moved = [
        number
        for number in range(200)
        if first((_A, _B, _C), number) != "c" != first((_A, _B), number)
        and first((_A, _B, _C), number) != first((_A, _B), number)
    ]

    assert moved == []


def test_who_was_slower_lately_than_the_route_allows_comes_last_the_fastest_of_them_first() -> None:
    route = replace(_route("priority"), max_latency_ms=400.0)
    facts = some_facts(fleet=Fleet(latency_ms={"a": 900.0, "b": 500.0}))

    order, why = ordered(route, (_A, _B, _C), facts)

    assert _names(order) == ["c", "b", "a"]
    assert why == "slower than 400 ms, so last: 'b' 500 ms, 'a' 900 ms"


def test_who_was_fast_enough_keeps_the_order_of_the_strategy() -> None:
    route = replace(_route("priority"), max_latency_ms=400.0)
    facts = some_facts(fleet=Fleet(latency_ms={"a": 390.0, "b": 10.0}))

    assert _names(ordered(route, (_A, _B, _C), facts)[0]) == ["a", "b", "c"]
