"""Keys are made, changed and read alike on SQLite and on PostgreSQL."""

import threading
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, delete, select

from gateway.domain.allowances import NO_LIMITS, BudgetTerms, Limits
from gateway.domain.key_acts import KeyStateError, KeyTerms, NoSuchKeyError
from gateway.domain.key_names import KeyTermsError
from gateway.domain.keyring import Holder, StoredKey
from gateway.domain.virtual_key import parse
from gateway.store.holder_admin import set_holder
from gateway.store.key_admin import create_key, disable_key, enable_key, revoke_key, rotate_key
from gateway.store.key_listing import find_key, list_apps, list_keys, list_teams
from gateway.store.key_source import KeySource, KeysUnreadableError, open_key_source
from gateway.store.key_tables import KEY_CHANGES, KEY_USES, VIRTUAL_KEYS
from tests.keys import NOW_S, TESTER, a_key_text, a_new_key, peppers

_LIMITS = Limits(requests_per_minute=60, tokens_per_day=10**12)
_BUDGETS = (BudgetTerms(period="month", limit_nano_usd=5 * 10**11, is_hard=False, alert_at=(0.5,)),)
_DAY_S = 86_400.0


@pytest.fixture
def source(url: str) -> Iterator[KeySource]:
    source = open_key_source(url)
    yield source
    source.close()


def _read(source: KeySource, after: int = -1) -> dict[str, StoredKey]:
    return {kept.key.id: kept.key for kept in source.read(after).keys}


def _served(key: StoredKey) -> StoredKey:
    """Of a key, what the serving process reads."""
    return replace(key, created_at=0.0, changed_at=0.0, replaces=None)


def test_a_new_key_is_read_with_all_that_it_was_made_with(engine: Engine, source: KeySource) -> None:
    made = a_new_key(
        engine,
        team="claims",
        app="bot",
        tags=("eu", "Ü"),
        models=("auto",),
        limits=_LIMITS,
        budgets=_BUDGETS,
        expires_at=NOW_S + 0.25,
    )

    (kept,) = source.read(-1).keys
    assert kept.key == _served(made.key)
    assert kept.key.id == parse(made.text)
    assert peppers().matches(made.text, kept.key.pepper_version, kept.digest)
    assert (kept.key.limits, kept.key.budgets, kept.key.expires_at) == (_LIMITS, _BUDGETS, NOW_S + 0.25)
    assert [holder.owner for holder in made.new_holders] == ["team:claims", "app:claims/bot"]
    assert {holder.owner for holder in source.read(-1).holders} == {"team:claims", "app:claims/bot"}


def test_a_key_of_nothing_in_particular_may_do_everything(engine: Engine, source: KeySource) -> None:
    made = a_new_key(engine)

    (key,) = _read(source).values()
    assert (key.team, key.app, key.tags, key.models) == ("", "", (), None)
    assert (key.limits, key.budgets, key.expires_at) == (NO_LIMITS, (), None)
    assert made.new_holders == ()
    assert list_teams(engine) == []


def test_no_row_holds_the_key(engine: Engine) -> None:
    made = a_new_key(engine, team="claims")

    with engine.connect() as connection:
        rows = [repr(row) for row in connection.execute(select(VIRTUAL_KEYS)).all()]
    assert made.text not in "".join(rows)
    assert made.text[20:40] not in "".join(rows)
    assert made.text not in repr(made)


def test_only_what_was_changed_since_is_read(engine: Engine, source: KeySource) -> None:
    first, second = a_new_key(engine, team="claims"), a_new_key(engine, team="claims")
    number = source.number()

    revoke_key(engine, first.key.id, actor=TESTER, now_s=NOW_S)

    assert number == 2
    assert source.number() == 3
    assert _read(source, number) == {first.key.id: _served(find_key(engine, first.key.id).key)}
    assert source.read(number).holders == ()
    assert set(_read(source)) == {first.key.id, second.key.id}


def test_changes_at_the_same_time_take_turns_and_none_is_passed_over(engine: Engine, source: KeySource) -> None:
    seen: set[str] = set()
    number = -1
    workers = [threading.Thread(target=lambda: [a_new_key(engine, team="claims") for _ in range(10)]) for _ in range(4)]

    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers) or number < 40:
        reached = source.number()
        seen |= set(_read(source, number))
        number = reached

    assert number == 40
    assert seen == {listed.key.id for listed in list_keys(engine)}
    assert len(seen) == 40


