"""Routes as clients and upstreams see them: who is called first, who takes over on which failure, and who never is."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, product
from math import sqrt
from typing import Any

import openai
import pytest
from openai import OpenAI

from gateway.providers.scripted import ScriptedUpstream
from tests.gateway_process import GatewayProcess, models_called, running_gateway

WAYS = {
    "context-overflow": "context_overflow",
    "error-413": "context_overflow",
    "rate-limit:7": "rate_limit",
    "quota": "rate_limit",
    "content-filter": "content_filter",
    "silent": "timeout",
    "error-408": "timeout",
    "error-503": "error",
    "empty": "error",
    "html": "error",
    "error-401": "error",
}
"""Scripted model → the trigger of its failure."""
TRIGGERS = ("context_overflow", "rate_limit", "content_filter", "timeout", "error")

STRATEGIES = """
deployments:
  - {name: heavy, tier: small, provider: openai, model: heavy/small, api_base: "${UPSTREAM}"}
  - {name: light, tier: small, provider: openai, model: light/small, api_base: "${UPSTREAM}"}
  - {name: barred, tier: small, provider: openai, model: barred/small, api_base: "${UPSTREAM}"}
  - {name: slower, tier: small, provider: openai, model: "slower/slow:120", api_base: "${UPSTREAM}"}
  - {name: faster, tier: small, provider: openai, model: "faster/slow:10", api_base: "${UPSTREAM}"}
  - {name: unpriced, tier: small, provider: openai, model: unpriced/small, api_base: "${UPSTREAM}"}
  - {name: dear, tier: small, provider: openai, model: dear/small, api_base: "${UPSTREAM}",
     price: {input_per_mtok_usd: 3, output_per_mtok_usd: 9}}
  - {name: cheap, tier: small, provider: openai, model: cheap/small, api_base: "${UPSTREAM}",
     price: {input_per_mtok_usd: 1, output_per_mtok_usd: 3}}
  - {name: left, tier: small, provider: openai, model: left/small, api_base: "${UPSTREAM}"}
  - {name: middle, tier: small, provider: openai, model: middle/small, api_base: "${UPSTREAM}"}
  - {name: right, tier: small, provider: openai, model: right/small, api_base: "${UPSTREAM}"}
routes:
  - {name: weighted, try: [heavy, light], strategy: weighted, weights: {heavy: 3, light: 1}}
  - {name: weighted-of-three, try: [barred, heavy, light], strategy: weighted, weights: {barred: 6, heavy: 3, light: 1}}
  - {name: least-latency, try: [slower, faster], strategy: least_latency}
  - {name: cheapest, try: [unpriced, dear, cheap], strategy: cheapest}
  - {name: sticky-route, try: [left, middle, right], strategy: sticky}
policies:
  - {name: weighted, serves: [weighted], default: weighted}
  - name: weighted-of-three
    serves: [weighted-of-three]
    default: weighted-of-three
    constraints: [{name: not that one, when: "true", require: 'deployment.name != "barred"'}]
  - {name: least-latency, serves: [least-latency], default: least-latency}
  - {name: cheapest, serves: [cheapest], default: cheapest}
  - {name: sticky-route, serves: [sticky-route], session: {affinity: false}, default: sticky-route}
"""

TAKING_OVER = """
deployments:
  - {name: short, tier: small, provider: openai, model: short/small, api_base: "${UPSTREAM}", context_window: 400}
  - {name: failing, tier: small, provider: openai, model: failing/error-503, api_base: "${UPSTREAM}",
     context_window: 400}
  - {name: long, tier: large, provider: openai, model: long/large, api_base: "${UPSTREAM}", context_window: 100000}
  - {name: other, tier: large, provider: openai, model: other/large, api_base: "${UPSTREAM}"}
  - {name: lonely, tier: small, provider: openai, model: lonely/error-503, api_base: "${UPSTREAM}"}
  - {name: chained, tier: small, provider: openai, model: chained/error-503, api_base: "${UPSTREAM}"}
  - {name: full, tier: small, provider: openai, model: full/context-overflow, api_base: "${UPSTREAM}"}
routes:
  - name: by-length
    try: [failing]
    then: [{try: [long], after: [context_overflow]}, {try: [other], after: [error]}]
  - {name: short-only-but-for-limits, try: [short], then: [{try: [other], after: [rate_limit]}]}
  - {name: for-limits-alone, try: [lonely], then: [{try: [other], after: [rate_limit, content_filter]}]}
  - name: chain
    try: [chained]
    then: [{try: [other], after: [timeout]}, {try: [full], after: [error]}, {try: [long], after: [context_overflow]}]
