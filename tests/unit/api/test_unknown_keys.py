from typing import Any

import pytest

from gateway.api.unknown_keys import UnknownKeys, network_of
from gateway.counters.guesses import MemoryGuesses
from gateway.domain.errors import AuthenticationError, InactiveKeyError, TooManyGuessesError, UnknownKeyError
from tests.unit.api.asgi_client import scope

_UNKNOWN = UnknownKeyError("unknown")


def _from(address: str | None) -> Any:
    return {**scope(), "client": None if address is None else (address, 40_000)}


def _judging(per_network: int = 1) -> UnknownKeys:
    return UnknownKeys(MemoryGuesses(per_network=per_network), lambda: 100.0)


def test_one_unknown_key_too_many_is_told_when_to_come_back() -> None:
    unknown_keys = _judging()

    first, second = (unknown_keys.judged(_UNKNOWN, _from("192.0.2.1")) for _ in range(2))

    assert first is _UNKNOWN
    assert isinstance(second, TooManyGuessesError)
    assert second.retry_after_s == 60.0


def test_other_networks_are_told_what_they_always_are() -> None:
    unknown_keys = _judging()

    judged = [unknown_keys.judged(_UNKNOWN, _from(f"192.0.2.{number}")) for number in range(5)]

    assert judged == [_UNKNOWN] * 5


@pytest.mark.parametrize("error", [AuthenticationError("no key"), InactiveKeyError("expired")])
def test_a_key_that_is_missing_or_was_good_once_is_no_guess(error: AuthenticationError) -> None:
    unknown_keys = _judging()

    judged = [unknown_keys.judged(error, _from("192.0.2.1")) for _ in range(5)]

    assert judged == [error] * 5


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not an address", ""),
        (None, ""),
    ],
)
def test_who_has_many_addresses_is_one_network(address: str | None, network: str) -> None:
    assert network_of(_from(address)) == network


def test_a_connection_without_an_address_is_counted_too() -> None:
    assert network_of(scope()) == ""
