"""What changes between two decisions on each of many requests, added up in one pass and bounded memory."""

from collections import Counter
from collections.abc import Iterable, Mapping

from gateway.domain.change import Change, Changes, Group, Latency, Move, Mover, Quality
from gateway.domain.logged import Logged
from gateway.domain.policy import PolicySet
from gateway.domain.pricing import cost_nano_usd
from gateway.domain.usage import without_cache

NO_POLICY = ""
LARGEST = 20
_KEPT_MOVERS = 4_000
_Z_95 = 1.96

_Key = tuple[str, str, str, str]
"""Policy, rule, team, app."""
_Series = tuple[str, str, bool, bool, bool]
"""Tried first, the other's first, streamed, answered at the first try, the acted decision is the candidate's."""


class _Sums:
    """Of requests with one key. Costs are over those known on both sides."""

    __slots__ = ("after", "before", "compared", "moved", "refused_after", "refused_before", "refused_both", "requests")

    def __init__(self) -> None:
        self.requests = self.moved = self.compared = self.before = self.after = 0
        self.refused_before = self.refused_after = self.refused_both = 0

    def compare(self, before: int | None, after: int | None) -> int | None:
        """Add what it cost and would cost, where both are known; returns the change."""
        if before is None or after is None:
            return None
        self.compared += 1
        self.before += before
        self.after += after
        return after - before


class Tally:
    """Takes requests one by one. `policies`: whose prices and tiers are compared by.

    Of each request one decision was acted on and recorded; the other is compared with it.
    """

    def __init__(self, policies: PolicySet) -> None:
        self._deployments = policies.deployments
        self._tier_ranks = {tier: rank for rank, tier in enumerate(policies.tiers)}
        self._has_tiers = len({each.rank for each in policies.deployments.values()}) > 1
        self._sums: dict[_Key, _Sums] = {}
        self._moves: Counter[tuple[str | None, str | None, bool]] = Counter()
        self._times: dict[_Series, Counter[float]] = {}
        self._movers: list[Mover] = []
        self._bar = (-1, -1.0)
        self._rated = 0
        self._quality = self._variance = 0.0

    def add(self, logged: Logged, other: str | None, policy: str, rule: str, *, acted_is_after: bool = False) -> None:
        """One request, which must be comparable.

        other           what the other decision tries first, None where it refuses
        policy, rule    the candidate's; NO_POLICY where none serves the request
        acted_is_after  the candidate decided, and the other is the one in force
        """
        key = (policy, rule, logged.team, logged.app)
        sums = self._sums.get(key)
        if sums is None:
            sums = self._sums[key] = _Sums()
        sums.requests += 1
        acted = logged.first
        if acted != other:
            sums.moved += 1
            self._move(sums, logged, other, key, acted_is_after)
        else:
            sums.compare(logged.cost_nano_usd, logged.cost_nano_usd)
            if acted is None:
                sums.refused_both += 1
            else:
                self._rated += 1
        if logged.outcome == "ok" and acted is not None and other is not None:
            series = (acted, other, logged.stream, logged.at_first_try, acted_is_after)
            times = self._times.get(series)
            if times is None:
                times = self._times[series] = Counter()
            times[_rounded(logged.total_ms)] += 1

    def _move(self, sums: _Sums, logged: Logged, other: str | None, key: _Key, acted_is_after: bool) -> None:
        policy, rule, *_ = key
        acted = logged.first
        names = (acted, other)
        # What a refused request cost, nothing, is no measure of what an answer costs.
        costs = (None if acted is None else logged.cost_nano_usd, self._cost(other, logged))
        goods = (self._good(logged, acted, logged.first_tier), self._good(logged, other, ""))
        rules = (logged.rule, rule)
        if acted_is_after:
            names, costs, goods = names[::-1], costs[::-1], goods[::-1]
            rules = ("" if logged.beside is None else logged.beside.rule, rule)
        before, after = names
        sums.refused_before += before is None
        sums.refused_after += after is None
        self._moves[before, after, policy == NO_POLICY] += 1
        mover = Mover(
            id=logged.id,
            team=logged.team,
            app=logged.app,
            before=before,
            after=after,
            rule_before=rules[0],
            rule_after=rules[1],
            cost_change_nano_usd=sums.compare(*costs),
            quality_change=self._rate(*goods),
            small_ok=None if logged.classification is None else logged.classification.small_ok,
        )
        if _size(mover) >= self._bar:
            self._movers.append(mover)
            if len(self._movers) >= _KEPT_MOVERS:
                self._movers = self._largest()
                self._bar = _size(self._movers[-1])

    def _cost(self, name: str | None, logged: Logged) -> int | None:
        """What the call would cost at the deployment, which has none of its prompt cached; None: unknown."""
        deployment = None if name is None else self._deployments.get(name)
        if deployment is None or deployment.price is None or logged.usage is None:
            return None
        return cost_nano_usd(without_cache(logged.usage), deployment.price, logged.at_s)

    def _good(self, logged: Logged, name: str | None, tier: str) -> float | None:
        """The probability of an answer as good as the larger model's; None: unknown. `tier`: as recorded, if it was."""
        if name is None or logged.classification is None or not self._has_tiers:
            return None
        rank = self._tier_ranks.get(tier)
        if rank is None and name in self._deployments:
            rank = self._deployments[name].rank
        if rank is None:
            return None
        return logged.classification.small_ok if rank == 0 else 1.0

    def _rate(self, before: float | None, after: float | None) -> float | None:
        if before is None or after is None:
            return None
        self._rated += 1
        change = after - before
        self._quality += change
        if change:
            small_ok = min(before, after)
            self._variance += small_ok * (1 - small_ok)
        return change

    def changes(self) -> Changes:
        """All that was added so far."""
        moves = sorted(self._moves.items(), key=lambda item: (-item[1], item[0][0] or "", item[0][1] or "", item[0][2]))
        return Changes(
            total=_change(self._sums.values()),
            unserved=sum(sums.requests for key, sums in self._sums.items() if key[0] == NO_POLICY),
            moves=tuple(
                Move(before=before, after=after, unserved=unserved, requests=count)
                for (before, after, unserved), count in moves
            ),
            by_rule=self._by(0, 1),
            by_team=self._by(2),
            by_app=self._by(3),
            latency=self._latency(),
            quality=self._summed_quality(),
            movers=tuple(self._largest()),
        )

    def _largest(self) -> list[Mover]:
        """By the size of the change in cost, then in quality; a change that is unknown counts as the smallest."""
        ordered = sorted(self._movers, key=lambda mover: mover.id)
        return sorted(ordered, key=_size, reverse=True)[:LARGEST]

    def _by(self, *places: int) -> tuple[Group, ...]:
        """The sums of what has those parts of the key in common, the largest group first."""
        found: dict[tuple[str, ...], list[_Sums]] = {}
        for key, sums in self._sums.items():
            found.setdefault(tuple(key[place] for place in places), []).append(sums)
        groups = [
            Group(name=names[-1], policy=names[0] if len(names) > 1 else None, change=_change(each))
            for names, each in found.items()
        ]
        return tuple(sorted(groups, key=lambda group: (-group.change.requests, group.policy or "", group.name)))

    def _latency(self) -> Latency | None:
        medians = self._medians()
        before: Counter[float] = Counter()
        after: Counter[float] = Counter()
        for (acted, other, stream, _, acted_is_after), times in self._times.items():
            predicted = times if acted == other else _all_at(medians.get((other, stream)), times)
            if predicted is not None:
                before.update(predicted if acted_is_after else times)
                after.update(times if acted_is_after else predicted)
        if not before:
            return None
        return Latency(p50_before_ms=_median(before), p50_after_ms=_median(after), compared=before.total())

    def _medians(self) -> Mapping[tuple[str, bool], float]:
        """Deployment and whether it streamed → the median time of what it answered at the first try."""
        seen: dict[tuple[str, bool], Counter[float]] = {}
        for (acted, _, stream, at_first_try, _), times in self._times.items():
            if at_first_try:
                seen.setdefault((acted, stream), Counter()).update(times)
        return {key: _median(times) for key, times in seen.items()}

    def _summed_quality(self) -> Quality | None:
        if not self._has_tiers or not self._rated:
            return None
        mean, spread = self._quality / self._rated, _Z_95 * self._variance**0.5 / self._rated
        return Quality(change=mean, low=mean - spread, high=mean + spread, compared=self._rated)