policies:
  - {name: by-length, serves: [by-length], default: by-length}
  - {name: short-only-but-for-limits, serves: [short-only-but-for-limits], default: short-only-but-for-limits}
  - {name: for-limits-alone, serves: [for-limits-alone], default: for-limits-alone}
  - {name: chain, serves: [chain], default: chain}
"""

ELSEWHERE = """
deployments:
  - {name: near, tier: small, provider: openai, model: near/small, api_base: "${UPSTREAM}", labels: {residency: home}}
  - {name: far, tier: small, provider: openai, model: far/small, api_base: "${UPSTREAM}", labels: {residency: us}}
routes:
  - {name: near-only, try: [near]}
  - {name: far-only, try: [far]}
  - {name: far-and-near-for-limits, try: [far], then: [{try: [near], after: [rate_limit]}]}
policies:
  - name: near-instead
    serves: [near-instead]
    constraints:
      - name: personal data stays home
        when: signals.sensitivity == "personal"
        require: labels.residency == "home"
        on_unavailable: near-only
    default: far-only
  - name: near-for-limits
    serves: [near-for-limits]
    constraints:
      - name: personal data stays home
        when: signals.sensitivity == "personal"
        require: labels.residency == "home"
        on_unavailable: near-only
    default: far-and-near-for-limits
  - name: far-or-nothing
    serves: [far-or-nothing]
    constraints:
      - name: personal data stays home
        when: signals.sensitivity == "personal"
        require: labels.residency == "home"
        on_unavailable: refuse
    default: far-only
