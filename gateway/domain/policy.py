"""A compiled policy: names resolved, conditions ready to run. Built by `policyfile`, read by `decision`."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from gateway.domain.classification import Classification
from gateway.domain.errors import UnknownModelError
from gateway.domain.pricing import Price
from gateway.domain.request import Caller, ChatRequest
from gateway.domain.signals import Signals
from gateway.domain.suggestion import did_you_mean

Label = str | bool | int | float


class Timeouts(Struct, frozen=True, kw_only=True):
    """Deadlines of one attempt, in seconds."""

    connect_s: float = 2.0
    first_token_s: float = 30.0
    idle_s: float = 30.0
    total_s: float = 600.0


class Deployment(Struct, frozen=True, kw_only=True):
    """One provider, model, endpoint, price and labels.

    api_key         the secret itself; its repr never shows it
    capabilities    None: not declared, so nothing is excluded for want of one
    context_window  tokens, input and output together; None: not declared
    unpriced        why there is no price, where there is none
    """

    name: str
    tier: str
    provider: str
    model: str
    api_base: str | None = None
    api_key: "Secret | None" = None
    context_window: int | None = None
    capabilities: frozenset[str] | None = None
    labels: Mapping[str, Label] = {}
    price: Price | None = None
    unpriced: str | None = None


class Secret:
    """Text that never prints itself."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"


class Route(Struct, frozen=True, kw_only=True):
    """An ordered plan: `first` are tried in order, then `then`."""

    name: str
    first: tuple[Deployment, ...]
    then: tuple[Deployment, ...] = ()
    retries: int = 0
    timeouts: Timeouts = Timeouts()


class Facts(Struct, frozen=True, kw_only=True):
    """All that a condition may ask about; the same for live traffic, tests and replay."""

    request: ChatRequest
    caller: Caller
    signals: Signals
    classification: Classification


class Condition(Struct, frozen=True, kw_only=True):
    """A compiled expression. `holds` takes what `Policy.bind` returned for the request."""

    source: str
    holds: Callable[[Any], bool]


class Constraint(Struct, frozen=True, kw_only=True):
    """When it holds, only the `permitted` deployments stay; nothing overrules it."""

    name: str
    when: Condition
    requires: str
    permitted: frozenset[str]


class Rule(Struct, frozen=True, kw_only=True):
    """The first rule whose condition holds chooses the route."""

    name: str
    when: Condition
    route: Route


class Match(Struct, frozen=True, kw_only=True):
    """What of a policy applies to one request: the constraints that hold, and the first rule that does, if any."""

    constraints: tuple[Constraint, ...] = ()
    rule: Rule | None = None


def unmatched(bound: Any) -> None:
    """The `match` of a policy whose conditions can only be asked one by one."""


class Policy(Struct, frozen=True, kw_only=True):
    """For some aliases, what chooses a route.

    threshold  the `small_ok` a request needs before a rule calls it easy (`quality.threshold`)
    bind       makes the conditions' view of one request's facts
    match      asks all conditions of these constraints and rules at once, about what `bind` made, and answers what
               asking each would; None where one of them fails, and then each has to be asked
    """

    name: str
    version: str
    serves: tuple[str, ...]
    bind: Callable[[Facts, float], Any]
    match: Callable[[Any], Match | None] = unmatched
    default: Route
    threshold: float
    constraints: tuple[Constraint, ...] = ()
    rules: tuple[Rule, ...] = ()
    baseline: Deployment | None = None


class PolicySet(Struct, frozen=True, kw_only=True):
    """One loaded state of the policy files; a request sees exactly one."""

    version: str
    deployments: Mapping[str, Deployment]
    routes: Mapping[str, Route]
    policies: tuple[Policy, ...]
    by_alias: Mapping[str, Policy]

    def serving(self, alias: str) -> Policy:
        """The policy for what a client asks for. Raises UnknownModelError."""
        policy = self.by_alias.get(alias)
        if policy is None:
            near = did_you_mean(alias, self.by_alias)
            raise UnknownModelError(f"no policy serves the model {alias[:100]!r}{near}", param="model")
        return policy
