from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.change import Change, Group
from gateway.domain.logged import Logged
from gateway.domain.policy import Deployment, PolicySet
from gateway.domain.pricing import Price
from gateway.domain.rollout import Beside
from gateway.domain.tally import LARGEST, NO_POLICY, Tally
from gateway.domain.usage import Usage
from tests.builders import a_classification, a_deployment, a_price

_SMALL = a_deployment("small-a", price=a_price(1, 1))
_SMALL_B = a_deployment("small-b", price=a_price(2, 2))
_LARGE = a_deployment("large-a", tier="large", rank=1, price=a_price(10, 10))
_FREE = a_deployment("unpriced", tier="large", rank=1, price=None)


def _tally(*deployments: Deployment, tiers: tuple[str, ...] = ("small", "large")) -> Tally:
    known = deployments or (_SMALL, _SMALL_B, _LARGE, _FREE)
    return Tally(
        PolicySet(
            version="v2",
            deployments={each.name: each for each in known},
            routes={},
            policies=(),
            by_alias={},
            tiers=tiers,
        )
    )


def _logged(first: str | None = "small-a", **changes: Any) -> Logged:
    """Answered by its first deployment: 100 tokens, 40 of them cached, for 80 nano-dollars in 50 ms."""
    logged = Logged(
        id="req-1",
        at_s=0.0,
        alias="auto",
        rule="old",
        first=first,
        first_tier="large" if first == "large-a" else "small",
        at_first_try=True,
        outcome="ok" if first else "refused",
        classification=a_classification(0.8),
        usage=Usage(input_tokens=60, output_tokens=40, cached_input_tokens=40) if first else None,
        cost_nano_usd=80 if first else 0,
        total_ms=50.0,
    )
    return replace(logged, **changes)


def test_a_request_that_stays_costs_what_it_cost() -> None:
    tally = _tally()

    tally.add(_logged(), "small-a", "default", "easy")

    total = tally.changes().total
    assert (total.requests, total.moved, total.cost_compared) == (1, 0, 1)
    assert (total.cost_before_nano_usd, total.cost_after_nano_usd) == (80, 80)


def test_a_moved_request_pays_full_price_for_what_was_cached() -> None:
    tally = _tally()

    tally.add(_logged(), "large-a", "default", "hard")

    changes = tally.changes()
    assert (changes.total.cost_before_nano_usd, changes.total.cost_after_nano_usd) == (80, 1000)
    assert [(move.before, move.after, move.requests) for move in changes.moves] == [("small-a", "large-a", 1)]


def test_the_price_of_cached_tokens_is_not_asked_of_another_deployment() -> None:
    cheap_cache = Price(input_atto_usd=10**10, output_atto_usd=10**10, cached_input_atto_usd=0)
    tally = _tally(_SMALL, replace(_LARGE, price=cheap_cache))

    tally.add(_logged(), "large-a", "default", "hard")

    assert tally.changes().total.cost_after_nano_usd == 1000


@pytest.mark.parametrize(
    ("logged", "other"),
    [
        (_logged(), "unpriced"),
        (_logged(), "nobody-knows-it"),
        (_logged(usage=None), "large-a"),
        (_logged(cost_nano_usd=None), "large-a"),
        (_logged(cost_nano_usd=None), "small-a"),
        (_logged(), None),
        (_logged(None), "small-a"),
    ],
    ids=["no price", "unknown deployment", "no usage", "no cost", "stays without cost", "refused now", "refused then"],
)
def test_what_is_unknown_on_one_side_counts_on_neither(logged: Logged, other: str | None) -> None:
    tally = _tally()

    tally.add(logged, other, "default", "easy")

    total = tally.changes().total
    assert (total.cost_compared, total.cost_unknown) == (0, 1)
    assert (total.cost_before_nano_usd, total.cost_after_nano_usd, total.cost_delta) == (None, None, None)


def test_refusals_are_counted_in_both_directions() -> None:
    tally = _tally()

    for first, other in ((None, "small-a"), ("small-a", None), ("large-a", None), (None, None)):
        tally.add(_logged(first), other, "default", "easy")

    total = tally.changes().total
    assert (total.refused_before, total.refused_after) == (2, 3)
    assert (total.refusals_gained, total.refusals_lost, total.moved) == (2, 1, 3)


def test_a_request_nobody_serves_is_told_apart_from_a_refused_one() -> None:
    tally = _tally()

    tally.add(_logged(), None, NO_POLICY, "no policy")
    tally.add(_logged(), None, "default", "easy")

    changes = tally.changes()
    assert changes.unserved == 1
    assert [(move.after, move.unserved, move.requests) for move in changes.moves] == [(None, False, 1), (None, True, 1)]


def test_quality_is_small_ok_below_and_certain_above() -> None:
    tally = _tally()

    tally.add(_logged(), "large-a", "default", "hard")
    tally.add(_logged("large-a"), "large-a", "default", "hard")

    quality = tally.changes().quality
    assert quality is not None
    assert quality.change == pytest.approx(0.1)
    assert quality.compared == 2
    assert (quality.low, quality.high) == pytest.approx((0.1 - 1.96 * 0.16**0.5 / 2, 0.1 + 1.96 * 0.16**0.5 / 2))


