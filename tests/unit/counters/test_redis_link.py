"""Without a Redis; tests/contract has the rules with one."""

import asyncio

from gateway.counters.redis_link import FAILURES, RedisLink, script_text

NOBODY_LISTENS = "redis://127.0.0.1:9/0"


def test_a_script_is_the_prelude_and_its_own_text() -> None:
    assert script_text("admit").startswith(script_text())
    assert "ARGV[1]" in script_text("admit").removeprefix(script_text())


def test_after_some_failures_in_a_row_it_is_asked_no_more() -> None:
    called: list[str] = []

    async def main() -> list[bool]:
        link = RedisLink(NOBODY_LISTENS, called=lambda seconds, result: called.append(result))
        up = []
        for _ in range(FAILURES + 5):
            up.append(link.is_up)
            assert await link.admit(("k",), ("", 1, ()), lambda reply: None) is None
        await link.aclose()
        return up

    assert asyncio.run(main()) == [True] * FAILURES + [False] * 5
    assert called == ["failed"] * FAILURES


def test_a_link_that_was_never_used_closes() -> None:
    async def main() -> bool:
        link = RedisLink(NOBODY_LISTENS, called=lambda seconds, result: None)
        await link.aclose()
        return link.is_up

    assert asyncio.run(main())
