"""Keeps the keys in memory up to date with the database, on a thread of its own.

A change is in force within POLL_S and the time of one reading. While the database cannot be read the last snapshot
holds, however old: requests of good keys are worth more than the revocation nobody can write meanwhile. How old it is
is a metric, with an alert.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection

from gateway.store.key_snapshot import Snapshot, snapshot_of, updated
from gateway.store.key_source import KeySource, KeysUnreadableError
from gateway.store.pepper import PEPPER_VARIABLE, PepperError
from gateway.store.virtual_keys import VirtualKeys

POLL_S = 1.0
FULL_LOOK_S = 60.0
"""For what was changed past us: rows that somebody deleted or edited by hand, a backup that was put back."""
USES_S = 60.0
TOLD_AFTER_S = 5.0
"""A failure that is over before is told nobody: a new database has no tables for a second or so."""
_LAST_WORDS_S = 5.0

logger = logging.getLogger(__name__)


class KeyWatch:
    """`pepper_versions`: those there are; `monotonic` in seconds. `start` before the first request, `close` at the end.

    source  used by one thread at a time
    """

    def __init__(
        self,
        source: KeySource,
        keys: VirtualKeys,
        pepper_versions: Collection[str],
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        poll_s: float = POLL_S,
    ) -> None:
        self._source = source
        self._keys = keys
        self._pepper_versions = pepper_versions
        self._now = now
        self._monotonic = monotonic
        self._poll_s = poll_s
        self._number = -1
        self._read_at_s = self._uses_at_s = monotonic()
        self._full_look_at_s = float("-inf")
        self._is_failing = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="key-watch", daemon=True)
        self.unverifiable = 0
        """Active keys digested with a pepper that is not among those given."""

    @property
    def age_s(self) -> float:
        """Seconds since the database was last asked, and answered."""
        return self._monotonic() - self._read_at_s

    @property
    def known(self) -> int:
        """Keys in memory, of no use any more among them."""
        snapshot = self._keys.snapshot
        return 0 if snapshot is None else len(snapshot.entries)

    def start(self) -> None:
        """Read the keys, if that can be done now, and go on doing so. Raises PepperError where a key wants another."""
        self.look()
        if self.unverifiable:
            raise PepperError(self._wants_pepper())
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(_LAST_WORDS_S)

    def look(self) -> None:
        """Put in force what is new in the database; a failure that lasts is logged once, until it is over."""
        try:
            self._refresh()
            self._write_uses(is_last=False)
        except KeysUnreadableError as error:
            if not self._is_failing and self.age_s >= TOLD_AFTER_S:
                self._is_failing = True
                logger.warning("the keys cannot be read, those known stay in force: %s", error)
        except Exception:
            logger.exception("unexpected failure while reading the keys, those known stay in force")
        else:
            if self._is_failing:
                logger.info("the keys can be read again")
            self._is_failing = False

    def _run(self) -> None:
        while not self._closing.wait(self._poll_s):
            self.look()
        try:
            self._write_uses(is_last=True)
        except KeysUnreadableError as error:
            logger.warning("when keys were last used was not written down: %s", error)
        self._source.close()

    def _refresh(self) -> None:
        now_s = self._monotonic()
        number = self._source.number()  # first: what is changed from here on is found by the next look
        known = self._keys.snapshot
        is_full = known is None or number < self._number or now_s - self._full_look_at_s >= FULL_LOOK_S
        if known is None or is_full:
            self._put_in_force(snapshot_of(self._source.read(-1)))
            self._full_look_at_s = now_s
        elif number != self._number:
            self._put_in_force(updated(known, self._source.read(self._number)))
        self._number = number
        self._read_at_s = self._monotonic()

    def _put_in_force(self, snapshot: Snapshot) -> None:
        self._keys.put_in_force(snapshot)
        now_s, before = self._now(), self.unverifiable
        self.unverifiable = sum(
            entry.key.pepper_version not in self._pepper_versions and entry.key.state(now_s) == "active"
            for entry in snapshot.entries.values()
        )
        if self.unverifiable > before and self._thread.is_alive():
            logger.error("%s", self._wants_pepper())

    def _wants_pepper(self) -> str:
        given = ", ".join(map(repr, sorted(self._pepper_versions))) or "none"
        return (
            f"{self.unverifiable} virtual keys were made with a pepper that is not given (given: {given}): set"
            f" {PEPPER_VARIABLE} to what it was when they were made, or revoke them; `sizewise keys list` shows which"
        )

    def _write_uses(self, *, is_last: bool) -> None:
        now_s = self._monotonic()
        if is_last or now_s - self._uses_at_s >= USES_S:
            self._uses_at_s = now_s
            if uses := self._keys.take_uses():
                self._source.write_uses(uses)
