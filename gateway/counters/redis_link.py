"""The only door to Redis: two scripts, an answer within 50 ms or none, and no question while Redis is away.

What is asked while an answer is on its way goes out together after it, over one connection for each script: a burst of
requests costs a few round trips, and a slow Redis no more than two connections.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha1
from importlib.resources import files
from math import inf
from typing import Any, Final, Literal

import msgspec
from redis.exceptions import NoScriptError, RedisClusterException, RedisError

from gateway.counters.redis_clients import redis_client

CALL_S: Final = 0.05
"""Longer than this no request waits."""
FAILURES: Final = 3
"""So many in a row, and Redis counts as away: it is asked no more, but for a try now and then."""
FIRST_TRY_S: Final = 0.1
LONGEST_TRY_S: Final = 2.0
_MOST_AT_ONCE = 128
_TURNS = 4
"""So many turns of the event loop a call has after its time, to take in an answer that is there already."""
_MARK_S = 600

Script = Literal["admit", "amend"]
Result = Literal["ok", "slow", "failed"]
Reply = list[int]

_ERRORS = (RedisError, RedisClusterException, OSError)
_TRY = msgspec.msgpack.encode((1, ()))

_log = logging.getLogger(__name__)


class _Asked:
    __slots__ = ("answer", "is_sent", "keys", "payload")

    def __init__(self, keys: Sequence[str], payload: bytes) -> None:
        self.keys = keys
        self.payload = payload
        self.is_sent = False
        self.answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()


class RedisLink:
    """Runs the scripts of the Redis at that URL.

    called    is told the seconds and the result of each call
    answered  how many calls have been answered in time
    back_s    when it last came back, by the monotonic clock
    """

    def __init__(
        self, url: str, *, called: Callable[[float, Result], None], monotonic: Callable[[], float] = time.perf_counter
    ) -> None:
        self._client = redis_client(url)
        self._called = called
        self._texts: dict[Script, str] = {"admit": script_text("admit"), "amend": script_text("amend")}
        self._digests = {
            name: sha1(text.encode(), usedforsecurity=False).hexdigest() for name, text in self._texts.items()
        }
        self._failures = 0
        self._trying: asyncio.Task[None] | None = None
        self._queues: dict[Script, list[_Asked]] = {"admit": [], "amend": []}
        self._sending: dict[Script, asyncio.Task[None]] = {}
        self.answered = 0
        self.back_s = -inf
        self._monotonic = monotonic

    @property
    def is_up(self) -> bool:
        return self._trying is None

    async def connect(self) -> None:
        """Have a connection at hand, if Redis is there: making one takes several round trips."""
        with suppress(*_ERRORS):
            await self._client.connect()

    async def admit(self, keys: Sequence[str], asked: Any, late: Callable[[Reply], None]) -> Reply | None:
        """None where no answer came in time; one that comes later goes to `late`."""
        return await self._run("admit", keys, asked, late)

    async def amend(self, mark: str, keys: Sequence[str], changes: Sequence[Any]) -> Reply | None:
        """None where it is not known whether they were made: the same again, with the same mark, does no harm."""
        return await self._run("amend", (mark, *keys), (_MARK_S, changes), None)

    async def aclose(self) -> None:
        for task in (self._trying, *self._sending.values()):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        await self._client.aclose()

    async def _run(
        self, script: Script, keys: Sequence[str], asked: Any, late: Callable[[Reply], None] | None
    ) -> Reply | None:
        if self._trying is not None:
            return None
        return await self._asked(script, keys, msgspec.msgpack.encode(asked), late)

    async def _asked(
        self, script: Script, keys: Sequence[str], payload: bytes, late: Callable[[Reply], None] | None
    ) -> Reply | None:
        begun_s = time.perf_counter()
        asked = _Asked(keys, payload)
        self._queues[script].append(asked)
        if script not in self._sending:
            self._sending[script] = asyncio.create_task(self._send(script), name=f"redis: {script}")
        try:
            await asyncio.wait((asked.answer,), timeout=CALL_S)
            for _ in range(_TURNS):
                if not asked.answer.done():
                    await asyncio.sleep(0)
        finally:  # of a client that has left too: what is answered now is for nobody
            is_late = not asked.answer.done()
            if not asked.is_sent:
                asked.answer.cancel()
            elif is_late or sys.exc_info()[0] is not None:
                asked.answer.add_done_callback(lambda answer: _tell(answer, late))
        return self._result(asked.answer, time.perf_counter() - begun_s)

    def _result(self, answer: "asyncio.Future[Reply]", took_s: float) -> Reply | None:
        if not answer.done() or answer.cancelled():
            self._failed(took_s, "slow", f"no answer within {CALL_S * 1e3:.0f} ms")
            return None
        error = answer.exception()
        if error is not None:
            self._failed(took_s, "failed", type(error).__name__)
            return None
        self._failures = 0
        self.answered += 1
        self._called(took_s, "ok")
        return answer.result()

    async def _send(self, script: Script) -> None:
        """Until nothing is left to ask."""
        queue = self._queues[script]
        try:
            while queue:
                batch = [asked for asked in queue[:_MOST_AT_ONCE] if not asked.answer.done()]
                del queue[:_MOST_AT_ONCE]
                if batch:
                    await self._send_batch(script, batch)
        finally:
            del self._sending[script]

    async def _send_batch(self, script: Script, batch: list[_Asked]) -> None:
        try:
            replies = await self._executed(script, batch)
            missing = [place for place, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if missing:  # a Redis, or a node of a Cluster, that was started anew; the others have counted already
                await self._client.load(self._texts[script])
                again = await self._executed(script, [batch[place] for place in missing])
                for place, reply in zip(missing, again, strict=True):
                    replies[place] = reply
        except _ERRORS as error:
            replies = [error] * len(batch)
        for asked, reply in zip(batch, replies, strict=True):
            if isinstance(reply, Exception):
                asked.answer.set_exception(reply)
            else:
                asked.answer.set_result(reply)

    async def _executed(self, script: Script, batch: list[_Asked]) -> list[Any]:
        for asked in batch:
            asked.is_sent = True
        return await self._client.run([(self._digests[script], asked.keys, asked.payload) for asked in batch])

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
            with suppress(*_ERRORS):
                await self._client.forget()
            await self.connect()
            if await self._asked("amend", ("sw:{try}",), _TRY, None) is not None:
                break
        self._trying = None
        self.back_s = self._monotonic()
        _log.warning("Redis is back")


def script_text(*parts: str) -> str:
    """The prelude, and the parts after it."""
    folder = files("gateway.counters") / "lua"
    return "".join((folder / f"{part}.lua").read_text(encoding="utf-8") for part in ("prelude", *parts))


def _tell(answer: "asyncio.Future[Reply]", late: Callable[[Reply], None] | None) -> None:
    if not answer.cancelled() and answer.exception() is None and late is not None:
        late(answer.result())
