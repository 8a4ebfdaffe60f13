"""Where the Redis is that gateways share: one server, the primary that Sentinels name, or a Cluster."""

import re
from typing import Final, Literal

from msgspec import Struct

FORMS: Final = (
    "redis://, rediss:// or unix://, redis+sentinel://HOST:26379,HOST:26379/SERVICE,"
    " or redis+cluster://HOST:6379,HOST:6379"
)
_SENTINEL_PORT: Final = 26_379
_PORT: Final = 6_379
_URL: Final = re.compile(
    r"(?P<scheme>rediss?)\+(?P<kind>sentinel|cluster)://"
    r"(?:(?P<username>[^:@/]*)(?::(?P<password>[^@/]*))?@)?(?P<hosts>[^@/?]*)"
    r"(?:/(?P<service>[^/?]*)(?:/(?P<database>[^?]*))?)?(?:\?(?P<options>.*))?"
)
_NODE: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+))(?::(\d{1,5}))?")
_QUOTED: Final = re.compile(rb"%([0-9A-Fa-f]{2})")


class RedisAddress(Struct, frozen=True, kw_only=True):
    """What a URL says; its repr may hold passwords.

    nodes              Sentinels, or some nodes of a Cluster; one server has its whole `url` instead
    service            what the Sentinels call the primary
    sentinel_password  of the Sentinels; `password` is that of the Redis
    """

    kind: Literal["server", "sentinel", "cluster"]
    url: str
    nodes: tuple[tuple[str, int], ...] = ()
    service: str = ""
    database: int = 0
    username: str | None = None
    password: str | None = None
    sentinel_password: str | None = None
    is_tls: bool = False


def redis_address(url: str) -> RedisAddress:
    """Raises ValueError, which does not repeat the URL."""
    if url.startswith(("redis://", "rediss://", "unix://")):
        return RedisAddress(kind="server", url=url)
    parts = _URL.fullmatch(url)
    if parts is None:
        raise ValueError(f"a Redis URL begins with {FORMS}")
    is_sentinel = parts["kind"] == "sentinel"
    service, database = parts["service"] or "", parts["database"] or "0"
    if is_sentinel and not service:
        raise ValueError("the URL of Sentinels names the service they watch: redis+sentinel://HOST:26379/SERVICE")
    if not is_sentinel and (service or parts["database"]):
        raise ValueError("a Cluster has no databases: leave out what follows the hosts")
    if not database.isdecimal():
        raise ValueError("the database of a Redis is a number: redis+sentinel://HOST:26379/SERVICE/0")
    return RedisAddress(
        kind="sentinel" if is_sentinel else "cluster",
        url=url,
        nodes=_nodes(parts["hosts"], _SENTINEL_PORT if is_sentinel else _PORT),
        service=_plain(service) or "",
        database=int(database),
        username=_plain(parts["username"]),
        password=_plain(parts["password"]),
        sentinel_password=_sentinel_password(parts["options"] or "", is_sentinel=is_sentinel),
        is_tls=parts["scheme"] == "rediss",
    )


def _nodes(hosts: str, usual_port: int) -> tuple[tuple[str, int], ...]:
    found = []
    for each in hosts.split(","):
        node = _NODE.fullmatch(each)
        if node is None:
            raise ValueError("the URL of Redis lists hosts as HOST:PORT, several separated by commas")
        found.append((node[1] or node[2], int(node[3] or usual_port)))
    return tuple(found)


def _sentinel_password(options: str, *, is_sentinel: bool) -> str | None:
    if not options:
        return None
    name, _, value = options.partition("=")
    if not is_sentinel or name != "sentinel_password" or "&" in value:
        raise ValueError("the URL of a Cluster takes no options, that of Sentinels only '?sentinel_password=…'")
    return _plain(value)


def _plain(text: str | None) -> str | None:
    """Without percent signs; None for nothing."""
    return _QUOTED.sub(lambda match: bytes([int(match[1], 16)]), (text or "").encode()).decode(errors="replace") or None