def test_what_fails_changes_nothing(engine: Engine, source: KeySource) -> None:
    a_new_key(engine)

    with pytest.raises(NoSuchKeyError):
        revoke_key(engine, "nobodys", actor=TESTER, now_s=NOW_S)

    assert source.number() == 1


def test_a_key_is_revoked_for_good(engine: Engine) -> None:
    key = a_new_key(engine).key

    change = revoke_key(engine, key.id, actor=TESTER, now_s=NOW_S + 1)
    again = revoke_key(engine, key.id, actor=TESTER, now_s=NOW_S + 2)

    assert change.before == key
    assert change.after == replace(key, revoked_at=NOW_S + 1, changed_at=NOW_S + 1)
    assert again.before == again.after == change.after
    for act in (enable_key, disable_key):
        with pytest.raises(KeyStateError, match="is revoked, for good"):
            act(engine, key.id, actor=TESTER, now_s=NOW_S)
    with pytest.raises(KeyStateError, match="is revoked: there is nothing to rotate"):
        rotate_key(engine, peppers(), key.id, overlap_s=1.0, actor=TESTER, now_s=NOW_S)


def test_a_disabled_key_is_enabled_as_it_was(engine: Engine) -> None:
    key = a_new_key(engine).key

    disabled = disable_key(engine, key.id, actor=TESTER, now_s=NOW_S + 1).after
    enabled = enable_key(engine, key.id, actor=TESTER, now_s=NOW_S + 2).after

    assert disabled.disabled_at == NOW_S + 1
    assert enabled == replace(key, changed_at=NOW_S + 2)


def test_a_key_that_somebody_found_is_revoked_by_itself(engine: Engine) -> None:
    made = a_new_key(engine)

    assert find_key(engine, made.text).key == made.key
    assert revoke_key(engine, made.text, actor=TESTER, now_s=NOW_S).after.id == made.key.id


def test_a_key_that_is_nobodys_is_not_repeated(engine: Engine) -> None:
    for text in (a_key_text(), a_key_text()[:-1]):
        with pytest.raises(NoSuchKeyError, match="of that text") as caught:
            find_key(engine, text)
        assert text not in str(caught.value)


def test_a_rotated_key_has_the_same_terms_and_the_old_one_expires_after_the_overlap(
    engine: Engine, source: KeySource
) -> None:
    old = a_new_key(engine, team="claims", tags=("eu",), models=("auto",), limits=_LIMITS, budgets=_BUDGETS)

    new = rotate_key(engine, peppers(), old.key.id, overlap_s=_DAY_S, actor=TESTER, now_s=NOW_S + 5)

    assert new.retiring is not None
    assert (new.retiring.before, new.retiring.after.expires_at) == (old.key, NOW_S + 5 + _DAY_S)
    unlike = {"id": new.key.id, "last4": new.key.last4, "created_at": NOW_S + 5, "changed_at": NOW_S + 5}
    assert new.key == replace(old.key, **unlike, replaces=old.key.id)
    assert new.text != old.text
    assert set(_read(source, after=1)) == {old.key.id, new.key.id}


def test_a_rotated_key_lives_as_long_as_the_old_one_was_given_unless_it_is_said(engine: Engine) -> None:
    old = a_new_key(engine, expires_at=NOW_S + 10 * _DAY_S).key
    later = NOW_S + 9.5 * _DAY_S

    new = rotate_key(engine, peppers(), old.id, overlap_s=_DAY_S, actor=TESTER, now_s=later)
    never = rotate_key(engine, peppers(), new.key.id, overlap_s=_DAY_S, expires_at=None, actor=TESTER, now_s=later)

    assert new.key.expires_at == later + 10 * _DAY_S
    assert find_key(engine, old.id).key.expires_at == old.expires_at  # before the overlap would end
    assert never.key.expires_at is None


