"""A compiled policy: names resolved, conditions ready to run. Built by `policyfile`, read by `decision`."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct

from gateway.domain.allowances import Limits
from gateway.domain.answer import Checks
from gateway.domain.errors import Trigger, UnknownModelError
from gateway.domain.facts import Facts
from gateway.domain.pricing import Price
from gateway.domain.rollout import ON, Rollout
from gateway.domain.session import draw_of
from gateway.domain.suggestion import did_you_mean

Label = str | bool | int | float
STICKY = "sticky"
"""What policies call the route a session has already."""
Strategy = Literal["priority", "weighted", "least_latency", "cheapest", "sticky"]


class Timeouts(Struct, frozen=True, kw_only=True):
    """Deadlines of one attempt, in seconds."""

    connect_s: float = 2.0
    first_token_s: float = 30.0
    idle_s: float = 30.0
    total_s: float = 600.0


class Concurrency(Struct, frozen=True, kw_only=True):
    """How many calls of a deployment may be under way at once, how many more may wait for a place, and how long."""

    calls: int
    queue: int = 0
    queue_s: float = 1.0


class Deployment(Struct, frozen=True, kw_only=True):
    """One provider, model, endpoint, price and labels.

    rank            the place of its tier, 0 for the smallest
    api_key         the secret itself; its repr never shows it
    provider_options  what else this provider needs, by the keys of `provider_options.OPTIONS`
    capabilities    None: not declared, so nothing is excluded for want of one
    context_window  tokens, input and output together; None: not declared
    concurrency     None: as many calls at once as come
    limits          what it may be sent in a minute and in a day; None: as much as comes
    unpriced        why there is no price, where there is none
    energy_nwh      nano-watt-hours a token takes, read or written; None: not declared
    """

    name: str
    tier: str
    rank: int = 0
    provider: str
    model: str
    api_base: str | None = None
    api_key: "Secret | None" = None
    provider_options: "Mapping[str, OptionValue]" = {}
    context_window: int | None = None
    capabilities: frozenset[str] | None = None
    labels: Mapping[str, Label] = {}
    price: Price | None = None
    unpriced: str | None = None
    concurrency: Concurrency | None = None
    limits: Limits | None = None
    energy_nwh: int | None = None


class Secret:
    """Text that never prints itself."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"


OptionValue = str | bool | Secret


class Check(Struct, frozen=True, kw_only=True):
    """What an answer of a route's first deployments must pass; where it does not, `then` answers.

    wanted        the tests that need no model
    min_score     the least probability that the answer is right, by the classifier; None: it is not asked
    buffer_bytes  of a stream: it is decided at the latest when so much has come
    """

    wanted: Checks
    min_score: float | None = None
    buffer_bytes: int = 262_144


class Route(Struct, frozen=True, kw_only=True):
    """An ordered plan: `first` in the order of the strategy, then `then` as listed.

    weights         of the strategy `weighted`: deployment → its share of the whole, all above 0
    triggers        deployment → the failures of the one before that it takes over on; absent: on any
    max_latency_ms  those of `first` that lately took longer to their first byte come last; None: it does not matter
    check           None: an answer is passed on as it is
    insists         where all its deployments rest, they are called all the same; else the request is refused
    """

    name: str
    first: tuple[Deployment, ...]
    then: tuple[Deployment, ...] = ()
    strategy: Strategy = "priority"
    weights: Mapping[str, float] = {}
    triggers: Mapping[str, frozenset[Trigger]] = {}
    retries: int = 0
    timeouts: Timeouts = Timeouts()
    max_latency_ms: float | None = None
    check: Check | None = None
    insists: bool = True

    def takes_over(self, deployment: str, failure: Trigger) -> bool:
        """Whether the deployment is for what follows that failure."""
        kinds = self.triggers.get(deployment)
        return kinds is None or failure in kinds


class Affinity(Struct, frozen=True, kw_only=True):
    """How a policy treats the requests of one session.

    idle_s   a session nobody used for so long is forgotten
    cache_s  how long an upstream is taken to keep the prompt cache of a conversation warm
    """

    is_on: bool = True
    idle_s: float = 3_600.0
    cache_s: float = 300.0


