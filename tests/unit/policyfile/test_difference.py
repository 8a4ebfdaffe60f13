import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from gateway.domain.allowances import Limits
from gateway.domain.answer import Checks
from gateway.domain.policy import (
    Affinity,
    Check,
    Concurrency,
    Condition,
    Constraint,
    Deployment,
    KeepText,
    Policy,
    PolicySet,
    Route,
    Rule,
    Secret,
    Timeouts,
)
from gateway.domain.price_tiers import Rates, Tariff
from gateway.domain.rollout import Rollout
from gateway.policyfile.difference import Change, _priced, difference
from gateway.policyfile.expressions import tokens
from tests.builders import a_deployment, a_policy, a_price, a_route, always
from tests.unit.policyfile.folder import load

SMALL = a_deployment("small-a", context_window=8_000, labels={"residency": "eu"}, price=a_price())
LARGE = a_deployment("large-a", tier="large", rank=1)
ROUTE = a_route("small-first", SMALL, then=(LARGE,), triggers={"large-a": frozenset({"error"})})
OTHER = a_route("large-only", LARGE)
CONSTRAINT = Constraint(
    name="home", when=always("signals.code"), requires="true", permitted=frozenset({"small-a"}), instead=ROUTE
)
RULE = Rule(name="easy", when=always("signals.maths"), route=ROUTE)
POLICY = a_policy(
    default=OTHER,
    constraints=(CONSTRAINT,),
    rules=(RULE,),
    baseline=LARGE,
    routes={"small-first": ROUTE, "large-only": OTHER},
    headers=frozenset({"x-a"}),
)


def _set(*policies: Policy, **changes: Any) -> PolicySet:
    in_force = [policy for policy in policies if policy.rollout.mode == "on"]
    policies_by_default = PolicySet(
        version="v",
        deployments={"small-a": SMALL, "large-a": LARGE},
        routes={"small-first": ROUTE, "large-only": OTHER},
        policies=policies,
        by_alias={alias: policy for policy in in_force for alias in policy.serves},
        candidates={alias: policy for policy in policies if policy not in in_force for alias in policy.serves},
        tiers=("small", "large"),
    )
    return replace(policies_by_default, **changes)


def _said(before: PolicySet, after: PolicySet) -> list[str]:
    marks = {"added": "+", "removed": "-", "changed": "~"}
    return [
        f"{marks[each.kind]} {each.of} | {each.part}: {each.before} → {each.after}"
        for each in difference(before, after)
    ]


DEPLOYMENT_CHANGES: Mapping[str, tuple[Any, str]] = {
    "tier": ("large", "~ deployment 'small-a' | tier: small → large"),
    "provider": ("azure", "~ deployment 'small-a' | provider: openai → azure"),
    "model": ("m", "~ deployment 'small-a' | model: small-a-model → m"),
    "api_base": ("http://h/v1?k=1", "~ deployment 'small-a' | api_base: http://127.0.0.1:9/v1 → http://h/v1?…"),
    "api_key": (Secret("hidden"), "+ deployment 'small-a' | api_key: None → set"),
    "provider_options": (
        {"session_token": Secret("hidden")},
        "+ deployment 'small-a' | provider_options.session_token: None → set",
    ),
    "context_window": (9_000, "~ deployment 'small-a' | context_window: 8000 → 9000"),
    "capabilities": (frozenset({"vision", "tools"}), "+ deployment 'small-a' | capabilities: None → tools, vision"),
    "labels": ({"residency": "us"}, '~ deployment \'small-a\' | labels.residency: "eu" → "us"'),
    "price": (
        a_price(300),
        (
            "~ deployment 'small-a' | price: input $0.15, output $0.6 per million tokens"
            " → input $0.3, output $0.6 per million tokens"
        ),
    ),
    "energy_nwh": (1_500_000, "+ deployment 'small-a' | energy_wh_per_1k_tokens: None → 1.5"),
    "concurrency": (
        Concurrency(calls=4, queue=8),
        "+ deployment 'small-a' | concurrency: None → 4 calls, 8 more wait up to 1 s",
    ),
    "limits": (
        Limits(requests_per_minute=60),
        "+ deployment 'small-a' | limits.requests_per_minute: None → 60",
    ),
}
DEPLOYMENT_EXEMPT = {
    "name": "what it is known by",
    "rank": "the place of its tier",
    "unpriced": "why there is no price",
}


