"""What tests/contract/test_redis_kinds.py, with real servers, leaves: nothing is connected to before it is asked."""

import asyncio

import pytest
from redis.exceptions import RedisClusterException, RedisError

from gateway.counters.redis_clients import ClusterClient, ServerClient, redis_client

NOBODY = "127.0.0.1:9"


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (f"redis://{NOBODY}/0", ServerClient),
        (f"redis+sentinel://{NOBODY}/counts", ServerClient),
        (f"redis+cluster://{NOBODY},{NOBODY}", ClusterClient),
    ],
)
def test_the_url_chooses_the_client_and_nobody_is_asked_yet(url: str, kind: type[object]) -> None:
    async def main() -> None:
        client = redis_client(url)
        assert isinstance(client, kind)
        with pytest.raises((RedisError, RedisClusterException, OSError)):
            await client.run([("0" * 40, ("sw:{t}:k",), b"")])
        await client.forget()
        await client.aclose()

    asyncio.run(main())
