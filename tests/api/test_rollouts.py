"""A policy on its way into force: as a shadow nobody notices it; as a canary it has its share of the conversations."""

from collections.abc import Iterator
from math import sqrt
from typing import Any

import openai
import pytest
from openai import OpenAI

from gateway.domain.record import RequestRecord
from gateway.domain.rollout import Beside
from gateway.providers.scripted import ScriptedUpstream
from tests.gateway_process import GatewayProcess, models_called, running_gateway

MAIL = "jane.doe@example.org"

IN_FORCE = """
deployments:
  - {name: old, tier: small, provider: openai, model: old/small, api_base: "${UPSTREAM}"}
  - {name: new, tier: small, provider: openai, model: new/small, api_base: "${UPSTREAM}"}
  - {name: home, tier: small, provider: openai, model: home/small, api_base: "${UPSTREAM}", labels: {residency: home}}
routes:
  - {name: old-only, try: [old]}
  - {name: new-only, try: [new]}
  - {name: old-then-new, try: [old], then: [new]}
policies:
  - {name: live, serves: [auto], default: old-only}
  - {name: lax, serves: [strict], default: old-only}
  - {name: by-header, serves: [by-header], default: old-only}
  - name: reads-header
    serves: [canary-by-header]
    headers: [x-department]
    rules: [{name: legal, when: '"x-department" in request.headers', route: old-then-new}]
    default: old-only
  - {name: steady, serves: [tried], default: old-only}
  - {name: alone, serves: [alone], default: old-only}
"""

SHADOWS = """
policies:
  - name: candidate
    serves: [auto]
    rollout: shadow
    rules: [{name: streams go new, when: request.stream, route: new-only}]
    default: old-then-new
  - name: strict
    serves: [strict]
    rollout: shadow
    constraints:
      - {name: stays home, when: 'signals.sensitivity == "personal"', require: 'labels.residency == "home"'}
    default: old-only
  - name: by-header-next
    serves: [by-header]
    rollout: shadow
    headers: [x-department]
    rules: [{name: legal goes new, when: '"x-department" in request.headers', route: new-only}]
    default: old-only
"""

CANARIES = """
policies:
  - {name: steady-next, serves: [tried], rollout: {canary: 30%}, default: new-only}
  - {name: reads-no-header, serves: [canary-by-header], rollout: {canary: 99%}, default: old-only}
"""

CANARY_SHARE = 0.3


@pytest.fixture(scope="module")
def rolling(upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    policies = {"in-force.yaml": IN_FORCE, "shadows.yaml": SHADOWS, "canaries.yaml": CANARIES}
    environment = {"UPSTREAM": f"{upstream_server.url}/v1"}
    with running_gateway(tmp_path_factory.mktemp("rolling"), policies, environment) as running:
        yield running


@pytest.fixture(scope="module")
def roller(rolling: GatewayProcess) -> Iterator[OpenAI]:
    with rolling.client() as openai_client:
        yield openai_client


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def recorded(
    rolling: GatewayProcess, alias: str, text: str = "hi", headers: dict[str, str] | None = None, **fields: Any
) -> RequestRecord:
    """Send a request and give its record."""
    reply = rolling.chat({"model": alias, "messages": [user(text)], **fields}, headers)
    return rolling.record(reply.headers["x-request-id"])


def beside(record: RequestRecord) -> Beside:
    assert record.beside is not None
    return record.beside


def policy_of(reply_headers: Any) -> str:
    """Who acted: the header is NAME@VERSION."""
    return str(reply_headers["x-sizewise-policy"]).partition("@")[0]


def test_a_shadow_changes_nothing_for_clients(
    rolling: GatewayProcess, roller: OpenAI, upstream: ScriptedUpstream
) -> None:
    whole = roller.chat.completions.with_raw_response.create(model="auto", messages=[{"role": "user", "content": "hi"}])
    streamed = rolling.chat({"model": "auto", "messages": [user("hi")], "stream": True})

    assert models_called(upstream) == ["old/small", "old/small"]
    for headers in (whole.headers, streamed.headers):
        assert policy_of(headers) == "live"
        assert (headers["x-sizewise-route"], headers["x-sizewise-deployment"]) == ("old-only", "old")
    assert whole.parse().model == "old/small"
    assert streamed.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("stream", "rule", "route", "deployment", "differs"),
    [(False, "default", "old-then-new", "old", False), (True, "streams go new", "new-only", "new", True)],
    ids=["as the live one", "elsewhere"],
)
def test_each_record_holds_what_the_shadow_would_have_done(
    rolling: GatewayProcess, stream: bool, rule: str, route: str, deployment: str, differs: bool
) -> None:
    record = recorded(rolling, "auto", stream=stream)

    other = beside(record)
    assert (record.policy, record.route, record.deployment) == ("live", "old-only", "old")
    assert (other.policy, other.mode, other.was_candidate) == ("candidate", "shadow", True)
    assert (other.rule, other.route, other.deployment, other.differs) == (rule, route, deployment, differs)
    assert other.policy_version not in {"", record.policy_version}