def test_every_field_of_a_deployment_counts() -> None:
    assert {field.name for field in fields(Deployment)} == {*DEPLOYMENT_CHANGES, *DEPLOYMENT_EXEMPT}


@pytest.mark.parametrize("field", DEPLOYMENT_CHANGES)
def test_a_changed_deployment_is_told_by_its_field(field: str) -> None:
    value, said = DEPLOYMENT_CHANGES[field]
    after = _set(POLICY, deployments={"small-a": replace(SMALL, **{field: value}), "large-a": LARGE})

    assert _said(_set(POLICY), after) == [said]


ROUTE_CHANGES: Mapping[str, tuple[Any, list[str]]] = {
    "first": ((LARGE, SMALL), ["~ route 'small-first' | try: small-a → large-a, small-a"]),
    "then": ((), ["- route 'small-first' | then: large-a → None"]),
    "strategy": ("cheapest", ["~ route 'small-first' | strategy: priority → cheapest"]),
    "weights": ({"small-a": 3.0}, ["+ route 'small-first' | weights.small-a: None → 100%"]),
    "triggers": (
        {"large-a": frozenset({"timeout", "error"})},
        ["~ route 'small-first' | then, large-a only after: error → error, timeout"],
    ),
    "retries": (2, ["~ route 'small-first' | retries: 0 → 2"]),
    "timeouts": (
        Timeouts(connect_s=1.5, first_token_s=3.0, idle_s=4.0, total_s=5.0),
        [
            "~ route 'small-first' | timeout.connect_s: 2 → 1.5",
            "~ route 'small-first' | timeout.first_token_s: 30 → 3",
            "~ route 'small-first' | timeout.idle_s: 30 → 4",
            "~ route 'small-first' | timeout.total_s: 600 → 5",
        ],
    ),
    "max_latency_ms": (400.0, ["+ route 'small-first' | max_latency_ms: None → 400"]),
    "check": (
        Check(wanted=Checks(not_empty=True), min_score=0.6),
        [
            "+ route 'small-first' | check.not_empty: None → on",
            "+ route 'small-first' | check.min_score: None → 0.6",
            "+ route 'small-first' | check.buffer_kb: None → 256",
        ],
    ),
    "insists": (False, ["~ route 'small-first' | when_all_rest: call → refuse"]),
}


def test_every_field_of_a_route_counts() -> None:
    assert {field.name for field in fields(Route)} == {*ROUTE_CHANGES, "name"}
    assert len(fields(Timeouts)) == len(ROUTE_CHANGES["timeouts"][1])


@pytest.mark.parametrize("field", ROUTE_CHANGES)
def test_a_changed_route_is_told_by_its_field(field: str) -> None:
    value, said = ROUTE_CHANGES[field]
    after = _set(POLICY, routes={"small-first": replace(ROUTE, **{field: value}), "large-only": OTHER})

    assert _said(_set(POLICY), after) == said


def test_weights_are_compared_by_their_shares() -> None:
    weighted = [
        replace(ROUTE, first=(SMALL, LARGE), then=(), triggers={}, strategy="weighted", weights=weights)
        for weights in (
            {"small-a": 1.0, "large-a": 3.0},
            {"small-a": 2.0, "large-a": 6.0},
            {"small-a": 1.0, "large-a": 1.0},
        )
    ]
    one, same, other = (_set(POLICY, routes={"small-first": each, "large-only": OTHER}) for each in weighted)

    assert _said(one, same) == []
    assert _said(one, other) == [
        "~ route 'small-first' | weights.large-a: 75% → 50%",
        "~ route 'small-first' | weights.small-a: 25% → 50%",
    ]


