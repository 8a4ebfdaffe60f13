"""`KeyStore` of the virtual keys, with those of the settings beside them; it asks nobody while a request waits."""

from collections.abc import Callable, Mapping
from typing import Final

from gateway.domain.errors import InactiveKeyError, KeysUnavailableError, UnknownKeyError
from gateway.domain.keyring import StoredKey, expiry_told, has_expired
from gateway.domain.request import NOBODY, Caller
from gateway.domain.virtual_key import claims_to_be_one, parse
from gateway.store.key_snapshot import Entry, Snapshot
from gateway.store.pepper import Peppers
from gateway.store.static_keys import StaticKeys

_MALFORMED: Final = "the API key is not whole: it was cut off or mistyped; copy it again"
_UNKNOWN: Final = "the API key is not one the gateway knows"
_UNREAD: Final = "the gateway has not read its API keys yet; try again in a moment"
_RETRY_AFTER_S: Final = 1.0
_OF_NOBODY: Final = Entry(key=StoredKey(id="", last4="", pepper_version=""), digest=bytes(32), caller=NOBODY)
"""What a key of an unknown id is checked against: that takes as long as with any other."""


class VirtualKeys:
    """Checks keys against the snapshot in force. One thread authenticates, another puts snapshots in force.

    now  Unix time, in seconds
    """

    def __init__(self, static: StaticKeys, peppers: Peppers, *, now: Callable[[], float]) -> None:
        self._static = static
        self._peppers = peppers
        self._now = now
        self._snapshot: Snapshot | None = None
        self._uses: dict[str, float] = {}

    @property
    def snapshot(self) -> Snapshot | None:
        """None: the keys could not be read yet."""
        return self._snapshot

    def callers(self) -> list[Caller]:
        """Whoever has a key that is kept and is good, or was until it expired."""
        entries = {} if self._snapshot is None else self._snapshot.entries
        return [entry.caller for entry in entries.values() if entry.refusal is None]

    def put_in_force(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def authenticate(self, credential: str | None) -> Caller:
        if credential is None or not claims_to_be_one(credential):
            return self._static.authenticate(credential)
        key_id = parse(credential)
        if key_id is None:
            raise UnknownKeyError(_MALFORMED)
        if self._snapshot is None:
            raise KeysUnavailableError(_UNREAD, retry_after_s=_RETRY_AFTER_S)
        entry = self._snapshot.entries.get(key_id, _OF_NOBODY)
        key = entry.key
        if not self._peppers.matches(credential, key.pepper_version, entry.digest):
            raise UnknownKeyError(_UNKNOWN)
        if entry.refusal is not None:
            raise InactiveKeyError(entry.refusal)
        now_s = self._now()
        if key.expires_at is not None and has_expired(key.expires_at, now_s):
            raise InactiveKeyError(expiry_told(key.expires_at))
        self._uses[key_id] = now_s
        return entry.caller

    def take_uses(self) -> Mapping[str, float]:
        """Public id → when it was last used, of those used since this was last asked.

        A use noted in the very moment may be left out: the next use of the key tells it.
        """
        uses, self._uses = self._uses, {}
        return uses.copy()
