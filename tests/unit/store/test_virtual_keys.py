import time
from statistics import median
from typing import Any

import pytest

from gateway.domain.errors import AuthenticationError, InactiveKeyError, KeysUnavailableError, UnknownKeyError
from gateway.domain.keyring import Holder
from gateway.domain.virtual_key import PREFIX, parse
from gateway.store.key_rows import KeptKey, KeyRows
from gateway.store.key_snapshot import snapshot_of
from gateway.store.pepper import Peppers
from gateway.store.static_keys import StaticKeys
from gateway.store.virtual_keys import VirtualKeys
from tests.cpu_time import cpu_s_in_turn
from tests.keys import NOW_S, PEPPER, a_key_text, a_stored_key, peppers

_KEY = a_key_text()
_OTHER_PEPPER = "v2:" + "another!" * 4


def _rows(*texts: str, pepper: Peppers | None = None, **changes: object) -> KeyRows:
    pepper = pepper or peppers()
    return KeyRows(
        keys=tuple(
            KeptKey(
                key=a_stored_key(id=parse(text), pepper_version=pepper.latest, **changes), digest=pepper.digest(text)
            )
            for text in texts
        ),
        holders=(Holder(team="off", disabled_at=NOW_S),),
    )


def _knowing(rows: KeyRows, pepper: Peppers | None = None) -> VirtualKeys:
    keys = VirtualKeys(StaticKeys(["static"]), pepper or peppers(), now=lambda: NOW_S)
    keys.put_in_force(snapshot_of(rows))
    return keys


def test_a_known_key_is_its_caller() -> None:
    caller = _knowing(_rows(_KEY, a_key_text(), team="claims", tags=("eu",))).authenticate(_KEY)

    assert (caller.key_id, caller.team, caller.tags) == (parse(_KEY), "claims", ("eu",))


def test_the_keys_of_the_settings_work_beside_them() -> None:
    keys = _knowing(_rows(_KEY))

    assert keys.authenticate("static") == StaticKeys(["static"]).authenticate("static")
    with pytest.raises(AuthenticationError, match="send `Authorization: Bearer`"):
        keys.authenticate(None)
    with pytest.raises(UnknownKeyError):
        keys.authenticate("other")


@pytest.mark.parametrize("text", [PREFIX, _KEY[:-1], _KEY + "a", _KEY[:-1] + "\udcff", PREFIX + "x" * 10_000])
def test_a_malformed_key_dies_before_anything_is_looked_up(text: str) -> None:
    keys = VirtualKeys(StaticKeys([]), peppers(), now=lambda: NOW_S)  # it has no snapshot to look into

    with pytest.raises(UnknownKeyError, match="is not whole") as caught:
        keys.authenticate(text)

    assert text not in str(caught.value)


def test_an_unknown_key_is_refused_without_repeating_it() -> None:
    with pytest.raises(UnknownKeyError) as caught:
        _knowing(_rows(a_key_text())).authenticate(_KEY)

    assert str(caught.value) == "the API key is not one the gateway knows"


def test_the_public_id_of_a_known_key_opens_nothing() -> None:
    known = a_key_text()
    rows = _rows(known)
    stolen_id = KeyRows(keys=(KeptKey(key=a_stored_key(id=parse(_KEY)), digest=rows.keys[0].digest),))

    with pytest.raises(UnknownKeyError, match="not one the gateway knows"):
        _knowing(stolen_id).authenticate(_KEY)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"revoked_at": NOW_S}, "was revoked"),
        ({"disabled_at": NOW_S}, "is disabled"),
        ({"expires_at": NOW_S}, "expired on 2026-09-21"),
        ({"team": "off"}, "team of the API key is disabled"),
    ],
)
def test_why_a_key_is_of_no_use_is_told_to_who_holds_the_whole_of_it_only(changes: dict[str, Any], why: str) -> None:
    keys = _knowing(_rows(_KEY, **changes))
    same_id = _knowing(
        KeyRows(keys=(KeptKey(key=a_stored_key(id=parse(_KEY), **changes), digest=peppers().digest(a_key_text())),))
    )

    with pytest.raises(InactiveKeyError, match=why):
        keys.authenticate(_KEY)
    with pytest.raises(UnknownKeyError, match="not one the gateway knows"):
        same_id.authenticate(_KEY)
    assert not keys.take_uses()


