"""Logged requests decided again, and what would change; or what a shadow or canary decided beside them."""

from collections import Counter
from collections.abc import Callable, Mapping

from msgspec import Struct

from gateway.domain.change import Changes
from gateway.domain.comparison import first_of
from gateway.domain.context import Context, request_again
from gateway.domain.decision import Decision, decide
from gateway.domain.facts import NO_HEADERS, Facts
from gateway.domain.logged import UNMEASURED, Logged
from gateway.domain.policy import Policy, PolicySet
from gateway.domain.request import Caller, ChatRequest
from gateway.domain.rollout import Mode
from gateway.domain.tally import NO_POLICY, Tally

UNSERVED = "no policy serves it"
NO_SECOND_DECISION = "decided by one policy alone"

_PLAIN = Context()
_LATENCY = "health.latency_ms"
_RECORDED: Mapping[str, Callable[[Context, Logged], bool]] = {
    "request.metadata": lambda context, _: bool(context.metadata),
    "request.headers": lambda context, _: bool(context.headers),
    "request.tools": lambda context, logged: bool(context.tools) or not (logged.signals and logged.signals.tools),
    "key.tags": lambda context, _: bool(context.tags),
    _LATENCY: lambda context, _: bool(context.fleet.latency_ms),
}
"""Facts that are recorded only where the policy of the time read them → whether a record has them."""


class ReplayOutcome(Struct, frozen=True, kw_only=True):
    """What a replay found.

    not_replayed  why → how many requests were read and left out
    unrecorded    decisions that rest on facts nobody recorded then, taken as absent
    facts         each such fact → how many of them
    classifiers   which said `small_ok`
    """

    read: int
    not_replayed: Mapping[str, int]
    unrecorded: int
    facts: Mapping[str, int]
    classifiers: tuple[str, ...]
    changes: Changes


class Replay:
    """Decides requests again by the policies in force of a set, each from its conversation as it was then."""

    def __init__(self, policies: PolicySet) -> None:
        self._by_alias = policies.by_alias
        self._tally = Tally(policies)
        self._read = self._unrecorded = 0
        self._left_out: Counter[str] = Counter()
        self._facts: Counter[str] = Counter()
        self._classifiers: set[str] = set()
        self._conditional = {
            name: tuple(fact for fact in _RECORDED if fact in policy.reads) for name, policy in self._by_alias.items()
        }
        self._requests: dict[tuple[str, bool], ChatRequest] = {}
        self._callers: dict[tuple[str, str, str], Caller] = {}

    def add(self, logged: Logged) -> None:
        self._read += 1
        if why := why_not_replayable(logged):
            self._left_out[why] += 1
            return
        policy = self._by_alias.get(logged.alias)
        if policy is None:
            self._tally.add(logged, None, NO_POLICY, UNSERVED)
            return
        decision = decide(policy, self.facts_of(logged, policy))
        self._tally.add(logged, first_of(decision), policy.name, decision.rule)
        if policy.version != logged.policy_version or policy.name != logged.policy:
            self._look_for_unrecorded(logged, decision)
        if logged.classification is not None:
            self._classifiers.add(logged.classification.model)

    def outcome(self) -> ReplayOutcome:
        return ReplayOutcome(
            read=self._read,
            not_replayed=dict(self._left_out),
            unrecorded=self._unrecorded,
            facts=dict(self._facts),
            classifiers=tuple(sorted(self._classifiers)),
            changes=self._tally.changes(),
        )

    def facts_of(self, logged: Logged, policy: Policy) -> Facts:
        """What the policy would have been asked about then. Raises ValueError for a request that is not replayable."""
        context = logged.context
        signals, classification = logged.signals, logged.classification
        if signals is None or classification is None:
            raise ValueError(f"request {logged.id!r}: {UNMEASURED}")
        if context is None:
            context, request, caller = _PLAIN, self._request(logged), self._caller(logged)
        else:
            request = request_again(logged.alias, stream=logged.stream, context=context)
            caller = Caller(key_id=logged.key_id, team=logged.team, app=logged.app, tags=context.tags)
        headers = NO_HEADERS
        if context.headers:
            headers = {name: value for name, value in context.headers.items() if name in policy.headers}
        return Facts(
            request=request,
            caller=caller,
            signals=signals,
            classification=classification,
            headers=headers,
            request_id=logged.id,
            session_key=logged.session,
            session=context.session,
            budget=context.budget,
            fleet=context.fleet,
            at_s=logged.at_s,
        )

    def _request(self, logged: Logged) -> ChatRequest:
        """Most records say nothing else of their request, so they share one."""
        key = (logged.alias, logged.stream)
        if key not in self._requests:
            self._requests[key] = request_again(logged.alias, stream=logged.stream, context=_PLAIN)
        return self._requests[key]

    def _caller(self, logged: Logged) -> Caller:
        key = (logged.key_id, logged.team, logged.app)
        if key not in self._callers:
            self._callers[key] = Caller(key_id=logged.key_id, team=logged.team, app=logged.app)
        return self._callers[key]

    def _look_for_unrecorded(self, logged: Logged, decision: Decision) -> None:
        asked = self._conditional[logged.alias]
        if decision.route.strategy == "least_latency" and len(decision.route.first) > 1 and _LATENCY not in asked:
            asked = (*asked, _LATENCY)
        context = logged.context or _PLAIN
        missing = [fact for fact in asked if not _RECORDED[fact](context, logged)]
        self._unrecorded += bool(missing)
        self._facts.update(missing)


