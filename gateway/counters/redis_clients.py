"""Connections to one server, to the primary that Sentinels name, or to a Cluster, all asked alike."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from gateway.domain.redis_address import RedisAddress, redis_address

_CONNECT_S: Final = 0.5
_ANSWER_S: Final = 2.0
"""No request waits so long; but what a Redis that stalled has done by then is heard of, and given back."""
_CONNECTIONS: Final = 4

Call = tuple[str, Sequence[str], bytes]
"""A script by its digest, its keys, which share a hash tag, and its argument."""


class RedisClient(Protocol):
    """Raises RedisError and OSError."""

    async def run(self, calls: Sequence[Call]) -> list[Any]:
        """What each is answered, an error among it, in one round trip to each server."""
        ...

    async def load(self, script: str) -> None: ...
    async def connect(self) -> None:
        """Have a connection at hand."""
        ...

    async def forget(self) -> None:
        """Close connections that nobody uses now, and what is known of who is the primary."""
        ...

    async def aclose(self) -> None: ...


def redis_client(url: str) -> RedisClient:
    """Connects to nothing yet. Raises ValueError."""
    address = redis_address(url)
    if address.kind == "cluster":
        return ClusterClient(address)
    if address.kind == "sentinel":
        return _primary(address)
    pool = ConnectionPool.from_url(url, max_connections=_CONNECTIONS, **_options())
    return ServerClient(Redis.from_pool(pool))


def _options() -> dict[str, Any]:
    return {
        "socket_timeout": _ANSWER_S,
        "socket_connect_timeout": _CONNECT_S,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
    }


def _primary(address: RedisAddress) -> "ServerClient":
    """Asks the Sentinels who it is each time a connection is made."""
    of_sentinels: dict[str, Any] = {"ssl": address.is_tls, "password": address.sentinel_password, **_options()}
    sentinel = Sentinel(address.nodes, sentinel_kwargs=of_sentinels)  # type: ignore[no-untyped-call]  # it has no types
    client: Redis = sentinel.master_for(
        address.service,
        max_connections=_CONNECTIONS,
        db=address.database,
        username=address.username,
        password=address.password,
        ssl=address.is_tls,
        **_options(),
    )
    return ServerClient(client, sentinel.sentinels)


class ServerClient:
    """`RedisClient` of one server at a time. sentinels: those that say which one."""

    def __init__(self, client: Redis, sentinels: Sequence[Redis] = ()) -> None:
        self._client = client
        self._sentinels = sentinels

    async def run(self, calls: Sequence[Call]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for digest, keys, payload in calls:
            pipeline.evalsha(digest, len(keys), *keys, payload)
        replies: list[Any] = await pipeline.execute(raise_on_error=False)
        return replies

    async def load(self, script: str) -> None:
        await self._client.script_load(script)

    async def connect(self) -> None:
        await self._client.ping()

    async def forget(self) -> None:
        await self._client.connection_pool.disconnect(inuse_connections=False)

    async def aclose(self) -> None:
        for each in (self._client, *self._sentinels):
            await each.aclose(close_connection_pool=True)


class ClusterClient:
    """`RedisClient` of a Cluster; each call goes to the node that has its hash tag."""

    def __init__(self, address: RedisAddress) -> None:
        self._client = RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in address.nodes],
            require_full_coverage=False,
            max_connections=_CONNECTIONS,
            username=address.username,
            password=address.password,
            ssl=address.is_tls,
            **_options(),
        )

    async def run(self, calls: Sequence[Call]) -> list[Any]:
        pipeline = self._client.pipeline()
        for digest, keys, payload in calls:
            pipeline.execute_command("EVALSHA", digest, len(keys), *keys, payload)
        replies: list[Any] = await pipeline.execute(raise_on_error=False)
        return replies

    async def load(self, script: str) -> None:
        """At every primary."""
        await self._client.script_load(script)

    async def connect(self) -> None:
        await self._client.ping(target_nodes=RedisCluster.PRIMARIES)

    async def forget(self) -> None:
        await self._client.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()