def test_a_key_is_rotated_once(engine: Engine) -> None:
    old = a_new_key(engine).key
    new = rotate_key(engine, peppers(), old.id, overlap_s=_DAY_S, actor=TESTER, now_s=NOW_S).key

    with pytest.raises(KeyStateError, match=f"was rotated already, to '{new.id}'"):
        rotate_key(engine, peppers(), old.id, overlap_s=_DAY_S, actor=TESTER, now_s=NOW_S)

    revoke_key(engine, new.id, actor=TESTER, now_s=NOW_S)
    rotate_key(engine, peppers(), old.id, overlap_s=_DAY_S, actor=TESTER, now_s=NOW_S)


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        (KeyTerms(app="bot"), "of no team"),
        (KeyTerms(team="a/b"), "'/' or ':'"),
        (KeyTerms(expires_at=NOW_S), "is past"),
        (KeyTerms(models=()), "no model"),
    ],
)
def test_terms_that_cannot_be_are_refused(engine: Engine, terms: KeyTerms, why: str) -> None:
    with pytest.raises(KeyTermsError, match=why):
        create_key(engine, peppers(), terms, actor=TESTER, now_s=NOW_S)

    assert list_keys(engine) == []


def test_what_a_team_may_use_is_set_one_thing_at_a_time(engine: Engine, source: KeySource) -> None:
    made = set_holder(engine, "claims", limits=lambda _: _LIMITS, actor=TESTER, now_s=NOW_S)
    also = set_holder(engine, "claims", budgets=_BUDGETS, is_disabled=True, actor=TESTER, now_s=NOW_S + 1)
    back = set_holder(engine, "claims", is_disabled=False, actor=TESTER, now_s=NOW_S + 2)

    assert made.before is None
    assert made.after == Holder(team="claims", limits=_LIMITS, created_at=NOW_S, changed_at=NOW_S)
    assert also.before == made.after
    assert also.after == replace(made.after, budgets=_BUDGETS, disabled_at=NOW_S + 1, changed_at=NOW_S + 1)
    assert list_teams(engine) == [back.after]
    assert source.read(2).holders == (Holder(team="claims", limits=_LIMITS, budgets=_BUDGETS),)


def test_an_application_brings_its_team_with_it(engine: Engine, source: KeySource) -> None:
    change = set_holder(engine, "claims", "bot", limits=lambda _: _LIMITS, actor=TESTER, now_s=NOW_S)

    assert change.after.owner == "app:claims/bot"
    assert [team.owner for team in list_teams(engine)] == ["team:claims"]
    assert list_apps(engine) == list_apps(engine, team="claims") == [change.after]
    assert list_apps(engine, team="sales") == []
    assert {holder.owner for holder in source.read(-1).holders} == {"team:claims", "app:claims/bot"}


def test_keys_are_listed_by_team_and_application_the_latest_first(engine: Engine) -> None:
    for number, (team, app) in enumerate([("claims", "bot"), ("claims", ""), ("sales", "bot")]):
        create_key(engine, peppers(), KeyTerms(team=team, app=app), actor=TESTER, now_s=NOW_S + number)

    assert [listed.key.team for listed in list_keys(engine)] == ["sales", "claims", "claims"]
    assert [listed.key.app for listed in list_keys(engine, team="claims")] == ["", "bot"]
    assert [listed.key.team for listed in list_keys(engine, team="claims", app="bot")] == ["claims"]


def test_the_latest_use_of_a_key_stays_whoever_writes_it_last(engine: Engine, source: KeySource) -> None:
    key = a_new_key(engine).key
    assert find_key(engine, key.id).last_used_at is None

    for at_s in (NOW_S + 2.5, NOW_S + 1):
        source.write_uses({key.id: at_s, "of-no-key": at_s})

    assert find_key(engine, key.id).last_used_at == NOW_S + 2.5
    assert source.number() == 1
    with engine.connect() as connection:
        assert len(connection.execute(select(KEY_USES)).all()) == 2


def test_a_source_goes_on_after_a_failure(engine: Engine, source: KeySource, url: str) -> None:
    a_new_key(engine)
    source.number()
    source.close()

    assert source.number() == 1
    with engine.begin() as connection:
        connection.execute(delete(KEY_CHANGES))
    with pytest.raises(KeysUnreadableError, match="lost its row"):
        source.number()
