import logging
import time
from collections.abc import Mapping

import pytest

from gateway.store.key_rows import KeptKey, KeyRows
from gateway.store.key_source import KeysUnreadableError
from gateway.store.key_watch import FULL_LOOK_S, TOLD_AFTER_S, USES_S, KeyWatch
from gateway.store.pepper import PepperError
from gateway.store.static_keys import StaticKeys
from gateway.store.virtual_keys import VirtualKeys
from tests.fakes import ManualClock
from tests.keys import NOW_S, a_key_text, a_stored_key, peppers


class Source:
    """`KeySource` of what a test puts in it."""

    def __init__(self, *keys: KeptKey) -> None:
        self.rows = KeyRows(keys=keys)
        self.changes = 1
        self.reads: list[int] = []
        self.uses: list[Mapping[str, float]] = []
        self.is_down = False
        self.is_closed = False

    def number(self) -> int:
        if self.is_down:
            raise KeysUnreadableError("it is down")
        return self.changes

    def read(self, after: int) -> KeyRows:
        self.reads.append(after)
        return self.rows

    def write_uses(self, uses: Mapping[str, float]) -> None:
        self.uses.append(uses)

    def close(self) -> None:
        self.is_closed = True


class Watched:
    def __init__(self, *keys: KeptKey, versions: tuple[str, ...] | None = None, poll_s: float = 60.0) -> None:
        self.source = Source(*keys)
        self.clock = ManualClock()
        self.keys = VirtualKeys(StaticKeys([]), peppers(), now=lambda: NOW_S)
        self.watch = KeyWatch(
            self.source,
            self.keys,
            peppers().versions if versions is None else versions,
            now=lambda: NOW_S,
            monotonic=self.clock.monotonic,
            poll_s=poll_s,
        )

    @property
    def known(self) -> set[str]:
        assert self.keys.snapshot is not None
        return set(self.keys.snapshot.entries)


def _kept(key_id: str, **changes: object) -> KeptKey:
    return KeptKey(key=a_stored_key(id=key_id, **changes), digest=b"")


def test_the_first_look_reads_everything_and_the_next_only_what_is_new() -> None:
    watched = Watched(_kept("a"))

    watched.watch.look()
    watched.watch.look()
    watched.source.changes, watched.source.rows = 2, KeyRows(keys=(_kept("b"),))
    watched.watch.look()

    assert watched.source.reads == [-1, 1]
    assert watched.known == {"a", "b"}
    assert watched.watch.known == 2


def test_now_and_then_everything_is_read_anew_so_that_what_was_deleted_by_hand_is_gone() -> None:
    watched = Watched(_kept("a"), _kept("b"))
    watched.watch.look()
    watched.source.rows = KeyRows(keys=(_kept("b"),))

    watched.watch.look()
    before = watched.known
    watched.clock.advance(FULL_LOOK_S)
    watched.watch.look()

    assert (before, watched.known) == ({"a", "b"}, {"b"})


def test_a_backup_that_was_put_back_is_read_whole() -> None:
    watched = Watched(_kept("a"))
    watched.source.changes = 7
    watched.watch.look()
    watched.source.changes, watched.source.rows = 3, KeyRows(keys=(_kept("b"),))

    watched.watch.look()

    assert watched.known == {"b"}


def test_while_the_database_is_down_the_last_snapshot_holds_and_its_age_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched = Watched(_kept("a"))
    watched.watch.look()
    watched.source.is_down = True

    with caplog.at_level(logging.INFO):
        for _ in range(3):
            watched.clock.advance(TOLD_AFTER_S)
            watched.watch.look()
        age_s = watched.watch.age_s
        watched.source.is_down = False
        watched.watch.look()

    assert watched.known == {"a"}
    assert (age_s, watched.watch.age_s) == (3 * TOLD_AFTER_S, 0.0)
    assert [record.message for record in caplog.records] == [
        "the keys cannot be read, those known stay in force: it is down",
        "the keys can be read again",
    ]


def test_a_fault_of_ours_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(_kept("a"))
    watched.watch.look()
    watched.source.changes, watched.source.rows = 2, None  # type: ignore[assignment]  # a fault

    watched.watch.look()

    assert "unexpected failure while reading the keys" in caplog.text
    assert watched.known == {"a"}


def test_a_start_without_a_database_goes_on_without_keys() -> None:
    watched = Watched()
    watched.source.is_down = True

    watched.watch.start()
    watched.watch.close()

    assert watched.keys.snapshot is None
    assert watched.watch.known == 0


def test_a_start_with_keys_that_want_another_pepper_is_refused_with_the_next_step() -> None:
    watched = Watched(_kept("a", pepper_version="v1-ffffff"), versions=())

    with pytest.raises(PepperError, match=r"1 virtual keys .* \(given: none\): set SIZEWISE_KEY_PEPPER"):
        watched.watch.start()


@pytest.mark.parametrize("over", ["revoked_at", "expires_at", "disabled_at"])
def test_a_key_of_no_use_wants_no_pepper(over: str) -> None:
    watched = Watched(_kept("a", **{over: NOW_S, "pepper_version": "v1-ffffff"}), versions=())

    watched.watch.start()
    watched.watch.close()

    assert watched.watch.unverifiable == 0


def test_when_keys_were_used_is_written_once_a_minute_and_at_the_end() -> None:
    text = a_key_text()
    kept = KeptKey(key=a_stored_key(), digest=peppers().digest(text))
    watched = Watched(KeptKey(key=a_stored_key(id=text[8:18]), digest=kept.digest), poll_s=0.01)
    watched.watch.look()
    watched.keys.authenticate(text)

    watched.watch.look()
    before = list(watched.source.uses)
    watched.clock.advance(USES_S)
    watched.watch.look()
    once = list(watched.source.uses)
    watched.keys.authenticate(text)
    watched.watch.start()
    watched.watch.close()

    assert (before, once) == ([], [{text[8:18]: NOW_S}])
    assert watched.source.uses == once * 2
    assert watched.source.is_closed


def test_a_change_is_in_force_soon_by_itself() -> None:
    watched = Watched(poll_s=0.01)
    watched.watch.start()
    watched.source.changes, watched.source.rows = 2, KeyRows(keys=(_kept("b"),))

    deadline_s = time.monotonic() + 10
    while not watched.known and time.monotonic() < deadline_s:
        time.sleep(0.01)
    watched.watch.close()

    assert watched.known == {"b"}