class Rolled(Struct, frozen=True, kw_only=True):
    """What one version of a policy, while it was rolled out, decided differently from the one in force."""

    policy: str
    policy_version: str
    mode: Mode
    changes: Changes


class RolloutOutcome(Struct, frozen=True, kw_only=True):
    """What the records tell of every policy that was being rolled out. `not_compared`: why → how many requests."""

    read: int
    not_compared: Mapping[str, int]
    classifiers: tuple[str, ...]
    rolled: tuple[Rolled, ...]


class RolloutReplay:
    """Compares the two decisions that were made on a request. `policies` give the price of what was not called."""

    def __init__(self, policies: PolicySet) -> None:
        self._policies = policies
        self._tallies: dict[tuple[str, str, Mode], Tally] = {}
        self._read = 0
        self._left_out: Counter[str] = Counter()
        self._classifiers: set[str] = set()

    def add(self, logged: Logged) -> None:
        self._read += 1
        beside = logged.beside
        why = logged.why_not_comparable if beside is not None else logged.unreadable or NO_SECOND_DECISION
        if why or beside is None:
            self._left_out[why] += 1
            return
        candidate = (beside.policy, beside.policy_version, beside.rule)
        if not beside.was_candidate:
            candidate = (logged.policy, logged.policy_version, logged.rule)
        name, version, rule = candidate
        key = (name, version, beside.mode)
        if key not in self._tallies:
            self._tallies[key] = Tally(self._policies)
        self._tallies[key].add(logged, beside.deployment, name, rule, acted_is_after=not beside.was_candidate)
        if logged.classification is not None:
            self._classifiers.add(logged.classification.model)

    def outcome(self) -> RolloutOutcome:
        rolled = (
            Rolled(policy=name, policy_version=version, mode=mode, changes=tally.changes())
            for (name, version, mode), tally in sorted(self._tallies.items(), key=lambda item: item[0])
        )
        return RolloutOutcome(
            read=self._read,
            not_compared=dict(self._left_out),
            classifiers=tuple(sorted(self._classifiers)),
            rolled=tuple(rolled),
        )


def why_not_replayable(logged: Logged) -> str:
    """Empty where the request can be decided again."""
    if logged.unreadable:
        return logged.unreadable
    if logged.signals is None or logged.classification is None:
        return UNMEASURED
    return logged.why_not_comparable
