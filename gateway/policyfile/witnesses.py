"""Example requests for conditions: facts made of the values that the conditions mention, neutral in all else.

A bounded search finds an example or does not; only `Space.is_complete` makes a missing one mean something.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import gcd, prod
from typing import Any, Final

from msgspec.structs import replace

from gateway.domain.classification import Classification
from gateway.domain.decision import DEFAULT_RULE
from gateway.domain.facts import Budget, Facts, Fleet
from gateway.domain.policy import Deployment, Policy
from gateway.domain.request import Caller, ChatRequest
from gateway.domain.session import Session
from gateway.domain.signals import Signals
from gateway.policyfile.expressions import comparisons
from gateway.policyfile.values import OTHER, Ground
from gateway.policyfile.variations import AT, NOON, Variation, covers, variations

Choice = tuple[int, ...]
"""Which variation of each group; 0 for the most ordinary."""

_NEUTRAL: Final = Facts(
    request=ChatRequest(alias="", messages=(), payload={}, size_bytes=0),
    caller=Caller(key_id=OTHER),
    signals=Signals(
        tokens=1,
        ask_tokens=1,
        turns=1,
        messages=1,
        tools=0,
        tool_loop=False,
        images=0,
        structured=False,
        code=False,
        maths=False,
        max_output_tokens=0,
        script="latin",
        sensitivity="none",
        language="en",
    ),
    classification=Classification(task="chat", small_ok=0.0, confidence=0.0, has_evidence=False, model=""),
    at_s=NOON.timestamp(),
)
_COOLING_S: Final = 30.0
_SAMPLING: Final = 0.618
"""Of a space too large to try all of, each next request is so far along: near by none that was tried."""


class Space:
    """The requests that the variables named in some conditions span."""

    def __init__(self, policies: Sequence[Policy], deployments: Iterable[Deployment], sources: Iterable[str]) -> None:
        """`policies`: those that decide; a request asks for an alias that all of them serve."""
        self._sources = tuple(dict.fromkeys(sources))
        first, *others = policies
        routes = [name for name in _ordered(first) if all(name in each.routes for each in others)]
        is_remembered = bool(routes) and all(each.affinity.is_on for each in policies)
        self._route = routes[0] if routes else ""
        aliases = tuple(alias for alias in first.serves if all(alias in each.serves for each in others))
        ground = Ground(
            thresholds=tuple({each.threshold for each in policies}),
            aliases=aliases or first.serves,
            deployments=_answering(first, deployments, self._sources) if is_remembered else (),
        )
        self._neutral = replace(_NEUTRAL, request=replace(_NEUTRAL.request, alias=ground.aliases[0]))
        self._groups = variations(self._sources, ground)
        self.size = prod(map(len, self._groups))

    @property
    def is_complete(self) -> bool:
        """Whether no other request could be told apart from all of these by the conditions."""
        return covers(self._sources)

    def choices(self, most: int) -> Iterator[Choice]:
        """All, or `most` of them from all over the space; the most ordinary first."""
        step = 1 if self.size <= most else _coprime(self.size)
        at = 0
        for _ in range(min(self.size, most)):
            yield self._choice(at)
            at = (at + step) % self.size

    def facts(self, choice: Choice) -> Facts:
        return _with(self._neutral, self._values(choice), self._route)

    def simplest(self, choice: Choice, is_wanted: Callable[[Facts], bool]) -> Choice:
        """The choice with as much of it made ordinary as keeps it wanted."""
        for place, index in enumerate(choice):
            simpler = (*choice[:place], 0, *choice[place + 1 :])
            if index and is_wanted(self.facts(simpler)):
                choice = simpler
        return choice

    def in_words(self, choice: Choice) -> tuple[str, ...]:
        """What is not ordinary about the request, in the words of conditions."""
        said: list[str] = []
        for group, index in zip(self._groups, choice, strict=True):
            ordinary = group[0]
            varied = {name: value for name, value in group[index].items() if value != ordinary[name]}
            said += [_in_words(name, value) for name, value in varied.items()]
        return tuple(said)

    def _choice(self, at: int) -> Choice:
        indexes = []
        for group in self._groups:
            at, index = divmod(at, len(group))
            indexes.append(index)
        return tuple(indexes)

    def _values(self, choice: Choice) -> Variation:
        values: dict[str, Any] = {}
        for group, index in zip(self._groups, choice, strict=True):
            values.update(group[index])
        return values


def _ordered(policy: Policy) -> Iterator[str]:
    """The names of its routes, the default's first."""
    if policy.default.name in policy.routes:
        yield policy.default.name
    yield from policy.routes