POLICY_CHANGES: Mapping[str, tuple[Any, list[str]]] = {
    "serves": (("auto", "fast"), ["+ aliases | fast: None → default"]),
    "default": (ROUTE, ["~ policy 'default' | default: large-only → small-first"]),
    "threshold": (0.7, ["~ policy 'default' | quality.threshold: 0.6 → 0.7"]),
    "baseline": (None, ["- policy 'default' | baseline: large-a → None"]),
    "headers": (
        frozenset({"x-b"}),
        ["- policy 'default' | headers.x-a: read → None", "+ policy 'default' | headers.x-b: None → read"],
    ),
    "timezone": ("Asia/Tokyo", ["~ policy 'default' | timezone: UTC → Asia/Tokyo"]),
    "affinity": (
        Affinity(is_on=False, idle_s=60.0, cache_s=1.0),
        [
            "~ policy 'default' | session.affinity: on → off",
            "~ policy 'default' | session.idle_s: 3600 → 60",
            "~ policy 'default' | session.cache_s: 300 → 1",
        ],
    ),
    "rollout": (
        Rollout(mode="canary", share=0.1),
        [
            "- aliases | auto: default → None",
            "+ aliases | auto (being rolled out): None → default",
            "~ policy 'default' | rollout: on → canary 10%",
        ],
    ),
    "keep_text": (
        KeepText(teams=frozenset({"legal", "hr"}), days=30, answers=False),
        [
            "+ policy 'default' | keep_text.teams: None → hr, legal",
            "+ policy 'default' | keep_text.days: None → 30",
            "+ policy 'default' | keep_text.answers: None → not kept",
            "+ policy 'default' | keep_text.max_bytes: None → 65536",
        ],
    ),
    "needs_record": (True, ["~ policy 'default' | on_unrecordable: continue → refuse"]),
    "constraints": ((), ["- policy 'default' | constraint 'home': signals.code → true, small-first → None"]),
    "rules": ((), ["- policy 'default' | rule 'easy': signals.maths → small-first → None"]),
}
POLICY_EXEMPT = {
    "name": "what it is known by",
    "version": "changes with any text",
    "bind": "made of the conditions",
    "match": "made of the conditions",
    "routes": "those of the default, rules and constraints",
    "reads": "what the conditions name",
    "metadata": "what the conditions name",
}


def test_every_field_of_a_policy_counts() -> None:
    assert {field.name for field in fields(Policy)} == {*POLICY_CHANGES, *POLICY_EXEMPT}
    assert len(fields(Affinity)) == len(POLICY_CHANGES["affinity"][1])
    assert {field.name for field in fields(Rollout)} == {"mode", "share"}


@pytest.mark.parametrize("field", POLICY_CHANGES)
def test_a_changed_policy_is_told_by_its_field(field: str) -> None:
    value, said = POLICY_CHANGES[field]

    assert _said(_set(POLICY), _set(replace(POLICY, **{field: value}))) == said


_PRICED_BY_NAME = {"input_atto_usd", "output_atto_usd", "cached_input_atto_usd"}
CONSTRAINT_CHANGES: Mapping[str, tuple[Any, str]] = {
    "name": ("at home", "~ policy 'default' | constraint 'home', name: home → at home"),
    "when": (
        always("signals.maths"),
        "~ policy 'default' | constraint 'home', condition: signals.code → signals.maths",
    ),
    "requires": ("false", "~ policy 'default' | constraint 'home', requires: true → false"),
    "permitted": (
        frozenset({"small-a", "large-a"}),
        "+ policy 'default' | constraint 'home', permits large-a: None → yes",
    ),
    "instead": (None, "~ policy 'default' | constraint 'home', on_unavailable: small-first → refuse"),
}
RULE_CHANGES: Mapping[str, tuple[Any, str]] = {
    "name": ("simple", "~ policy 'default' | rule 'easy', name: easy → simple"),
    "when": (always("signals.code"), "~ policy 'default' | rule 'easy', condition: signals.maths → signals.code"),
    "route": (None, "~ policy 'default' | rule 'easy', route: small-first → sticky"),
}


def test_every_field_of_a_constraint_and_a_rule_counts() -> None:
    assert {field.name for field in fields(Constraint)} == {*CONSTRAINT_CHANGES}
    assert {field.name for field in fields(Rule)} == {*RULE_CHANGES}
    assert {field.name for field in fields(Condition)} == {"source", "holds", "reads", "failure"}
    assert {field.name for field in fields(PolicySet)} == {
        *("version", "deployments", "routes", "policies", "by_alias", "candidates", "tiers")
    }


