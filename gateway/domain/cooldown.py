"""When a deployment rests after failures: pure rules that move the `Health` a board keeps for each deployment.

A circuit breaker: closed until it fails too often, then at rest; after the rest one call tries whether it is back,
and all others wait for what comes of it.
"""

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.errors import UpstreamError, UpstreamQuotaError, UpstreamRateLimitError

FAILURES_TO_REST = 3
"""In a row."""
SHARE_TO_REST = 0.5
CALLS_TO_TELL = 10
"""So many calls within `WINDOW_S` tell whether a share of them fails."""
WINDOW_S = 30.0
REST_S = 10.0
LONGEST_REST_S = 300.0
RATE_LIMIT_REST_S = 5.0
QUOTA_REST_S = 300.0
TRIAL_S = 30.0
"""A trial that has not answered by then makes room for another."""


class Health(Struct, frozen=True, kw_only=True):
    """How a deployment that failed lately fares; all times in seconds, monotonic.

    failures       in a row
    rests          in a row: each is twice as long as the one before
    until_s        when its rest ends
    is_tripped     it rested, and has not answered since: one call at a time tries it
    trial_until_s  until when no other call may try it
    since_s        when its window began
    calls, failed  within the window
    """

    failures: int = 0
    rests: int = 0
    until_s: float = 0.0
    is_tripped: bool = False
    trial_until_s: float = 0.0
    since_s: float = 0.0
    calls: int = 0
    failed: int = 0

    def cooling_s(self, now_s: float) -> float:
        """Seconds until it may be called, 0 where it may be now."""
        return max(self.until_s - now_s, self.trial_until_s - now_s if self.is_tripped else 0.0, 0.0)


HEALTHY = Health()


def entered(health: Health, now_s: float) -> Health | None:
    """After a call begins; None where it may not: the deployment rests, or another call tries it."""
    if health.cooling_s(now_s) > 0.0:
        return None
    return replace(health, trial_until_s=now_s + TRIAL_S) if health.is_tripped else health


def after_first_byte(health: Health) -> Health:
    """The trial answers, so others may come too; the next failure rests it again."""
    if not health.is_tripped:
        return health
    return replace(health, is_tripped=False, trial_until_s=0.0, failures=FAILURES_TO_REST - 1)


def after_leaving(health: Health) -> Health:
    """The client left: it is not known what would have come of the trial."""
    return replace(health, trial_until_s=0.0)


def after_success(health: Health, now_s: float) -> Health:
    """Healthy again; but what failed within the window still counts towards the share."""
    if health.is_tripped or health.failed == 0 or now_s - health.since_s >= WINDOW_S:
        return HEALTHY
    return replace(health, failures=0, calls=health.calls + 1)


def after_failure(health: Health, error: UpstreamError, now_s: float) -> Health:
    """A rate limit or an empty account rests at once; others do in a row, or where they are half of the calls."""
    if not error.blames_deployment:
        return after_leaving(health) if health.is_tripped else health
    if isinstance(error, UpstreamQuotaError):
        return _rest(health, QUOTA_REST_S, now_s)
    if isinstance(error, UpstreamRateLimitError):
        return _rest(health, error.retry_after_s or RATE_LIMIT_REST_S, now_s)
    if now_s < health.until_s:
        return health
    health = _counted(health, now_s)
    is_often = health.calls >= CALLS_TO_TELL and health.failed >= SHARE_TO_REST * health.calls
    if health.is_tripped or health.failures >= FAILURES_TO_REST or is_often:
        return _rest(health, REST_S * 2**health.rests, now_s)
    return health


def _counted(health: Health, now_s: float) -> Health:
    failures = health.failures + 1
    if now_s - health.since_s >= WINDOW_S:
        return replace(health, failures=failures, since_s=now_s, calls=1, failed=1)
    return replace(health, failures=failures, calls=health.calls + 1, failed=health.failed + 1)


def _rest(health: Health, seconds: float, now_s: float) -> Health:
    """A rest from now on. Calls that were under way when it began may prolong it, but are not further rests."""
    rests = health.rests if now_s < health.until_s else min(health.rests + 1, 10)
    return Health(rests=rests, until_s=max(health.until_s, now_s + min(seconds, LONGEST_REST_S)), is_tripped=True)
