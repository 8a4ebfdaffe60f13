"""The only door to Redis: two scripts, an answer within 50 ms or none, and no question while Redis is away."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from typing import Any, Final, Literal

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

CALL_S: Final = 0.05
"""Longer than this no request waits."""
FAILURES: Final = 3
"""So many in a row, and Redis counts as away: it is asked no more, but for a try now and then."""
FIRST_TRY_S: Final = 0.1
LONGEST_TRY_S: Final = 2.0
_SOCKET_S = 1.0
_CONNECTIONS = 64
_MARK_S = 600

Script = Literal["admit", "amend"]
Result = Literal["ok", "slow", "failed"]
Reply = list[int]

_log = logging.getLogger(__name__)


class RedisLink:
    """Runs the scripts of the Redis at that URL.

    called    is told the seconds and the result of each call
    answered  how many calls have been answered in time
    """

    def __init__(self, url: str, *, called: Callable[[float, Result], None]) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=CALL_S,
            socket_timeout=_SOCKET_S,
            socket_connect_timeout=_SOCKET_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self._client: Redis = Redis.from_pool(pool)
        self._called = called
        self._scripts = {name: self._client.register_script(_text(name)) for name in ("admit", "amend")}
        self._failures = 0
        self._trying: asyncio.Task[None] | None = None
        self._late: set[asyncio.Task[Reply]] = set()
        self.answered = 0

    @property
    def is_up(self) -> bool:
        return self._trying is None

    async def admit(self, keys: Sequence[str], asked: Any, late: Callable[[Reply], None]) -> Reply | None:
        """None where no answer came in time; one that comes later goes to `late`."""
        return await self._run("admit", keys, asked, late)

    async def amend(self, mark: str, keys: Sequence[str], changes: Sequence[Any]) -> Reply | None:
        """None where it is not known whether they were made: the same again, with the same mark, does no harm."""
        return await self._run("amend", (mark, *keys), (_MARK_S, changes), None)

    async def aclose(self) -> None:
        for task in (*self._late, *([] if self._trying is None else [self._trying])):
            task.cancel()
            await asyncio.wait([task])
        await self._client.aclose(close_connection_pool=True)

    async def _run(
        self, script: Script, keys: Sequence[str], asked: Any, late: Callable[[Reply], None] | None
    ) -> Reply | None:
        if self._trying is not None:
            return None
        return await self._asked(script, keys, asked, late)

    async def _asked(
        self, script: Script, keys: Sequence[str], asked: Any, late: Callable[[Reply], None] | None
    ) -> Reply | None:
        call: Awaitable[Reply] = self._scripts[script](keys=keys, args=(msgspec.msgpack.encode(asked),))
        begun_s = time.perf_counter()
        task = asyncio.ensure_future(call)
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        try:
            await asyncio.wait((task,), timeout=CALL_S)
        except asyncio.CancelledError:  # the client has left: what is answered is for nobody
            task.add_done_callback(lambda done: _tell(done, late))
            raise
        took_s = time.perf_counter() - begun_s
        if not task.done():
            task.add_done_callback(lambda done: _tell(done, late))
            self._failed(took_s, "slow", f"no answer within {CALL_S * 1e3:.0f} ms")
            return None
        error = task.exception()
        if error is None:
            self._failures = 0
            self.answered += 1
            self._called(took_s, "ok")
            return task.result()
        if not isinstance(error, RedisError | OSError):
            raise error
        self._failed(took_s, "failed", type(error).__name__)
        return None

    def _failed(self, took_s: float, result: Result, why: str) -> None:
        self._called(took_s, result)
        self._failures += 1
        if self._failures >= FAILURES and self._trying is None:
            _log.warning("Redis is away (%s): limits and budgets go by what is set for that", why)
            self._trying = asyncio.create_task(self._try(), name="redis: is it back?")

    async def _try(self) -> None:
        """Until it takes writes again, in time, over connections of its own: old ones may lead to what it was."""
        wait_s = FIRST_TRY_S
        while True:
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_TRY_S)
            await self._client.connection_pool.disconnect(inuse_connections=False)
            if await self._asked("amend", ("sw:{try}",), (1, ()), None) is not None:
                break
        self._trying = None
        _log.warning("Redis is back")


def _text(script: str) -> str:
    folder = files("gateway.counters") / "lua"
    return "".join((folder / f"{part}.lua").read_text(encoding="utf-8") for part in ("prelude", script))


def _tell(task: asyncio.Task[Reply], late: Callable[[Reply], None] | None) -> None:
    if not task.cancelled() and task.exception() is None and late is not None:
        late(task.result())