@pytest.mark.parametrize("field", sorted({field.name for field in fields(Rates)} - _PRICED_BY_NAME))
def test_a_price_that_differs_in_a_rate_that_is_not_named_is_told_by_its_version(field: str) -> None:
    before, after = (_priced(replace(a_price(), **{field: rate})) for rate in (1, 2))

    assert before != after
    assert "price version" in before


def test_a_price_that_differs_in_how_it_varies_is_told_by_its_version() -> None:
    before, after = (_priced(replace(a_price(), tariff=Tariff(request_atto_usd=fee))) for fee in (1, 2))

    assert before != after


def test_where_a_price_comes_from_is_no_difference() -> None:
    assert _priced(a_price()) == _priced(replace(a_price(), source="price map"))


@pytest.mark.parametrize("field", CONSTRAINT_CHANGES)
def test_a_changed_constraint_is_told_by_its_field(field: str) -> None:
    value, said = CONSTRAINT_CHANGES[field]
    after = replace(POLICY, constraints=(replace(CONSTRAINT, **{field: value}),))

    assert _said(_set(POLICY), _set(after)) == [said]


@pytest.mark.parametrize("field", RULE_CHANGES)
def test_a_changed_rule_is_told_by_its_field(field: str) -> None:
    value, said = RULE_CHANGES[field]
    after = replace(POLICY, rules=(replace(RULE, **{field: value}),))

    assert _said(_set(POLICY), _set(after)) == [said]


def _rules(*names: str) -> Policy:
    return replace(
        POLICY, rules=tuple(Rule(name=name, when=always(f"key.id == '{name}'"), route=ROUTE) for name in names)
    )


def test_a_rule_that_moves_is_told_once_whatever_it_passes() -> None:
    before, after = _set(_rules("a", "b", "c", "d")), _set(_rules("d", "a", "b", "c"))

    assert _said(before, after) == ["~ policy 'default' | rule 'd', place: number 4 → number 1"]


def test_a_rule_that_another_makes_room_for_has_not_moved() -> None:
    assert [each.part for each in difference(_set(_rules("a", "b")), _set(_rules("x", "a", "y", "b")))] == [
        "rule 'x'",
        "rule 'y'",
    ]


def test_the_order_of_constraints_counts_only_where_they_name_a_route() -> None:
    first, second = (replace(CONSTRAINT, name=name) for name in ("first", "second"))
    silent = [replace(each, instead=None) for each in (first, second)]

    spoken = _said(
        _set(replace(POLICY, constraints=(first, second))), _set(replace(POLICY, constraints=(second, first)))
    )
    unspoken = _said(
        _set(replace(POLICY, constraints=tuple(silent))), _set(replace(POLICY, constraints=tuple(reversed(silent))))
    )

    assert len(spoken) == 1
    assert "place" in spoken[0]
    assert unspoken == []


def test_what_is_added_and_removed_is_told_whole() -> None:
    extra = a_deployment("extra", provider="azure", model="m")
    wider = replace(a_route("wide", extra, SMALL), then=(LARGE,))
    added = _set(
        POLICY,
        deployments={"small-a": SMALL, "large-a": LARGE, "extra": extra},
        routes={"small-first": ROUTE, "large-only": OTHER, "wide": wider},
    )

    assert _said(_set(POLICY), added) == [
        "+ deployment 'extra' | : None → azure/m, tier small",
        "+ route 'wide' | : None → priority extra, small-a, then large-a",
    ]
    assert [each.kind for each in difference(added, _set(POLICY))] == ["removed", "removed"]


def test_an_alias_that_another_policy_serves_now_is_told() -> None:
    fast = replace(POLICY, name="fast", serves=("fast",))
    after = _set(replace(POLICY, serves=("auto",)), replace(fast, serves=("fast", "quick")))

    assert _said(_set(replace(POLICY, serves=("auto", "quick")), fast), after) == ["~ aliases | quick: default → fast"]


