"""What is left of a caller's limits, as its answers tell it."""

from msgspec import Struct


class Allotment(Struct, frozen=True, kw_only=True):
    """One limit: what passes now, and the seconds until all of it does again."""

    limit: int
    remaining: int
    reset_s: float


class Quota(Struct, frozen=True, kw_only=True):
    """The tightest limit on requests and on tokens; None: there is none."""

    requests: Allotment | None = None
    tokens: Allotment | None = None
