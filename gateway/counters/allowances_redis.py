"""Limits and budgets that all gateways share, in Redis.

One call to Redis takes what a request needs of all its meters; what it really used is told later, in batches. The keys
of one call share the hash tag of the caller's team, of the key where it has none, or of the deployment: so a Cluster
spreads them over its nodes, and each call goes to one of them.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import lru_cache, partial
from typing import Final, Literal
from uuid import uuid4

from gateway.counters.allowance_watch import AllowanceWatch
from gateway.counters.allowances_memory import NO_HOLD, MemoryAllowances
from gateway.counters.dues import Batch, Dues
from gateway.counters.redis_holds import AwayHold, Counted, RedisHold, key_of, tag_of
from gateway.counters.redis_link import RedisLink, Reply, Result
from gateway.counters.slices import Slices
from gateway.domain.admission import Readings, budget_of, quota_of, refusal
from gateway.domain.allowances import Limits, allowances_of
from gateway.domain.budgets import window_of
from gateway.domain.errors import CountersUnavailableError
from gateway.domain.floors import Floor
from gateway.domain.meters import Meter, Need, need_of, need_of_call, share_of
from gateway.domain.policy import Policy
from gateway.domain.rate_limits import after
from gateway.domain.request import Caller, ChatRequest
from gateway.ports import Clock, Hold

OnRedisDown = Literal["share", "refuse"]
LEASE_S: Final = 60.0
"""A request under way holds its place so long, and again and again until it is over: one of a gateway that died frees
it then."""
GATHER_S: Final = 0.01
RAISED_AFTER_S: Final = 10.0
"""So long after Redis is back all gateways have told it what was spent without it."""
logger = logging.getLogger(__name__)

_LOOK_S = 0.25
_LAST_FLUSH_S = 2.0
_AWAY_RETRY_S = 1.0
_AWAY = (
    "the counts of limits and budgets cannot be reached, and without them nothing is let pass; try again in a moment"
)


class RedisAllowances:
    """`Admission` and `CallLimits` over the Redis of that URL; serve inside `running`.

    gateways        how many share the limits: of each, this one lets pass its share while Redis is away
    limits_down     what becomes of callers with limits then, and
    budgets_down    of those with budgets
    lease_s         how long a place is held for a gateway that says nothing more
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        watch: AllowanceWatch,
        *,
        called: Callable[[float, Result], None],
        gateways: int = 1,
        limits_down: OnRedisDown = "share",
        budgets_down: OnRedisDown = "share",
        lease_s: float = LEASE_S,
    ) -> None:
        self.link = RedisLink(url, called=called, monotonic=clock.monotonic)
        self._clock = clock
        self._watch = watch
        self._gateways = gateways
        self._limits_down = limits_down
        self._budgets_down = budgets_down
        self._lease_s = lease_s
        self._name = uuid4().hex[:12]
        self._leases = 0
        self._stayed_s = 0.0
        self._live: dict[str, tuple[Counted, float]] = {}
        self._spared: set[Counted] = set()
        self._slices = Slices()
        self._dues = Dues(self._name)
        self._has_dues = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._local = MemoryAllowances(clock, watch)
        self._local_since = -1
        self._known: dict[str, tuple[int, int]] = {}
        self._counted = lru_cache(maxsize=4096)(Counted)

    async def admit(self, caller: Caller, request: ChatRequest, policy: Policy) -> Hold:
        if not caller.allowances:
            return NO_HOLD
        counted = self._counted(caller.counted_with, caller.allowances)
        return await self._take(counted, need_of(request, policy, counted.meters))

    async def take_call(self, deployment: str, limits: Limits, request: ChatRequest) -> Hold:
        allowances = allowances_of(deployment, limits)
        return await self._take(self._counted(allowances[0].owner, allowances), need_of_call(request))

    async def _take(self, counted: Counted, need: Need) -> Hold:
        units = [need.of(meter) for meter in counted.meters]
        now_s = self._clock.monotonic()
        if not counted.has_places and (windows := self._slices.take(counted.keys, units, now_s)) is not None:
            return self._lent(counted, need, units, windows)
        if not self.link.is_up:
            return self._away(counted, need, units)
        lease = self._lease(counted)
        reply = await self._ask(counted, lease, units, now_s)
        if reply is None:
            return self._away(counted, need, units)
        return self._told(counted, lease, need, units, reply)

    async def raise_to(self, floors: Iterable[Floor]) -> bool:
        """Have Redis count no less; False while it is away, and just after.

        What was spent meanwhile is in the records, and has to be told first, or it would count twice.
        """
        if not self.link.is_up or self._clock.monotonic() - self.link.back_s < RAISED_AFTER_S:
            return False
        for floor in floors:
            tag = tag_of(floor.whose)
            self._dues.least(tag, key_of(tag, floor.meter), floor.meter, floor.nano_usd, floor.window)
        await self._flush()
        return True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tell Redis what is due while the block runs, and all of it at the end."""
        telling = asyncio.create_task(self._telling(), name="allowances: settle")
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.wait([telling])
            self._give_back(now_s=float("inf"))
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_FLUSH_S):
                    await self._flush()
            await self.link.aclose()

    def _settle(self, hold: RedisHold, tokens: int, nano_usd: int) -> None:
        """Replace what was taken by what was used."""
        counted = hold.counted
        for key, meter, count, window in zip(counted.keys, counted.meters, hold.units, hold.windows, strict=True):
            if meter.kind == "budget":
                self._dues.units(counted.tag, key, meter, nano_usd - count, window)
            elif meter.unit == "tokens":
                self._dues.units(counted.tag, key, meter, tokens - count, window)
        self._spare(counted, hold.lease)
        self._has_dues.set()

    def _spent_away(self, counted: Counted, windows: Sequence[int], nano_usd: int) -> None:
        """What a request cost that Redis knows nothing of."""
        for key, meter, window in zip(counted.keys, counted.meters, windows, strict=True):
            if meter.kind == "budget":
                self._dues.units(counted.tag, key, meter, nano_usd, window)
        self._has_dues.set()

    async def _ask(self, counted: Counted, lease: str, units: Sequence[int], now_s: float) -> Reply | None:
        requests = 0 if counted.has_places else counted.appetite.next(now_s)
        rows = [
            counted.row(meter, count, self._slices.room(key, meter, count, requests) if requests else 0)
            for key, meter, count in zip(counted.keys, counted.meters, units, strict=True)
        ]
        undo = partial(self._undo, counted, lease, units)
        return await self.link.admit(counted.keys, (lease, int(self._lease_s * 1e6), rows), undo)

    def _told(self, counted: Counted, lease: str, need: Need, units: Sequence[int], reply: Reply) -> RedisHold:
        """The hold that Redis's answer means. Raises AllowanceError."""
        now_s, meters = self._clock.monotonic(), counted.meters
        values = [
            value / 1e6 if meter.kind == "rate" else value for meter, value in zip(meters, reply[2::3], strict=True)
        ]
        if not reply[0]:
            self._spare(counted, lease)
            meter, error = refusal(meters, Readings(values, float(reply[1])), units)
            self._watch.refused(meter)
            raise error
        budget, windows = budget_of(meters, values), reply[4::3]
        for place, (key, meter, lent) in enumerate(zip(counted.keys, meters, reply[3::3], strict=True)):
            if lent:
                self._slices.fill(counted.tag, key, meter, lent, window=windows[place], now_s=now_s)
            values[place] = self._moved(meter, values[place], units[place], lent, windows[place])
        counted.values, counted.read_s = values, now_s
        if counted.has_places:
            self._live[lease] = (counted, now_s)
        quota = quota_of(meters, values)
        return RedisHold(
            self._settle, counted, need, units=units, windows=windows, lease=lease, budget=budget, quota=quota
        )

    def _moved(self, meter: Meter, value: float, units: int, lent: int, window: int) -> float:
        """What a meter shows after so many units; what was lent to this gateway is still free here."""
        if meter.kind == "rate":
            return after(value, units, meter.limit, meter.window_s)
        if meter.kind == "concurrent":
            return value + 1
        used = int(value) + units + lent
        self._note(meter, window, int(value), used)
        return used

    def _lent(self, counted: Counted, need: Need, units: Sequence[int], windows: Sequence[int]) -> RedisHold:
        """A hold out of what was borrowed; the limits are told as they were when Redis was last asked."""
        now_s, meters = self._clock.monotonic(), counted.meters
        passed_s = now_s - counted.read_s
        values = [
            after(max(0.0, value - passed_s), count, meter.limit, meter.window_s) if meter.kind == "rate" else value
            for meter, value, count in zip(meters, counted.values, units, strict=True)
        ]
        counted.values, counted.read_s = values, now_s
        used = [self._known.get(meter.key, (0, 0))[1] if meter.kind == "budget" else 0 for meter in meters]
        budget, quota = budget_of(meters, used), quota_of(meters, values)
        return RedisHold(self._settle, counted, need, units=units, windows=windows, budget=budget, quota=quota)

    def _away(self, counted: Counted, need: Need, units: Sequence[int]) -> AwayHold:
        """What passes while Redis is away. Raises AllowanceError, CountersUnavailableError."""
        for meter in counted.meters:
            if (self._budgets_down if meter.kind == "budget" else self._limits_down) == "refuse":
                raise CountersUnavailableError(_AWAY, retry_after_s=_AWAY_RETRY_S)
        if self._local_since != self.link.answered:  # it was there in between, and knows more of the budgets
            self._local_since = self.link.answered
            self._local.assume(self._known)
        at_s = self._clock.now()
        windows = [window_of(meter.period, at_s) if meter.kind == "budget" else 0 for meter in counted.meters]
        meters = [
            share_of(meter, self._gateways, self._local.used_elsewhere(meter, window))
            for meter, window in zip(counted.meters, windows, strict=True)
        ]
        clipped = [
            min(count, meter.limit) if meter.kind == "rate" else count
            for meter, count in zip(meters, units, strict=True)
        ]
        return AwayHold(self._spent_away, counted, need, windows, self._local.take(meters, clipped, need))

    def _undo(self, counted: Counted, lease: str, units: Sequence[int], reply: Reply) -> None:
        """Give back what came too late for its request, which has been answered for another way."""
        if reply[0]:
            rows = zip(counted.keys, counted.meters, units, reply[3::3], reply[4::3], strict=True)
            for key, meter, count, lent, window in rows:
                self._dues.units(counted.tag, key, meter, -(count + lent), window)
        self._spare(counted, lease)
        self._has_dues.set()

    def _lease(self, counted: Counted) -> str:
        if not counted.has_places:
            return ""
        if counted.spare:
            return counted.spare.pop()
        self._leases += 1
        return f"{self._name}:{self._leases}"

    def _spare(self, counted: Counted, lease: str) -> None:
        if lease:
            self._live.pop(lease, None)
            counted.spare.append(lease)
            self._spared.add(counted)

    def _note(self, meter: Meter, window: int, before: int, used: int) -> None:
        if window >= self._known.get(meter.key, (0, 0))[0]:
            self._known[meter.key] = (window, used)
            self._watch.moved(meter, window, before, used)

    async def flushed(self) -> None:
        """Tell Redis now what is due."""
        await self._flush()

    async def _telling(self) -> None:
        await self.link.connect()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._has_dues.wait()
            await asyncio.sleep(GATHER_S if self.link.is_up else _LOOK_S)
            now_s = self._clock.monotonic()
            self._stay(now_s)
            self._give_back(now_s)
            try:
                await self._told_or_forgotten()
            except Exception:  # the next dues must be told all the same
                logger.exception("what is due to Redis could not be told")

    async def _told_or_forgotten(self) -> None:
        if self.link.is_up:
            await self._flush()
        else:
            self._dues.forget_rates()

    def _stay(self, now_s: float) -> None:
        """Keep the places of requests that are still under way."""
        if now_s - self._stayed_s < self._lease_s / 12:
            return
        self._stayed_s = now_s
        staying: defaultdict[Counted, list[str]] = defaultdict(list)
        for lease, (counted, since_s) in self._live.items():
            if now_s - since_s > self._lease_s / 3:
                staying[counted].append(lease)
        for counted, leases in staying.items():
            self._live.update(dict.fromkeys(leases, (counted, now_s)))
            for key in counted.places:
                self._dues.stay(counted.tag, key, leases, int(self._lease_s * 1e6))

    def _give_back(self, now_s: float) -> None:
        for tag, key, meter, units, window in self._slices.idle(now_s):
            self._dues.units(tag, key, meter, -units, window)

    async def _flush(self) -> None:
        """Tell Redis all that is due, or as much as it takes, in its order."""
        async with self._flushing:
            await self._flush_in_turn()

    async def _flush_in_turn(self) -> None:
        self._has_dues.clear()
        for counted in self._spared:
            leases, counted.spare = counted.spare, []
            for key in counted.places if leases else ():
                self._dues.leave(counted.tag, key, leases)
        self._spared.clear()
        for _ in range(self._dues.seal()):
            batch = self._dues.next()
            try:
                reply = await self.link.amend(batch.mark, batch.keys, batch.changes)
            except asyncio.CancelledError:
                self._dues.keep(batch)
                raise
            if reply is None:
                self._dues.keep(batch)
                self._has_dues.set()
                return
            self._amended(batch, reply)

    def _amended(self, batch: Batch, reply: Reply) -> None:
        for meter, change, used in zip(batch.meters, batch.changes, reply, strict=False):  # none, if sent before
            if meter is not None:
                self._note(meter, change[1], used - change[2] if change[0] == "budget" else used, used)
