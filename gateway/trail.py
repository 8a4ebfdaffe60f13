"""What a walk over deployments leaves behind: an attempt for each upstream call, who answered, who was passed over."""

from msgspec import Struct

from gateway.domain.decision import Decision
from gateway.domain.energy import energy_uwh
from gateway.domain.errors import UpstreamError
from gateway.domain.policy import Deployment
from gateway.domain.pricing import cost_nano_usd, price_version, why_unpriced
from gateway.domain.quota import Quota
from gateway.domain.record import AttemptOutcome, AttemptRecord, CheckResult, Origin
from gateway.domain.request import Caller, ChatRequest
from gateway.domain.signals import Signals
from gateway.domain.usage import Usage
from gateway.ports import AnswerHead, Exchange


class Attempt:
    """One upstream call under way; `close` turns it into its record."""

    __slots__ = ("_started_s", "checked", "deployment", "first_byte_s", "number", "origin", "record", "usage")

    def __init__(self, number: int, deployment: Deployment, started_s: float, origin: Origin) -> None:
        self.number = number
        self.origin = origin
        self.deployment = deployment
        self._started_s = started_s
        self.first_byte_s: float | None = None
        self.usage: Usage | None = None
        self.checked: CheckResult | None = None
        self.record: AttemptRecord | None = None

    @property
    def first_byte_ms(self) -> float | None:
        """From the call to its first byte; None where none came."""
        return None if self.first_byte_s is None else (self.first_byte_s - self._started_s) * 1e3

    def close(
        self,
        outcome: AttemptOutcome,
        *,
        received_at: float,
        arrived_s: float,
        ended_s: float,
        error: UpstreamError | None,
    ) -> AttemptRecord:
        cost, unpriced = self._bill(error, received_at + self._started_s - arrived_s)
        price, usage = self.deployment.price, self.usage
        self.record = AttemptRecord(
            number=self.number,
            deployment=self.deployment.name,
            tier=self.deployment.tier,
            model=self.deployment.model,
            outcome=outcome,
            error_code=None if error is None else error.code,
            status=200 if self.first_byte_s is not None else None if error is None else error.status,
            started_ms=(self._started_s - arrived_s) * 1e3,
            first_byte_ms=None if self.first_byte_s is None else (self.first_byte_s - arrived_s) * 1e3,
            ended_ms=(ended_s - arrived_s) * 1e3,
            usage=usage,
            cost_nano_usd=cost,
            unpriced=unpriced,
            checked=self.checked,
            origin=self.origin,
            price_version=None if price is None or usage is None else price_version(price),
            energy_uwh=None if usage is None else energy_uwh(usage, self.deployment),
        )
        return self.record

    def _bill(self, error: UpstreamError | None, at_s: float) -> tuple[int | None, str | None]:
        """Cost in nano-USD, or why there is none. An upstream that answered with an error bills nothing.

        at_s  when the call was made, Unix time in seconds
        """
        if self.usage is None:
            answered_with_error = error is not None and (error.status is not None or error.is_free)
            return (0, None) if answered_with_error else (None, "the call ended before its usage was known")
        price = self.deployment.price
        if price is None:
            return None, self.deployment.unpriced or f"deployment {self.deployment.name!r} has no price"
        cost = cost_nano_usd(self.usage, price, at_s)
        return cost, None if cost is not None else why_unpriced(self.usage, price, at_s)


class Delivered:
    """What has left for the client of its answer, as it left: kept for as long as the request runs.

    is_cut  more has left than is kept here
    """

    __slots__ = ("_most_bytes", "_parts", "_size", "is_cut")

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self.is_cut = False

    @property
    def data(self) -> bytes:
        return b"".join(self._parts)

    def add(self, part: bytes) -> None:
        """A whole answer, or whole events of a stream."""
        self._size += len(part)
        if self._size > self._most_bytes:
            self.is_cut = True
        else:
            self._parts.append(part)


class Trail:
    """Filled by the walk.

    received_at      Unix time of the request, in seconds; `arrived_s` the same moment by the monotonic clock
    passed           deployment → why it was not called though the plan has it
    limited          deployment → seconds until it may be sent another call; infinite where this one is too long for it
    served_by        whose answer the client gets
    has_answered     bytes of an answer have left for the client: there is no way back
    is_budget_spent  a call that might have helped was not made, for the route's retry budget is spent
    delivered        what the client was given; None: nobody wants to know
    """

    __slots__ = (
        "arrived_s",
        "attempts",
        "delivered",
        "has_answered",
        "is_budget_spent",
        "limited",
        "passed",
        "received_at",
        "served_by",
    )

    def __init__(self, arrived_s: float, received_at: float) -> None:
        self.arrived_s = arrived_s
        self.received_at = received_at
        self.attempts: list[AttemptRecord] = []
        self.passed: dict[str, str] = {}
        self.limited: dict[str, float] = {}
        self.served_by: Deployment | None = None
        self.has_answered = False
        self.is_budget_spent = False
        self.delivered: Delivered | None = None

    def bill(self) -> tuple[int | None, str | None]:
        """What all attempts cost, in nano-USD; None and the reason where one of them is unpriced."""
        total = 0
        for attempt in self.attempts:
            if attempt.cost_nano_usd is None:
                return None, f"attempt {attempt.number}: {attempt.unpriced}"
            total += attempt.cost_nano_usd
        return total, None

    def begin(self, deployment: Deployment, now_s: float) -> Attempt:
        return Attempt(len(self.attempts) + 1, deployment, now_s, self._origin(deployment))

    def _origin(self, deployment: Deployment) -> Origin:
        """Why the next call is made: what came of the last one tells."""
        if not self.attempts:
            return "first" if next(iter(self.passed), deployment.name) == deployment.name else "fallback"
        last = self.attempts[-1]
        if last.deployment == deployment.name:
            return "retry"
        return "fallback" if last.checked is None or last.checked.passed else "escalation"

    def close(
        self, attempt: Attempt, outcome: AttemptOutcome, ended_s: float, error: UpstreamError | None = None
    ) -> AttemptRecord:
        """Write the attempt's record, once: a client that leaves while its answer is sent does not undo the attempt."""
        if attempt.record is not None:
            return attempt.record
        record = attempt.close(
            outcome, received_at=self.received_at, arrived_s=self.arrived_s, ended_s=ended_s, error=error
        )
        self.attempts.append(record)
        return record


class Call(Struct, frozen=True, kw_only=True):
    """What every attempt of one walk shares. quota: what is left of the caller's limits."""

    decision: Decision
    request: ChatRequest
    signals: Signals
    caller: Caller
    exchange: Exchange
    trail: Trail
    quota: Quota | None = None

    def head(self, attempt: Attempt) -> AnswerHead:
        """What an answer says of itself: who gives it, after how many attempts, what all cost once that is known."""
        return AnswerHead(
            decision=self.decision,
            deployment=attempt.deployment,
            attempts=attempt.number,
            cost_nano_usd=None if attempt.record is None else self.trail.bill()[0],
            quota=self.quota,
        )