class KeepText(Struct, frozen=True, kw_only=True):
    """Whose prompts and answers are kept, redacted, and how much of them for how long.

    teams      None: everybody's, also of callers without a team
    answers    whether what was answered is kept too
    max_bytes  of the messages of one request, and as much of its answer
    """

    teams: frozenset[str] | None
    days: int
    answers: bool = True
    max_bytes: int = 65_536

    def covers(self, team: str) -> bool:
        return self.teams is None or team in self.teams


def unfailing(bound: Any) -> str:  # noqa: ARG001 (what every `failure` takes)
    """The `failure` of a condition that can always be told."""
    return ""


class Condition(Struct, frozen=True, kw_only=True):
    """A compiled expression; its functions take what `Policy.bind` returned for the request.

    reads    the facts it names
    failure  why it cannot be told, and `holds` answers what it was compiled to; empty where it can
    """

    source: str
    holds: Callable[[Any], bool]
    reads: frozenset[str] = frozenset()
    failure: Callable[[Any], str] = unfailing


class Constraint(Struct, frozen=True, kw_only=True):
    """When it holds, only the `permitted` deployments stay; nothing overrules it.

    instead  the route to take where the chosen one is left without a deployment; None: the request is refused
    """

    name: str
    when: Condition
    requires: str
    permitted: frozenset[str]
    instead: Route | None = None


class Rule(Struct, frozen=True, kw_only=True):
    """The first rule whose condition holds chooses the route; without one it keeps the session's."""

    name: str
    when: Condition
    route: Route | None

    @property
    def goes_to(self) -> str:
        """The name of its route, `sticky` where it keeps the session's."""
        return STICKY if self.route is None else self.route.name

    @property
    def is_about_loops(self) -> bool:
        """Whether it says what to do while an agent is at work; only such a rule is asked then."""
        return "signals.tool_loop" in self.when.reads


class Match(Struct, frozen=True, kw_only=True):
    """What of a policy applies to one request: the constraints that hold, and the first rule that does, if any."""

    constraints: tuple[Constraint, ...] = ()
    rule: Rule | None = None


def unmatched(bound: Any) -> None:
    """The `match` of a policy whose conditions can only be asked one by one."""


class Policy(Struct, frozen=True, kw_only=True):
    """For some aliases, what chooses a route.

    threshold  the `small_ok` a request needs before a rule calls it easy (`quality.threshold`)
    routes     every route it may take, by name
    reads      the facts its conditions ask about
    headers    the request headers its conditions may read, in lower case
    metadata   the keys of the body's metadata they name: the only ones that are recorded
    timezone   what they are told the time in, an IANA name
    needs_record  a request that cannot be recorded is refused
    keep_text  whose text is kept; None: nobody's
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
    routes: Mapping[str, Route] = {}
    reads: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()
    metadata: frozenset[str] = frozenset()
    timezone: str = "UTC"
    needs_record: bool = False
    keep_text: KeepText | None = None
    affinity: Affinity = Affinity()
    rollout: Rollout = ON


class PolicySet(Struct, frozen=True, kw_only=True):
    """One loaded state of the policy files; a request sees exactly one.

    tiers       their names, the smallest first
    by_alias    the policy in force for each alias
    candidates  for some aliases, the policy that is being rolled out beside it
    """

    version: str
    deployments: Mapping[str, Deployment]
    routes: Mapping[str, Route]
    policies: tuple[Policy, ...]
    by_alias: Mapping[str, Policy]
    candidates: Mapping[str, Policy] = {}
    tiers: tuple[str, ...] = ()

    def deciding(self, alias: str, session_key: str) -> tuple[Policy, Policy | None]:
        """The policy that decides for a session; and the other, while one is being rolled out.

        Raises UnknownModelError.
        """
        live = self.serving(alias)
        candidate = self.candidates.get(alias) if self.candidates else None
        if candidate is None:
            return live, None
        return (candidate, live) if candidate.rollout.takes(draw_of(session_key)) else (live, candidate)

    def serving(self, alias: str) -> Policy:
        """The policy for what a client asks for. Raises UnknownModelError."""
        policy = self.by_alias.get(alias)
        if policy is None:
            near = did_you_mean(alias, self.by_alias)
            raise UnknownModelError(f"no policy serves the model {alias[:100]!r}{near}", param="model")
        return policy