def _size(mover: Mover) -> tuple[int, float]:
    cost, quality = mover.cost_change_nano_usd, mover.quality_change
    return (-1 if cost is None else abs(cost), -1.0 if quality is None else abs(quality))


def _change(sums: Iterable[_Sums]) -> Change:
    parts = tuple(sums)
    requests, compared = sum(each.requests for each in parts), sum(each.compared for each in parts)
    gained, lost = sum(each.refused_after for each in parts), sum(each.refused_before for each in parts)
    both = sum(each.refused_both for each in parts)
    return Change(
        requests=requests,
        moved=sum(each.moved for each in parts),
        refused_before=lost + both,
        refused_after=gained + both,
        refusals_gained=gained,
        refusals_lost=lost,
        cost_compared=compared,
        cost_unknown=requests - compared,
        cost_before_nano_usd=sum(each.before for each in parts) if compared else None,
        cost_after_nano_usd=sum(each.after for each in parts) if compared else None,
    )


def _all_at(median: float | None, times: Counter[float]) -> Counter[float] | None:
    return None if median is None else Counter({median: times.total()})


def _median(times: Counter[float]) -> float:
    half, passed = (times.total() + 1) // 2, 0
    for time_ms in sorted(times):
        passed += times[time_ms]
        if passed >= half:
            return time_ms
    raise ValueError("no times have no median")


def _rounded(time_ms: float) -> float:
    """To three digits or so: the times of a million requests then fit into some thousand counts."""
    return round(time_ms, 1) if time_ms < 100 else round(time_ms) if time_ms < 10_000 else round(time_ms, -2)
