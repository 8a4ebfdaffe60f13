"""All that a decision rests on; the same for live traffic, tests and replay."""

from collections.abc import Mapping

from msgspec import Struct

from gateway.domain.classification import Classification
from gateway.domain.request import Caller, ChatRequest
from gateway.domain.session import Session
from gateway.domain.signals import Signals


class Fleet(Struct, frozen=True, kw_only=True):
    """How the deployments fare.

    cooling     deployments at rest → seconds until they are back
    latency_ms  deployment → what it lately took to its first byte; only those that were measured
    """

    cooling: Mapping[str, float] = {}
    latency_ms: Mapping[str, float] = {}


class Budget(Struct, frozen=True, kw_only=True):
    """The tightest budget the request counts against; without one nothing is used.

    used_ratio  spent and held over the limit; above 1 where a soft budget is overspent
    """

    exists: bool = False
    used_ratio: float = 0.0


WELL = Fleet()
NO_BUDGET = Budget()
NO_HEADERS: Mapping[str, str] = {}


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of one request when it is decided.

    headers      the request headers that conditions may read, names in lower case
    request_id   made by the gateway; what spreads requests over weights
    session_key  stands for the conversation
    session      what was remembered of the conversation; None for a new one
    at_s         Unix time of the decision, in seconds
    """

    request: ChatRequest
    caller: Caller
    signals: Signals
    classification: Classification
    headers: Mapping[str, str] = NO_HEADERS
    request_id: str = ""
    session_key: str = ""
    session: Session | None = None
    budget: Budget = NO_BUDGET
    fleet: Fleet = WELL
    at_s: float = 0.0

    @property
    def has_session(self) -> bool:
        return self.session is not None

    @property
    def session_deployment(self) -> str:
        return "" if self.session is None else self.session.deployment

    @property
    def session_tier(self) -> str:
        return "" if self.session is None else self.session.tier
