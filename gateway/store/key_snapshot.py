"""All keys as the serving process knows them at one moment: a value, made anew when something changed."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from gateway.domain.keyring import Holder, StoredKey, caller_of, refusal
from gateway.domain.request import Caller
from gateway.store.key_rows import KeptKey, KeyRows


class Entry(Struct, frozen=True, kw_only=True):
    """What a key is checked against, and whose it is. `refusal`: why it is of no use, but for its expiry."""

    key: StoredKey
    digest: bytes
    caller: Caller
    refusal: str | None = None


class Snapshot(Struct, frozen=True, kw_only=True):
    """`entries` by public id; `holders` by team and application, "" for the team itself."""

    entries: Mapping[str, Entry] = {}
    holders: Mapping[tuple[str, str], Holder] = {}


NO_KEYS: Final = Snapshot()


def snapshot_of(rows: KeyRows) -> Snapshot:
    """Of all rows there are."""
    return updated(NO_KEYS, rows)


def updated(snapshot: Snapshot, rows: KeyRows) -> Snapshot:
    """With these rows in the place of those of the same names; a key whose holder changed is made anew, too."""
    holders = {**snapshot.holders, **{(each.team, each.app): each for each in rows.holders}}
    changed = {(each.team, each.app) for each in rows.holders if snapshot.holders.get((each.team, each.app)) != each}
    entries = dict(snapshot.entries)
    if changed:
        for key_id, entry in snapshot.entries.items():
            if not changed.isdisjoint(_holder_names(entry.key)):
                entries[key_id] = _entry(KeptKey(key=entry.key, digest=entry.digest), holders)
    for kept in rows.keys:
        entries[kept.key.id] = _entry(kept, holders)
    return Snapshot(entries=entries, holders=holders)


def _entry(kept: KeptKey, holders: Mapping[tuple[str, str], Holder]) -> Entry:
    of_key = tuple(holders[name] for name in _holder_names(kept.key) if name in holders)
    return Entry(
        key=kept.key,
        digest=kept.digest,
        caller=caller_of(kept.key, of_key),
        refusal=refusal(kept.key, of_key),
    )


def _holder_names(key: StoredKey) -> tuple[tuple[str, str], ...]:
    """Its team, and its application where it has one."""
    return ((key.team, ""), (key.team, key.app)) if key.app else ((key.team, ""),)