def test_a_move_within_a_tier_changes_no_estimate() -> None:
    tally = _tally()

    tally.add(_logged(), "small-b", "default", "easy")

    quality = tally.changes().quality
    assert quality is not None
    assert (quality.change, quality.low, quality.high) == (0.0, 0.0, 0.0)


def test_without_two_tiers_quality_is_unknown() -> None:
    tally = _tally(_SMALL, _SMALL_B, tiers=("small",))

    tally.add(_logged(), "small-b", "default", "easy")

    assert tally.changes().quality is None


def test_a_deployment_that_is_gone_counts_by_the_tier_it_had() -> None:
    tally = _tally()

    tally.add(_logged("gone", first_tier="large"), "small-a", "default", "easy")

    quality = tally.changes().quality
    assert quality is not None
    assert quality.change == pytest.approx(-0.2)


def test_a_moved_request_lasts_as_long_as_its_new_deployment_did() -> None:
    tally = _tally()
    for total_ms in (200.0, 300.0, 900.0):
        tally.add(_logged("large-a", total_ms=total_ms), "large-a", "default", "hard")
    for total_ms in (10.0, 11.0, 12.0, 13.0):
        tally.add(_logged(total_ms=total_ms), "large-a", "default", "hard")

    latency = tally.changes().latency

    assert latency is not None
    assert (latency.p50_before_ms, latency.p50_after_ms, latency.compared) == (13.0, 300.0, 7)


@pytest.mark.parametrize("seen", [{"stream": True}, {"at_first_try": False}, {"outcome": "failed"}])
def test_latency_is_unknown_where_the_new_deployment_was_never_seen_so(seen: dict[str, Any]) -> None:
    tally = _tally()
    tally.add(_logged("large-a", **seen), "large-a", "default", "hard")

    tally.add(_logged(), "large-a", "default", "hard")

    latency = tally.changes().latency
    assert (0 if latency is None else latency.compared) == (0 if seen.get("outcome") else 1)


def test_the_largest_movers_are_by_cost_then_by_quality() -> None:
    tally = _tally()
    for number in range(5_000):
        usage = Usage(input_tokens=number, output_tokens=0)
        tally.add(_logged(id=f"req-{number:04}", usage=usage, cost_nano_usd=0), "large-a", "default", "hard")
    tally.add(_logged(id="surest", classification=a_classification(0.0), usage=None), "large-a", "default", "hard")

    movers = tally.changes().movers

    assert [mover.id for mover in movers] == [f"req-{number}" for number in range(4_999, 4_999 - LARGEST, -1)]
    assert movers[0].cost_change_nano_usd == 49_990
    assert (movers[0].rule_before, movers[0].rule_after, movers[0].small_ok) == ("old", "hard", 0.8)


def test_where_the_candidate_acted_the_sides_change_places() -> None:
    tally = _tally()
    in_force = Beside(
        policy="default",
        policy_version="v1",
        mode="canary",
        was_candidate=False,
        rule="was hard",
        route="large-only",
        deployment="large-a",
        differs=True,
    )

    tally.add(_logged(beside=in_force), "large-a", "default", "easy", acted_is_after=True)

    changes = tally.changes()
    (mover,) = changes.movers
    assert (mover.before, mover.after, mover.rule_before, mover.rule_after) == (
        "large-a",
        "small-a",
        "was hard",
        "easy",
    )
    assert (changes.total.cost_before_nano_usd, changes.total.cost_after_nano_usd) == (1000, 80)
    assert mover.quality_change == pytest.approx(-0.2)


_names = st.sampled_from([None, "small-a", "small-b", "large-a", "unpriced"])


@given(
    st.lists(st.tuples(_names, _names, st.sampled_from("abc"), st.sampled_from("xy"), st.sampled_from(["r1", "r2"])))
)
def test_teams_apps_and_rules_each_add_up_to_the_total(
    requests: list[tuple[str | None, str | None, str, str, str]],
) -> None:
    tally = _tally()
    for first, other, team, app, rule in requests:
        tally.add(_logged(first, team=team, app=app), other, "default", rule)

    changes = tally.changes()

    assert changes.total.requests == len(requests)
    assert changes.total.moved == sum(move.requests for move in changes.moves)
    assert changes.total.cost_compared + changes.total.cost_unknown == len(requests)
    for groups in (changes.by_rule, changes.by_team, changes.by_app):
        assert _summed(groups) == _counts(changes.total)


def _summed(groups: tuple[Group, ...]) -> list[int]:
    columns = zip(*(_counts(group.change) for group in groups), strict=True)
    return [sum(column) for column in columns] or [0] * 10


def _counts(change: Change) -> list[int]:
    return [getattr(change, name) or 0 for name in Change.__struct_fields__]
