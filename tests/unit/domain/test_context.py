from typing import Any

from msgspec.structs import replace

from gateway.domain.context import Context, context_of, request_again
from gateway.domain.facts import Budget, Facts, Fleet
from gateway.domain.redaction import REDACTED
from gateway.domain.request import Caller
from tests.builders import a_policy, a_request, a_route, a_session, some_facts

_PAYLOAD = {
    "metadata": {"tier": "gold", "count": 3},
    "tools": [{"type": "function", "function": {"name": "search"}}, {"type": "web_search"}],
}


def _facts(**changes: Any) -> Facts:
    return some_facts(a_request(payload=_PAYLOAD, tools=2), caller=Caller(key_id="k", tags=("vip",)), **changes)


def test_a_plain_request_leaves_no_context() -> None:
    assert context_of(some_facts(), a_policy(), a_route()) is None
    assert context_of(some_facts(), a_policy(reads=frozenset({"signals.tokens"})), a_route()) is None


def test_what_a_client_wrote_is_kept_only_where_a_condition_reads_it() -> None:
    unread = context_of(_facts(session=a_session()), a_policy(), a_route())
    policy = a_policy(reads=frozenset({"request.metadata", "request.tools", "key.tags"}), metadata=frozenset({"tier"}))
    read = context_of(_facts(), policy, a_route())

    assert unread == Context(session=a_session())
    assert read == Context(tools=("search", "web_search"), metadata={"tier": "gold"}, tags=("vip",))


def test_resting_deployments_are_kept_and_latencies_only_where_they_counted() -> None:
    fleet = Fleet(cooling={"a": 3.0}, latency_ms={"b": 20.0})
    facts = some_facts(fleet=fleet)

    assert context_of(facts, a_policy(), a_route()) == Context(fleet=Fleet(cooling={"a": 3.0}))
    assert context_of(facts, a_policy(), a_route(strategy="least_latency")) == Context(fleet=fleet)
    assert context_of(facts, a_policy(reads=frozenset({"health.latency_ms"})), a_route()) == Context(fleet=fleet)


def test_a_budget_is_kept_where_conditions_are_asked() -> None:
    budget = Budget(exists=True, used_ratio=0.9)

    context = context_of(some_facts(budget=budget), a_policy(reads=frozenset({"budget.used_ratio"})), a_route())

    assert context == Context(budget=budget)


def test_conditions_see_a_request_made_again_as_they_saw_the_first() -> None:
    policy = a_policy(reads=frozenset({"request.metadata", "request.tools"}), metadata=frozenset({"tier"}))
    context = context_of(_facts(), policy, a_route())
    assert context is not None

    again = request_again("auto", stream=True, context=context)

    before = replace(_facts().request, stream=True)
    assert (again.alias, again.stream) == (before.alias, before.stream)
    assert (again.tool_names, again.metadata) == (before.tool_names, before.metadata)


def test_of_what_a_client_wrote_only_the_keys_that_conditions_name_are_kept_and_no_longer_than_providers_take() -> None:
    request = a_request(payload={"metadata": {"tier": "g" * 10_000, "note": "patient jane@example.com"}})
    policy = a_policy(reads=frozenset({"request.metadata"}), metadata=frozenset({"tier", "absent"}))

    context = context_of(some_facts(request), policy, a_route())

    assert context == Context(metadata={"tier": "g" * 512})


def test_a_credential_in_what_a_condition_reads_is_not_kept() -> None:
    policy = a_policy(headers=frozenset({"x-note"}), reads=frozenset({"request.headers"}))
    secret = "c4nary" * 6

    context = context_of(_facts(headers={"x-note": f"vip, password={secret}"}), policy, a_route())

    assert context is not None
    assert dict(context.headers) == {"x-note": f"vip, password={REDACTED}"}
