"""When a deployment rests after failures: pure rules that move the `Health` a board keeps for each deployment."""

from msgspec import Struct

from gateway.domain.errors import UpstreamError, UpstreamQuotaError, UpstreamRateLimitError

FAILURES_TO_REST = 3
REST_S = 10.0
LONGEST_REST_S = 300.0
RATE_LIMIT_REST_S = 5.0
QUOTA_REST_S = 300.0


class Health(Struct, frozen=True, kw_only=True):
    """Failures in a row, rests in a row, and until when (seconds, monotonic) the deployment rests."""

    failures: int = 0
    rests: int = 0
    until_s: float = 0.0

    def is_cooling(self, now_s: float) -> bool:
        return now_s < self.until_s


HEALTHY = Health()


def after_failure(health: Health, error: UpstreamError, now_s: float) -> Health:
    """A rate limit or an empty account rests at once, others after `FAILURES_TO_REST` in a row, longer each time."""
    if not error.blames_deployment:
        return health
    if isinstance(error, UpstreamQuotaError):
        return _rest(health, QUOTA_REST_S, now_s)
    if isinstance(error, UpstreamRateLimitError):
        return _rest(health, error.retry_after_s or RATE_LIMIT_REST_S, now_s)
    if health.is_cooling(now_s):
        return health
    failures = health.failures + 1
    if failures < FAILURES_TO_REST:
        return Health(failures=failures, rests=health.rests, until_s=health.until_s)
    return _rest(health, REST_S * 2**health.rests, now_s)


def _rest(health: Health, seconds: float, now_s: float) -> Health:
    """A rest from now on. Calls that were under way when it began may prolong it, but are not further rests."""
    rests = health.rests if health.is_cooling(now_s) else min(health.rests + 1, 10)
    return Health(rests=rests, until_s=max(health.until_s, now_s + min(seconds, LONGEST_REST_S)))