def test_a_key_expires_by_the_clock_with_nobody_changing_it() -> None:
    now = [NOW_S]
    keys = VirtualKeys(StaticKeys([]), peppers(), now=lambda: now[0])
    keys.put_in_force(snapshot_of(_rows(_KEY, expires_at=NOW_S + 1)))

    keys.authenticate(_KEY)
    now[0] += 1

    with pytest.raises(InactiveKeyError):
        keys.authenticate(_KEY)


def test_before_the_keys_were_read_nobody_is_told_that_a_key_is_bad() -> None:
    keys = VirtualKeys(StaticKeys([]), peppers(), now=lambda: NOW_S)

    with pytest.raises(KeysUnavailableError) as caught:
        keys.authenticate(_KEY)

    assert caught.value.retry_after_s == 1.0


def test_a_key_of_an_older_pepper_works_until_that_is_taken_away() -> None:
    rows = _rows(_KEY)

    _knowing(rows, Peppers.parse(f"{PEPPER},{_OTHER_PEPPER}")).authenticate(_KEY)

    with pytest.raises(UnknownKeyError):
        _knowing(rows, Peppers.parse(_OTHER_PEPPER)).authenticate(_KEY)


def test_when_keys_were_last_used_is_taken_once() -> None:
    keys = _knowing(_rows(_KEY))
    keys.authenticate(_KEY)
    keys.authenticate(_KEY)

    assert keys.take_uses() == {parse(_KEY): NOW_S}
    assert keys.take_uses() == {}


def test_no_key_is_kept_as_text() -> None:
    keys = _knowing(_rows(_KEY))
    keys.authenticate(_KEY)

    assert _KEY not in repr(vars(keys))


def _refuse(keys: VirtualKeys, text: str) -> None:
    try:
        keys.authenticate(text)
    except UnknownKeyError:
        return
    raise AssertionError


def _once_ns(keys: VirtualKeys, text: str) -> int:
    started_ns = time.perf_counter_ns()
    _refuse(keys, text)
    return time.perf_counter_ns() - started_ns


def test_an_unknown_id_takes_as_long_as_a_known_one_with_a_wrong_secret() -> None:
    texts = [a_key_text() for _ in range(500)]
    others = peppers().digest(a_key_text())
    known = KeyRows(keys=tuple(KeptKey(key=a_stored_key(id=parse(text)), digest=others) for text in texts))
    keys, unknown = _knowing(known), [a_key_text() for _ in range(500)]

    pairs = [(_once_ns(keys, one), _once_ns(keys, other)) for one, other in zip(texts * 8, unknown * 8, strict=True)]
    known_ns, unknown_ns = (median(times) for times in zip(*pairs, strict=True))

    assert 0.8 < unknown_ns / known_ns < 1.25


def test_authenticating_takes_a_few_times_what_its_one_digest_does() -> None:
    keys, pepper = _knowing(_rows(_KEY, *(a_key_text() for _ in range(1_000)))), peppers()
    digest = pepper.digest(_KEY)

    def authenticate() -> None:
        for _ in range(2_000):
            keys.authenticate(_KEY)

    def match() -> None:
        for _ in range(2_000):
            pepper.matches(_KEY, pepper.latest, digest)

    ours_s, digests_s = cpu_s_in_turn(authenticate, match)

    assert ours_s < 5 * digests_s


def test_the_callers_are_those_whose_keys_are_good() -> None:
    good, off = _rows(a_key_text(), team="claims"), _rows(a_key_text(), team="off")
    keys = _knowing(KeyRows(keys=(*good.keys, *off.keys), holders=off.holders))

    assert [caller.team for caller in keys.callers()] == ["claims"]
    assert VirtualKeys(StaticKeys([]), peppers(), now=lambda: NOW_S).callers() == []
