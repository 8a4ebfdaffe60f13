"""The headers every answer carries: which request it was, what was decided, what it cost."""

import random
import time
from functools import lru_cache
from math import ceil
from urllib.parse import quote

from gateway.api.asgi import Headers
from gateway.domain.pricing import usd
from gateway.domain.quota import Quota
from gateway.domain.rate_limits import duration
from gateway.ports import AnswerHead

_SAFE = "".join(chr(point) for point in range(0x20, 0x7F) if chr(point) != "%")


def new_request_id() -> str:
    """32 hex digits: 12 of milliseconds, so that ids sort by time, and 20 of chance, so that they are unique.

    An id is a name, not a secret: the process's own generator, seeded by the system at start, saves a system call.
    """
    return f"{time.time_ns() // 1_000_000:012x}{random.getrandbits(80):020x}"


def answer_headers(request_id: str, head: AnswerHead) -> Headers:
    """`x-request-id`, and `x-sizewise-*` for as much as is known."""
    headers = [(b"x-request-id", request_id.encode()), (b"x-sizewise-attempts", b"%d" % head.attempts)]
    if head.decision is not None:
        decision = head.decision
        headers += (
            (b"x-sizewise-policy", header_value(f"{decision.policy}@{decision.policy_version}")),
            (b"x-sizewise-route", header_value(decision.route.name)),
            (b"x-sizewise-rule", header_value(decision.rule)),
        )
    if head.deployment is not None:
        headers += (
            (b"x-sizewise-deployment", header_value(head.deployment.name)),
            (b"x-sizewise-model", header_value(head.deployment.model)),
        )
    if head.cost_nano_usd is not None:
        headers.append((b"x-sizewise-cost-usd", usd(head.cost_nano_usd).encode()))
    if not head.may_retry:
        headers.append((b"x-should-retry", b"false"))
    if head.quota is not None:
        headers += _quota_headers(head.quota)
    return headers


def _quota_headers(quota: Quota) -> Headers:
    """`x-ratelimit-*` as OpenAI's clients know them: limit, what is left, and when all of it is free again."""
    headers: Headers = []
    for unit, allotment in ((b"requests", quota.requests), (b"tokens", quota.tokens)):
        if allotment is not None:
            headers += (
                (b"x-ratelimit-limit-" + unit, b"%d" % allotment.limit),
                (b"x-ratelimit-remaining-" + unit, b"%d" % allotment.remaining),
                (b"x-ratelimit-reset-" + unit, duration(allotment.reset_s).encode()),
            )
    return headers


def retry_after(wait_s: float) -> Headers:
    """Whole seconds for everybody, never too early; milliseconds for the clients that read them."""
    return [(b"retry-after", b"%d" % max(1, ceil(wait_s))), (b"retry-after-ms", b"%d" % max(1, ceil(wait_s * 1e3)))]


@lru_cache(maxsize=4096)
def header_value(text: str) -> bytes:
    """Text as a header value: printable ASCII as it is, all else percent-encoded as UTF-8."""
    return quote(text, safe=_SAFE).encode("ascii")
