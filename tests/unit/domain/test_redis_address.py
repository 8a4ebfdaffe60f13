import pytest

from gateway.domain.redis_address import redis_address


@pytest.mark.parametrize("url", ["redis://:pw@h:6379/0", "rediss://h", "unix:///run/redis.sock?db=1"])
def test_the_url_of_one_server_is_left_to_the_client(url: str) -> None:
    address = redis_address(url)

    assert (address.kind, address.url, address.nodes) == ("server", url, ())


def test_the_nodes_of_a_cluster_are_listed() -> None:
    address = redis_address("rediss+cluster://user:p%40ss@a:7000,b,[::1]:7001")

    assert address.kind == "cluster"
    assert address.nodes == (("a", 7000), ("b", 6379), ("::1", 7001))
    assert (address.username, address.password, address.is_tls) == ("user", "p@ss", True)


def test_sentinels_are_listed_with_the_service_they_watch() -> None:
    address = redis_address("redis+sentinel://:pw@a,b:26380/counts/2?sentinel_password=other")

    assert address.kind == "sentinel"
    assert address.nodes == (("a", 26379), ("b", 26380))
    assert (address.service, address.database) == ("counts", 2)
    assert (address.username, address.password, address.sentinel_password) == (None, "pw", "other")
    assert not address.is_tls


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://canary", "a Redis URL begins with redis://"),
        ("redis+ring://canary", "a Redis URL begins with redis://"),
        ("redis+sentinel://canary", "names the service they watch"),
        ("redis+sentinel://canary/s/one", "database of a Redis is a number"),
        ("redis+cluster://canary/1", "has no databases"),
        ("redis+cluster://canary?x=1", "takes no options"),
        ("redis+sentinel://canary/s?sentinel_password=a&b=c", "takes no options"),
        ("redis+cluster://canary,", "as HOST:PORT"),
        ("redis+cluster://canary:port", "as HOST:PORT"),
    ],
)
def test_any_other_is_refused_and_not_repeated(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        redis_address(url)

    assert "canary" not in str(caught.value)
