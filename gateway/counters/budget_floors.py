"""Raises budgets' counters to what the records say was spent: at the start, and every few minutes."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal

from gateway.domain.allowances import Period
from gateway.domain.budgets import window_began
from gateway.domain.errors import DatabaseUnavailableError
from gateway.domain.floors import Floor, Spent, budgets_of, floors_of
from gateway.domain.request import Caller

EVERY_S: Final = 120.0
FIRST_S: Final = (2.0, 10.0, 30.0)
"""Sooner at first: what the process before left in its spool is on its way to the database."""
AGAIN_S: Final = 10.0
START_S: Final = 5.0
"""So long the start waits for the first look; the next one is near."""

LookResult = Literal["ok", "failed", "put off"]

logger = logging.getLogger(__name__)


class BudgetFloors:
    """Serve inside `running`. It reads on a thread, and only where some caller has a budget.

    callers   everybody whose key is good now
    spent     what was spent since that Unix time; blocking. Raises DatabaseUnavailableError
    raise_to  raises the counters; False: not now
    looks     how often it looked, by what came of it
    """

    def __init__(
        self,
        callers: Callable[[], Iterable[Caller]],
        spent: Callable[[float], Sequence[Spent]],
        raise_to: Callable[[Sequence[Floor]], Awaitable[bool]],
        *,
        now: Callable[[], float],
        every_s: float = EVERY_S,
        start_s: float = START_S,
    ) -> None:
        self._callers = callers
        self._spent = spent
        self._raise_to = raise_to
        self._now = now
        self._every_s = every_s
        self._start_s = start_s
        self._is_failing = False
        self.looks: Counter[str] = Counter()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Begin with what was spent before, and look again now and then while the block runs."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._start_s):
                await self.look()
        looking = asyncio.create_task(self._looking(), name="budgets: what the records say")
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait([looking])

    async def look(self) -> LookResult | None:
        """Raise the counters once; None where nobody has a budget."""
        try:
            floors = await asyncio.to_thread(self._read)
        except DatabaseUnavailableError as error:
            result: LookResult = "failed"
            if not self._is_failing:
                logger.warning("what was spent cannot be read, budgets count on from what they know: %s", error)
        except Exception:
            result = "failed"
            logger.exception("unexpected failure while reading what was spent, budgets count on from what they know")
        else:
            if floors is None:
                return None
            result = "ok" if await self._raise_to(floors) else "put off"
            if self._is_failing:
                logger.info("what was spent can be read again")
        self._is_failing = result == "failed"
        self.looks[result] += 1
        return result

    def _read(self) -> list[Floor] | None:
        budgets = budgets_of(self._callers())
        if not budgets:
            return None
        now_s = self._now()
        periods: set[Period] = {meter.period for meter in budgets.values()}
        return floors_of(budgets, {each: self._spent(window_began(each, now_s)) for each in periods}, now_s)

    async def _looking(self) -> None:
        first = iter(FIRST_S)
        result: LookResult | None = None
        while True:
            wait_s = next(first, self._every_s)
            await asyncio.sleep(wait_s if result in ("ok", None) else min(wait_s, AGAIN_S))
            result = await self.look()