def test_what_a_shadow_would_have_refused_is_answered_and_told(
    rolling: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    personal = recorded(rolling, "strict", f"Write to {MAIL}")
    other = recorded(rolling, "strict", "Write to the mayor")

    assert models_called(upstream) == ["old/small", "old/small"]
    assert personal.status == 200
    assert personal.excluded == {}
    assert (beside(personal).deployment, beside(personal).differs) == (None, True)
    assert (beside(other).deployment, beside(other).differs) == ("old", False)


def test_a_shadow_reads_the_headers_it_would_read_in_force(rolling: GatewayProcess) -> None:
    """They are on its own list; the policy in force has none."""
    record = recorded(rolling, "by-header", headers={"x-department": "legal"})

    assert record.deployment == "old"
    assert (beside(record).rule, beside(record).deployment) == ("legal goes new", "new")
    assert beside(record).differs


def test_the_policy_in_force_reads_its_headers_while_a_canary_acts(rolling: GatewayProcess) -> None:
    records = [
        recorded(rolling, "canary-by-header", f"Text {number}", headers={"x-department": "legal"})
        for number in range(3)
    ]

    record = next(record for record in records if record.policy == "reads-no-header")
    assert (beside(record).policy, beside(record).rule) == ("reads-header", "legal")


def test_an_alias_without_a_rollout_has_nothing_beside(rolling: GatewayProcess) -> None:
    record = recorded(rolling, "alone")

    assert record.policy == "alone"
    assert record.beside is None


def test_a_rollout_adds_no_alias_and_an_unknown_one_is_what_it_was(
    rolling: GatewayProcess, roller: OpenAI, upstream: ScriptedUpstream
) -> None:
    models = [model.id for model in roller.models.list()]
    with pytest.raises(openai.NotFoundError, match="did you mean 'auto'") as caught:
        roller.chat.completions.create(model="atuo", messages=[{"role": "user", "content": "hi"}])

    assert sorted(models) == ["alone", "auto", "by-header", "canary-by-header", "strict", "tried"]
    assert caught.value.code == "model_not_found"
    assert upstream.ledger.received == ()


@pytest.mark.parametrize("name", ["candidate", "steady-next"])
def test_a_candidate_cannot_be_asked_for_by_its_name(rolling: GatewayProcess, name: str) -> None:
    assert rolling.chat({"model": name, "messages": [user("hi")]}).status == 404


def test_a_canary_decides_its_share_of_the_conversations(rolling: GatewayProcess, upstream: ScriptedUpstream) -> None:
    count = 200

    replies = [rolling.chat({"model": "tried", "messages": [user(f"Conversation {n}")]}) for n in range(count)]

    acted = [policy_of(reply.headers) for reply in replies]
    by_candidate = acted.count("steady-next")
    upstream.ledger.wait_for_calls(count)
    assert set(acted) == {"steady", "steady-next"}
    assert abs(by_candidate - count * CANARY_SHARE) <= 4 * sqrt(count * CANARY_SHARE * (1 - CANARY_SHARE))
    assert upstream.ledger.totals["new/small"].calls == by_candidate
    assert upstream.ledger.totals["old/small"].calls == count - by_candidate


def test_one_conversation_is_always_decided_by_the_same_policy(roller: OpenAI) -> None:
    conversations = [_policies_of_a_conversation(roller, f"A longer conversation {number}") for number in range(16)]

    assert all(len(set(policies)) == 1 for policies in conversations)
    assert {policies[0] for policies in conversations} == {"steady", "steady-next"}


def _policies_of_a_conversation(client: OpenAI, opening: str) -> list[str]:
    """Who decided each of its four turns."""
    messages: list[Any] = [user(opening)]
    policies = []
    for _ in range(4):
        raw = client.chat.completions.with_raw_response.create(model="tried", messages=messages)
        messages += [raw.parse().choices[0].message, user("Go on")]
        policies.append(policy_of(raw.headers))
    return policies


@pytest.mark.parametrize("way", ["header", "metadata"])
def test_so_is_all_that_a_client_gives_one_session_id(rolling: GatewayProcess, way: str) -> None:
    acted: dict[str, set[str]] = {}
    for number in range(48):
        name = f"by {way} {number % 12}"
        headers = {"x-sizewise-session": name} if way == "header" else {}
        metadata = {"session_id": name} if way == "metadata" else {}
        body = {"model": "tried", "messages": [user(f"Text {number}")], "metadata": metadata}
        acted.setdefault(name, set()).add(policy_of(rolling.chat(body, headers).headers))

    assert all(len(policies) == 1 for policies in acted.values())
    assert set().union(*acted.values()) == {"steady", "steady-next"}


def test_while_a_canary_runs_each_record_holds_both_decisions(rolling: GatewayProcess) -> None:
    replies = [rolling.chat({"model": "tried", "messages": [user(f"Text {number}")]}) for number in range(30)]

    ids = {policy_of(reply.headers): reply.headers["x-request-id"] for reply in replies}
    by_live, by_candidate = rolling.record(ids["steady"]), rolling.record(ids["steady-next"])
    left, right = beside(by_live), beside(by_candidate)
    assert (by_live.deployment, by_candidate.deployment) == ("old", "new")
    assert (left.policy, left.was_candidate, left.mode, left.deployment) == ("steady-next", True, "canary", "new")
    assert (right.policy, right.was_candidate, right.mode, right.deployment) == ("steady", False, "canary", "old")
    assert left.differs
    assert right.differs
    assert left.policy_version == by_candidate.policy_version
    assert right.policy_version == by_live.policy_version


def test_the_header_names_the_version_that_the_record_has(rolling: GatewayProcess) -> None:
    replies = [rolling.chat({"model": "tried", "messages": [user(f"Version {number}")]}) for number in range(30)]

    by_policy = {policy_of(reply.headers): reply for reply in replies}
    assert set(by_policy) == {"steady", "steady-next"}
    for reply in by_policy.values():
        record = rolling.record(reply.headers["x-request-id"])
        assert reply.headers["x-sizewise-policy"] == f"{record.policy}@{record.policy_version}"
