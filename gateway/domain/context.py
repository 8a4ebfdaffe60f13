"""What else a decision rested on, kept so that it can be made again without the request."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from gateway.domain.facts import NO_BUDGET, WELL, Budget, Facts, Fleet
from gateway.domain.policy import Policy, Route
from gateway.domain.redaction import redact
from gateway.domain.request import ChatRequest
from gateway.domain.session import Session


class Context(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Facts that are neither signals, nor classification, nor whose key it was.

    tools, metadata, headers, tags  only what its policy's conditions name: a client may write anything there
    session                         as it was found
    """

    tools: tuple[str, ...] = ()
    metadata: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    tags: tuple[str, ...] = ()
    session: Session | None = None
    budget: Budget = NO_BUDGET
    fleet: Fleet = WELL


_NOTHING = Context()
_LONGEST_VALUE = 512
_MOST_TOOLS = 256


def context_of(facts: Facts, policy: Policy, route: Route) -> Context | None:
    """What the policy's decision for that route rested on besides what else its record holds; None: nothing."""
    reads = policy.reads
    needs_latency = route.strategy == "least_latency" or "health.latency_ms" in reads
    fleet = facts.fleet if needs_latency else Fleet(cooling=facts.fleet.cooling) if facts.fleet.cooling else WELL
    if not reads and facts.session is None and fleet is WELL:
        return None
    context = Context(
        tools=tuple(facts.request.tool_names[:_MOST_TOOLS]) if "request.tools" in reads else (),
        metadata=_named(facts.request.metadata, policy.metadata) if policy.metadata else {},
        headers=_named(facts.headers, policy.headers) if facts.headers else {},
        tags=facts.caller.tags if "key.tags" in reads else (),
        session=facts.session,
        budget=facts.budget,
        fleet=fleet,
    )
    return None if context == _NOTHING else context


def _named(texts: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    """Those of these names, as long as providers take them to be, less the credentials that may stand in them."""
    return {name: redact(text)[:_LONGEST_VALUE] for name, text in texts.items() if name in names}


def request_again(alias: str, *, stream: bool, context: Context) -> ChatRequest:
    """A request that conditions see as they saw the recorded one; it has no messages."""
    payload: dict[str, Any] = {"metadata": dict(context.metadata)}
    payload["tools"] = [{"name": name} for name in context.tools]
    return ChatRequest(alias=alias, messages=(), payload=payload, size_bytes=0, stream=stream, tools=len(context.tools))