def test_the_order_of_tiers_counts() -> None:
    assert _said(_set(POLICY), _set(POLICY, tiers=("large", "small"))) == [
        "~ tiers | order: small, large → large, small"
    ]


def test_a_secret_is_never_told() -> None:
    with_key, with_another, without = (
        _set(POLICY, deployments={"small-a": replace(SMALL, api_key=key), "large-a": LARGE})
        for key in (Secret("hidden"), Secret("other"), None)
    )

    assert difference(with_key, with_another) == ()
    assert difference(with_key, without) == (
        Change(of="deployment 'small-a'", part="api_key", before="set", after=None),
    )


def test_where_a_price_comes_from_and_a_cached_price_that_changes_nothing_do_not_count() -> None:
    price = a_price()
    same = replace(price, source="price map", cached_input_atto_usd=price.input_atto_usd)
    after = _set(POLICY, deployments={"small-a": replace(SMALL, price=same), "large-a": LARGE})

    assert difference(_set(POLICY), after) == ()


DOCUMENT: dict[str, list[dict[str, Any]]] = {
    "deployments": [
        {
            "name": name,
            "tier": tier,
            "provider": "openai",
            "model": "m",
            "labels": {"residency": "eu", "indemnified": True},
            "price": {"input_per_mtok_usd": 1, "output_per_mtok_usd": 2},
            "capabilities": ["tools", "vision"],
        }
        for name, tier in (("small-a", "small"), ("large-a", "large"))
    ],
    "routes": [
        {"name": "small-first", "try": ["small-a"], "then": ["large-a"], "timeout": {"idle_s": 1, "total_s": 2}},
        {
            "name": "spread",
            "try": ["small-a", "large-a"],
            "strategy": "weighted",
            "weights": {"small-a": 1, "large-a": 3},
        },
    ],
    "policies": [
        {
            "name": name,
            "serves": [name, f"{name}-too"],
            "headers": ["x-a", "x-b"],
            "constraints": [
                {"name": "c", "when": '"personal" in signals.sensitive', "require": 'labels.residency == "eu"'},
                {"name": "d", "when": "signals.code", "require": "labels.indemnified == true"},
            ],
            "rules": [
                {"name": "r", "when": 'key.team == "a  b" && signals.tokens > 5', "route": "small-first"},
                {"name": "s", "when": '!signals.maths || "x-a" in request.headers', "route": "sticky"},
            ],
            "default": "spread",
        }
        for name in ("auto", "fast")
    ],
}


@st.composite
def _written(draw: st.DrawFn) -> dict[str, str]:
    """The document in one to three files: keys and items in any order, conditions spaced and commented at will."""
    files: list[dict[str, list[Any]]] = [{} for _ in range(draw(st.integers(1, 3)))]
    for section, item in draw(st.permutations([(noun, item) for noun, items in DOCUMENT.items() for item in items])):
        draw(st.sampled_from(files)).setdefault(section, []).append(_shuffled(draw, item))
    texts = [json.dumps(file, indent=draw(st.sampled_from([None, 1, 4]))) for file in files]
    comment = draw(st.sampled_from(["", "# as it was\n", "# as it is\n\n"]))
    return {f"f{number}": comment + text for number, text in enumerate(texts)}


def _shuffled(draw: st.DrawFn, item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    keys = draw(st.permutations(list(item)))
    return {key: _respaced(draw, item[key]) if key in ("when", "require") else _deep(draw, item[key]) for key in keys}


def _deep(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, list):
        return [_shuffled(draw, each) for each in value]
    return _shuffled(draw, value)


def _respaced(draw: st.DrawFn, source: str) -> str:
    gaps = st.sampled_from([" ", "   ", "\n", " // so it is\n"])
    spaced = "".join(f"{token.text}{draw(gaps)}" for token in tokens(source))
    return f"({spaced})" if draw(st.booleans()) else spaced


@settings(max_examples=40, deadline=None)
@given(_written(), _written())
def test_layout_order_of_keys_and_items_spacing_and_comments_are_no_change(
    one: dict[str, str], other: dict[str, str]
) -> None:
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        before, after = load(Path(first), {}, **one), load(Path(second), {}, **other)

    assert difference(before, after) == ()
