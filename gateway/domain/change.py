"""What a replay tells: which requests move, what that costs and how good the answers would be. Unknown is never 0."""

from collections.abc import Mapping

from msgspec import Struct

from gateway.domain.pricing import NANO_PER_USD


class Change(Struct, frozen=True, kw_only=True):
    """Of some requests, before and after.

    moved            another deployment would be tried first
    refusals_gained  were answered and would be refused; refusals_lost: the other way round
    cost_compared    requests whose cost is known on both sides; the costs are of these alone, None where there is none
    cost_unknown     the others: a refusal against an answer, no price, or no usage
    """

    requests: int
    moved: int
    refused_before: int
    refused_after: int
    refusals_gained: int
    refusals_lost: int
    cost_compared: int
    cost_unknown: int
    cost_before_nano_usd: int | None
    cost_after_nano_usd: int | None

    @property
    def cost_delta_nano_usd(self) -> int | None:
        if self.cost_before_nano_usd is None or self.cost_after_nano_usd is None:
            return None
        return self.cost_after_nano_usd - self.cost_before_nano_usd

    @property
    def cost_delta(self) -> float | None:
        """Relative: 0.05 is 5 % more; None where it is unknown, or was nothing and would be something."""
        delta = self.cost_delta_nano_usd
        if not delta:
            return None if delta is None else 0.0
        return delta / self.cost_before_nano_usd if self.cost_before_nano_usd else None


class Group(Struct, frozen=True, kw_only=True):
    """The requests of one rule, with its policy, of one team or of one app."""

    name: str
    policy: str | None = None
    change: Change


class Move(Struct, frozen=True, kw_only=True):
    """From one deployment to another; None: refused. `unserved`: refused because no policy serves the alias."""

    before: str | None
    after: str | None
    unserved: bool
    requests: int


class Mover(Struct, frozen=True, kw_only=True):
    """One request that moves."""

    id: str
    team: str
    app: str
    before: str | None
    after: str | None
    rule_before: str
    rule_after: str
    cost_change_nano_usd: int | None
    quality_change: float | None
    small_ok: float | None


class Latency(Struct, frozen=True, kw_only=True):
    """Medians over `compared` requests. A moved one is taken to last as long as its new deployment's median does."""

    p50_before_ms: float
    p50_after_ms: float
    compared: int

    @property
    def delta(self) -> float | None:
        return self.p50_after_ms / self.p50_before_ms - 1 if self.p50_before_ms else None


class Quality(Struct, frozen=True, kw_only=True):
    """Mean change of the probability of a good answer over `compared` requests, with its 95 % interval.

    By the classifier's own estimate, not measured: a deployment of the lowest tier is good enough with `small_ok`, any
    other always is. The interval is that of as many independent tosses as requests change between the two.
    """

    change: float
    low: float
    high: float
    compared: int


class Changes(Struct, frozen=True, kw_only=True):
    """All of it. `unserved`: requests whose alias no policy serves, which count as refused."""

    total: Change
    unserved: int
    moves: tuple[Move, ...]
    by_rule: tuple[Group, ...]
    by_team: tuple[Group, ...]
    by_app: tuple[Group, ...]
    latency: Latency | None
    quality: Quality | None
    movers: tuple[Mover, ...]

    def figures(self) -> Mapping[str, float | int | None]:
        """What a gate may ask about; None where it is unknown."""
        total, quality = self.total, self.quality
        count, delta = total.requests, total.cost_delta_nano_usd
        return {
            "requests": count,
            "moved": total.moved if count else None,
            "moved_share": total.moved / count if count else None,
            "refused_share_delta": (total.refused_after - total.refused_before) / count if count else None,
            "cost_delta": total.cost_delta,
            "cost_delta_usd": None if delta is None else delta / NANO_PER_USD,
            "latency_delta": None if self.latency is None else self.latency.delta,
            "quality_delta": None if quality is None else quality.change,
            "quality_delta_low": None if quality is None else quality.low,
        }