def _answering(policy: Policy, deployments: Iterable[Deployment], sources: Sequence[str]) -> tuple[Deployment, ...]:
    """Who may have answered last: the default's first, whom a condition names, and one of each tier."""
    known = {each.name: each for each in deployments}
    named = [
        each.literal for source in sources for each in comparisons(source) if each.variable == "session.deployment"
    ]
    tiers = {each.tier: each for each in reversed(known.values())}
    found = [policy.default.first[0], *(known[name] for name in named if name in known), *tiers.values()]
    return tuple({each.name: each for each in found}.values())


def _coprime(size: int) -> int:
    """A step that comes by every place of a circle of that size, and by no two neighbours in a row."""
    step = max(int(size * _SAMPLING), 1)
    while gcd(step, size) != 1:
        step += 1
    return step


def _with(neutral: Facts, values: Mapping[str, Any], route: str) -> Facts:
    """The neutral facts with these values of variables."""
    parts: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        part, _, field = name.partition(".")
        parts.setdefault(part, {})[field] = value
    signals = replace(neutral.signals, **parts["signals"]) if "signals" in parts else neutral.signals
    at_s = values.get(AT, neutral.at_s)
    return replace(
        neutral,
        request=_request(neutral.request, parts.get("request", {}), signals),
        caller=_caller(neutral.caller, parts["key"]) if "key" in parts else neutral.caller,
        signals=signals,
        classification=replace(neutral.classification, **parts.get("classification", {})),
        headers=values.get("request.headers", {}),
        session=_session(values.get("session.deployment"), route, at_s),
        budget=Budget(**parts.get("budget", {})),
        fleet=Fleet(
            cooling=dict.fromkeys(values.get("health.resting", ()), _COOLING_S),
            latency_ms=values.get("health.latency_ms", {}),
        ),
        at_s=at_s,
    )


def _request(neutral: ChatRequest, given: Mapping[str, Any], signals: Signals) -> ChatRequest:
    payload: dict[str, Any] = {}
    if given.get("metadata"):
        payload["metadata"] = given["metadata"]
    if given.get("tools"):
        payload["tools"] = [{"type": "function", "function": {"name": name}} for name in given["tools"]]
    return replace(
        neutral,
        alias=given.get("alias", neutral.alias),
        stream=given.get("stream", False),
        payload=payload,
        tools=signals.tools,
        structured=signals.structured,
        max_output_tokens=signals.max_output_tokens or None,
    )


def _caller(neutral: Caller, given: Mapping[str, Any]) -> Caller:
    fields = {"key_id" if name == "id" else name: value for name, value in given.items()}
    return replace(neutral, **fields)


def _session(deployment: Deployment | None, route: str, at_s: float) -> Session | None:
    if deployment is None:
        return None
    return Session(
        rule=DEFAULT_RULE,
        route=route,
        deployment=deployment.name,
        tier=deployment.tier,
        rank=deployment.rank,
        seen_at_s=at_s,
    )


def _in_words(name: str, value: Any) -> str:
    if name == AT:
        return f"time = {datetime.fromtimestamp(value, UTC):%a %Y-%m-%d %H:%M} UTC"
    if isinstance(value, Deployment):
        return f"session.deployment = {value.name}"
    if isinstance(value, bool):
        return f"{name} = {str(value).lower()}"
    if isinstance(value, tuple):
        return f"{name} = [{', '.join(value)}]"
    if isinstance(value, dict):
        return f"{name} = {{{', '.join(f'{key}: {each}' for key, each in value.items())}}}"
    return f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}"