"""

HOME_AND_ABROAD = {
    "home": "small",
    "home-failing": "error-503",
    "home-filter": "content-filter",
    "home-flaky": "flaky:2",
    "home-full": "context-overflow",
    "home-limited": "rate-limit:1",
    "home-reset": "reset:0",
    "home-silent": "silent",
    "abroad": "small",
    "abroad-too": "small",
}
"""Deployment → its scripted model."""

GUARDED_ROUTES: dict[str, dict[str, Any]] = {
    "fallback": {"try": ["home-failing"], "then": ["abroad"], "retries": 1},
    "weighted": {
        "try": ["abroad", "home-flaky", "abroad-too"],
        "strategy": "weighted",
        "weights": {"abroad": 5, "home-flaky": 1, "abroad-too": 5},
    },
    "cheapest": {"try": ["abroad", "home-flaky"], "strategy": "cheapest"},
    "least-latency": {"try": ["abroad", "home-reset"], "strategy": "least_latency", "then": ["abroad-too"]},
    "hashed": {"try": ["abroad", "home-filter", "abroad-too"], "strategy": "sticky"},
    "triggered": {
        "try": ["home-full"],
        "then": [
            {"try": ["abroad"], "after": ["context_overflow"]},
            {"try": ["abroad-too"], "after": ["error", "timeout", "rate_limit", "content_filter"]},
        ],
    },
    "slow": {"try": ["home-silent"], "then": [{"try": ["abroad"], "after": ["timeout"]}], "timeout": {"total_s": 0.1}},
    "limited": {"try": ["home-limited", "abroad"], "then": ["home-failing", "abroad-too"]},
    "abroad-only": {"try": ["abroad"], "then": ["abroad-too"]},
}
LAST_RESORT = {"name": "last-resort", "try": ["home-failing"], "then": ["abroad", "home"]}
AT_HOME = 'labels.residency == "home"'
AWAY = "abroad"


def taking_over() -> str:
    """`whole/MODEL` and `streamed/MODEL` try that model, then a deployment for each trigger: two aliases, because a
    deployment rests after a rate limit."""
    names = {f"{way}/{model}": f"{way}-{model.replace(':', '-')}" for way in ("whole", "streamed") for model in WAYS}
    then = [{"try": [f"after-{trigger}"], "after": [trigger]} for trigger in TRIGGERS]
    return policy_file(
        deployments={name: model for model, name in names.items()}
        | {f"after-{trigger}": f"after-{trigger}/small" for trigger in TRIGGERS},
        routes=[
            {"name": name, "try": [name], "then": then, "timeout": {"total_s": 1} if "silent" in name else {}}
            for name in names.values()
        ],
        policies=[{"name": name, "serves": [alias], "default": name} for alias, name in names.items()],
    )


def guarded() -> str:
    """`refused/ROUTE` and `elsewhere/ROUTE`: personal data stays at home, though a rule says abroad."""
    policies = [
        {
            "name": f"{kind}-{route}",
            "serves": [f"{kind}/{route}"],
            "constraints": [
                {
                    "name": "personal data stays home",
                    "when": 'signals.sensitivity == "personal"',
                    "require": AT_HOME,
                    "on_unavailable": on_unavailable,
                }
            ],
            "rules": [{"name": "three turns go abroad", "when": "signals.turns == 3", "route": "guarded-abroad-only"}],
            "default": f"guarded-{route}",
        }
        for kind, on_unavailable in (("refused", "refuse"), ("elsewhere", "last-resort"))
        for route in GUARDED_ROUTES
    ]
    return policy_file(
        deployments={name: f"{name}/{script}" for name, script in HOME_AND_ABROAD.items()},
        routes=[{"name": f"guarded-{name}", **route} for name, route in GUARDED_ROUTES.items()] + [LAST_RESORT],
        policies=policies,
    )


def policy_file(*, deployments: Mapping[str, str], routes: list[dict[str, Any]], policies: list[dict[str, Any]]) -> str:
    """`deployments`: name → model; what is called abroad is, and costs least. JSON is YAML."""
    entries = [
        {
            "name": name,
            "tier": "small",
            "provider": "openai",
            "model": model,
            "api_base": "${UPSTREAM}",
            "labels": {"residency": "us" if name.startswith(AWAY) else "home"},
            "price": dict.fromkeys(("input_per_mtok_usd", "output_per_mtok_usd"), 1 if name.startswith(AWAY) else 2),
        }
        for name, model in deployments.items()
    ]
    return json.dumps({"deployments": entries, "routes": routes, "policies": policies})


MAIL = "jane.doe@example.org"

ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def routing(upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    policies = {
        "strategies.yaml": STRATEGIES,
        "taking-over.yaml": TAKING_OVER,
        "triggers.yaml": taking_over(),
        "guarded.yaml": guarded(),
        "elsewhere.yaml": ELSEWHERE,
    }
    environment = {"UPSTREAM": f"{upstream_server.url}/v1"}
    with running_gateway(tmp_path_factory.mktemp("routing"), policies, environment) as running:
        yield running


@pytest.fixture(scope="module")
def routed(routing: GatewayProcess) -> Iterator[OpenAI]:
    with routing.client() as openai_client:
        yield openai_client


def ask(alias: str, text: str = "hi", **fields: Any) -> dict[str, Any]:
    return {"model": alias, "messages": [{"role": "user", "content": text}], **fields}


def deployments_called(upstream: ScriptedUpstream) -> list[str]:
    """The models of this file are called DEPLOYMENT/SCRIPT."""
    return [model.partition("/")[0] for model in models_called(upstream)]


def calls_by_deployment(upstream: ScriptedUpstream) -> dict[str, int]:
    return {model.partition("/")[0]: total.calls for model, total in upstream.ledger.totals.items()}


def assert_share(count: int, *, of: int, share: float) -> None:
    """Within five standard deviations: by chance it is not in one run of a million."""
    assert abs(count - of * share) <= 5 * sqrt(of * share * (1 - share))


def test_weights_spread_requests_even_where_all_are_the_same(routed: OpenAI, upstream: ScriptedUpstream) -> None:
    for _ in range(240):
        routed.chat.completions.create(model="weighted", messages=[{"role": "user", "content": "hi"}])

    upstream.ledger.wait_for_calls(240)
    calls = calls_by_deployment(upstream)
    assert sum(calls.values()) == 240
    assert_share(calls["heavy"], of=240, share=0.75)


def test_the_weights_of_those_a_constraint_leaves_are_what_counts(
    routing: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    for number in range(120):
        assert routing.chat(ask("weighted-of-three", f"question {number}")).status == 200

    upstream.ledger.wait_for_calls(120)
    calls = calls_by_deployment(upstream)
    assert set(calls) == {"heavy", "light"}
    assert_share(calls["heavy"], of=120, share=0.75)


def test_the_record_says_what_was_drawn(routing: GatewayProcess) -> None:
    reply = routing.chat(ask("weighted"))

    record = routing.record(reply.headers["x-request-id"])
    drawn = next(reason for reason in record.reasons if reason.startswith("weighted: drew "))
    assert drawn.endswith({"heavy": "'heavy' takes 75%", "light": "'light' takes 25%"}[record.deployment or ""])


def test_least_latency_tries_each_once_and_ends_up_on_the_faster(
    routing: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    replies = [routing.chat(ask("least-latency", stream=number % 2 == 1)) for number in range(10)]

    record = routing.record(replies[-1].headers["x-request-id"])
    assert deployments_called(upstream) == ["slower", *["faster"] * 9]
    assert any(reason.startswith("least latency: 'faster' ") for reason in record.reasons)


def test_cheapest_takes_the_cheaper_though_it_is_listed_last(
    routing: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    replies = [routing.chat(ask("cheapest", "Write a poem of 2000 words", stream=stream)) for stream in (False, True)]

    assert deployments_called(upstream) == ["cheap", "cheap"]
    assert {reply.headers["x-sizewise-deployment"] for reply in replies} == {"cheap"}


def test_sticky_sends_a_conversation_to_one_deployment_and_spreads_conversations(
    routed: OpenAI, upstream: ScriptedUpstream
) -> None:
    homes = [_deployments_of_a_conversation(routed, f"This is conversation {number}") for number in range(30)]

    assert all(len(set(home)) == 1 for home in homes)
    assert {home[0] for home in homes} == {"left", "middle", "right"}


def _deployments_of_a_conversation(client: OpenAI, opening: str) -> list[str]:
    """Who answered each of its three turns."""
    messages: list[Any] = []
    answered = []
    for turn in (opening, "Go on", "Thank you"):
        messages.append({"role": "user", "content": turn})
        answer = client.chat.completions.create(model="sticky-route", messages=messages)
        messages.append({"role": "assistant", "content": answer.choices[0].message.content})
        answered.append(answer.model.partition("/")[0])
    return answered


@pytest.mark.parametrize(("model", "trigger"), WAYS.items(), ids=WAYS.keys())
@ways
def test_each_kind_of_failure_goes_to_the_deployment_that_is_for_it(
    routing: GatewayProcess, upstream: ScriptedUpstream, model: str, trigger: str, stream: bool
) -> None:
    alias = f"{'streamed' if stream else 'whole'}/{model}"

    reply = routing.chat(ask(alias, stream=stream))

    record = routing.record(reply.headers["x-request-id"])
    assert reply.status == 200, reply.body
    assert models_called(upstream) == [alias, f"after-{trigger}/small"]
    assert reply.headers["x-sizewise-deployment"] == f"after-{trigger}"
    assert [attempt.deployment for attempt in record.attempts] == [
        alias.replace("/", "-").replace(":", "-"),
        f"after-{trigger}",
    ]


@ways
def test_a_prompt_longer_than_the_first_window_goes_to_the_long_one_uncalled(
    routing: GatewayProcess, upstream: ScriptedUpstream, stream: bool
) -> None:
    reply = routing.chat(ask("by-length", "A sentence of some length. " * 200, stream=stream))

    record = routing.record(reply.headers["x-request-id"])
    assert reply.status == 200, reply.body
    assert deployments_called(upstream) == ["long"]
    assert record.excluded["failing"].startswith("context window 400 < ")


def test_while_a_fault_of_the_same_deployment_goes_to_the_other(
    routing: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    reply = routing.chat(ask("by-length"))

    assert reply.status == 200, reply.body
    assert deployments_called(upstream) == ["failing", "other"]


def test_a_failure_nobody_is_for_is_told_as_it_was(routed: OpenAI, upstream: ScriptedUpstream) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        routed.chat.completions.create(model="for-limits-alone", messages=[{"role": "user", "content": "hi"}])

    assert (caught.value.status_code, caught.value.code) == (502, "upstream_unavailable")
    assert deployments_called(upstream) == ["lonely"]


def test_each_failure_of_a_chain_counts_for_the_next(routing: GatewayProcess, upstream: ScriptedUpstream) -> None:
    reply = routing.chat(ask("chain"))

    assert reply.status == 200, reply.body
    assert deployments_called(upstream) == ["chained", "full", "long"]


def test_a_prompt_too_long_for_those_that_may_take_it_says_so_in_openais_words(
    routed: OpenAI, upstream: ScriptedUpstream
) -> None:
    """That `other` is there for rate limits does not make it a question of what the client may do."""
    long = "A sentence of some length. " * 200

    with pytest.raises(openai.APIStatusError) as caught:
        routed.chat.completions.create(model="short-only-but-for-limits", messages=[{"role": "user", "content": long}])

    assert upstream.ledger.received == ()
    assert (caught.value.status_code, caught.value.code) == (400, "context_length_exceeded")


@pytest.mark.parametrize("alias", ["near-instead", "near-for-limits"])
@ways
def test_a_constraint_sends_elsewhere_what_the_route_may_not_serve(
    routing: GatewayProcess, upstream: ScriptedUpstream, alias: str, stream: bool
) -> None:
    reply = routing.chat(ask(alias, f"Write to {MAIL}", stream=stream))

    record = routing.record(reply.headers["x-request-id"])
    assert reply.status == 200, reply.body
    assert deployments_called(upstream) == ["near"]
    assert reply.headers["x-sizewise-route"] == record.route == "near-only"
    assert record.excluded["far"] == "constraint 'personal data stays home'"
    assert any("constraint 'personal data stays home' says where instead" in reason for reason in record.reasons)


@pytest.mark.parametrize("alias", ["near-instead", "near-for-limits"])
def test_whoever_answered_is_not_among_the_excluded(routing: GatewayProcess, alias: str) -> None:
    reply = routing.chat(ask(alias, f"Write to {MAIL}"))

    record = routing.record(reply.headers["x-request-id"])
    assert record.deployment == "near"
    assert set(record.excluded) == {"far"}


def test_what_no_constraint_is_about_takes_the_route_of_the_rules(
    routing: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    reply = routing.chat(ask("near-instead", "Write to the mayor"))

    assert reply.headers["x-sizewise-route"] == "far-only"
    assert deployments_called(upstream) == ["far"]


@ways
def test_a_constraint_that_refuses_says_which_in_openais_shape(
    routing: GatewayProcess, routed: OpenAI, upstream: ScriptedUpstream, stream: bool
) -> None:
    with pytest.raises(openai.PermissionDeniedError, match="constraint 'personal data stays home'") as caught:
        routed.chat.completions.create(
            model="far-or-nothing", messages=[{"role": "user", "content": f"Write to {MAIL}"}], stream=stream
        )

    error = caught.value.response.json()["error"]
    record = routing.record(caught.value.response.headers["x-request-id"])
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["code"]) == ("invalid_request_error", "no_deployment")
    assert upstream.ledger.received == ()
    assert (record.outcome, record.status, record.attempts) == ("refused", 403, ())
    assert record.excluded == {"far": "constraint 'personal data stays home'"}


def conversations_with(mail: str) -> Iterable[list[dict[str, Any]]]:
    """Conversations that hold the address in each place where one can stand."""
    call = {
        "id": "call_0",
        "type": "function",
        "function": {"name": "write", "arguments": json.dumps({"to": mail})},
    }
    yield [{"role": "user", "content": f"Write to {mail}"}]
    yield [{"role": "system", "content": f"You write for {mail}"}, {"role": "user", "content": "Begin"}]
    yield [{"role": "user", "content": [{"type": "text", "text": "Write"}, {"type": "text", "text": f"to {mail}"}]}]
    yield [
        {"role": "user", "content": f"I am {mail}"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Go on"},
        {"role": "assistant", "content": "I do"},
        {"role": "user", "content": "Who am I?"},
    ]
    yield [
        {"role": "user", "content": "Write"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_0", "content": "done"},
    ]
    yield [
        {"role": "user", "content": "Find him"},
        {"role": "assistant", "content": None, "tool_calls": [{**call, "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "call_0", "content": f"found {mail}"},
    ]


def test_no_personal_data_reaches_an_excluded_deployment_whatever_fails(
    routing: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    """Requests without personal data come in between, so that deployments rest and recover in all ways."""
    aliases = [f"{kind}/{route}" for kind, route in product(("refused", "elsewhere"), GUARDED_ROUTES)]
    called: list[tuple[str, bool]] = []
    statuses: set[int] = set()
    last_id = ""
    for alias, (number, messages), stream in product(aliases, enumerate(conversations_with(MAIL)), (False, True)):
        upstream.ledger.reset()  # it keeps a hundred requests
        if number % 3 == 0:
            routing.chat(ask(alias, "Write to the mayor", stream=stream))
        reply = routing.chat({"model": alias, "messages": messages, "stream": stream})
        called += [(request.json()["model"], MAIL.encode() in request.body) for request in upstream.ledger.received]
        statuses.add(reply.status)
        last_id = reply.headers["x-request-id"]

    at_home = {name for name in HOME_AND_ABROAD if not name.startswith(AWAY)}
    were_personal = [is_personal for model, is_personal in called if model.startswith(AWAY)]
    assert len(were_personal) >= len(aliases)
    assert not any(were_personal)
    assert {model.partition("/")[0] for model, is_personal in called if is_personal} == at_home
    assert {200, 403, 502} <= statuses
    routing.record(last_id)
    assert _attempted_with_personal_data(routing, aliases) == at_home


def _attempted_with_personal_data(routing: GatewayProcess, aliases: Collection[str]) -> set[str]:
    """By the records, of the latest two hundred."""
    records = [record for record in routing.records(200) if record.alias in aliases]
    attempts = chain.from_iterable(
        record.attempts for record in records if record.signals is not None and "personal" in record.signals.sensitive
    )
    return {attempt.deployment for attempt in attempts}
