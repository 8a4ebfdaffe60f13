from gateway.domain.allowances import Limits
from gateway.domain.keyring import Holder
from gateway.store.key_rows import KeptKey, KeyRows
from gateway.store.key_snapshot import NO_KEYS, snapshot_of, updated
from tests.keys import NOW_S, a_stored_key

_LIMITS = Limits(concurrent=3)


def _kept(key_id: str, **changes: object) -> KeptKey:
    return KeptKey(key=a_stored_key(id=key_id, **changes), digest=key_id.encode())


def test_all_rows_make_a_snapshot() -> None:
    snapshot = snapshot_of(KeyRows(keys=(_kept("a"), _kept("b", revoked_at=NOW_S))))

    assert {key_id: entry.refusal for key_id, entry in snapshot.entries.items()} == {
        "a": None,
        "b": "the API key was revoked; ask for a new one",
    }
    assert snapshot.entries["a"].digest == b"a"
    assert snapshot.entries["a"].caller.key_id == "a"


def test_what_did_not_change_is_the_same_object() -> None:
    before = snapshot_of(KeyRows(keys=(_kept("a"), _kept("b"))))

    after = updated(before, KeyRows(keys=(_kept("b", disabled_at=NOW_S),)))

    assert after.entries["a"] is before.entries["a"]
    assert (before.entries["b"].refusal, after.entries["b"].refusal is None) == (None, False)


def test_a_change_of_a_team_reaches_its_keys_and_no_others() -> None:
    keys = (_kept("a", team="claims"), _kept("b", team="claims", app="bot"), _kept("c", team="sales"), _kept("d"))
    before = snapshot_of(KeyRows(keys=keys, holders=(Holder(team="claims"), Holder(team="sales"))))

    after = updated(before, KeyRows(holders=(Holder(team="claims", limits=_LIMITS, disabled_at=NOW_S),)))

    reached = {key_id for key_id, entry in after.entries.items() if entry is not before.entries[key_id]}
    assert reached == {"a", "b"}
    assert [each.owner for each in after.entries["b"].caller.allowances] == ["team:claims"]
    assert after.entries["a"].refusal == "the team of the API key is disabled"


def test_a_change_of_an_application_reaches_its_keys_only() -> None:
    keys = (_kept("a", team="claims"), _kept("b", team="claims", app="bot"))
    before = snapshot_of(KeyRows(keys=keys))

    after = updated(before, KeyRows(holders=(Holder(team="claims", app="bot", limits=_LIMITS),)))

    assert after.entries["a"] is before.entries["a"]
    assert [each.owner for each in after.entries["b"].caller.allowances] == ["app:claims/bot"]


def test_an_application_is_not_taken_for_that_of_another_team() -> None:
    holders = (Holder(team="sales", app="bot", disabled_at=NOW_S),)

    snapshot = snapshot_of(KeyRows(keys=(_kept("a", team="claims", app="bot"),), holders=holders))

    assert snapshot.entries["a"].refusal is None


def test_the_snapshot_of_nothing_has_no_keys() -> None:
    assert snapshot_of(KeyRows()) == NO_KEYS
