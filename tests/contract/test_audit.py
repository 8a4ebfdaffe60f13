"""What is done is written down, once, in the same transaction, and stays: on SQLite and on PostgreSQL."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import SQLAlchemyError

from gateway.domain.acts import Actor, AuditEntry
from gateway.domain.key_acts import KeyStateError, KeyTerms, NoSuchKeyError
from gateway.domain.key_names import KeyTermsError
from gateway.store.audit import list_entries
from gateway.store.audit_tables import AUDIT
from gateway.store.holder_admin import set_holder
from gateway.store.key_admin import create_key, disable_key, enable_key, revoke_key, rotate_key, set_key
from gateway.store.key_listing import list_keys
from tests.admin import CALLS, KEYS, Reply, ask, assembled, same_log_level
from tests.keys import NOW_S, TESTER, a_key_text, a_new_key, peppers

_ADA = Actor(name="ada", origin="admin", role="admin", request_id="req-1")
_REFUSED_STATEMENTS = (
    "UPDATE audit SET actor = 'somebody else'",
    "DELETE FROM audit",
    "REPLACE INTO audit SELECT * FROM audit",
    "TRUNCATE audit",
)


@pytest.fixture
def app(url: str, tmp_path: Path) -> Iterator[FastAPI]:
    with same_log_level():
        yield assembled(tmp_path, url).admin_plane


def _entries(engine: Engine) -> Sequence[AuditEntry]:
    """The earliest first."""
    return list_entries(engine, limit=1_000)[::-1]


def _as_json(value: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def test_each_act_is_written_down_with_what_was_before_and_after(engine: Engine) -> None:
    made = create_key(engine, peppers(), KeyTerms(team="claims"), actor=_ADA, now_s=NOW_S)
    key = made.key
    off = disable_key(engine, key.id, actor=TESTER, now_s=NOW_S + 1)
    on = enable_key(engine, key.id, actor=TESTER, now_s=NOW_S + 2)
    limited = set_key(engine, key.id, models=("auto",), actor=TESTER, now_s=NOW_S + 3)
    rotated = rotate_key(engine, peppers(), key.id, overlap_s=60.0, actor=TESTER, now_s=NOW_S + 4)
    revoked = revoke_key(engine, key.id, actor=TESTER, now_s=NOW_S + 5)
    team = set_holder(engine, "claims", is_disabled=True, actor=TESTER, now_s=NOW_S + 6)
    app = set_holder(engine, "claims", "bot", actor=TESTER, now_s=NOW_S + 7)

    entries = _entries(engine)
    changes = [off, on, limited, None, revoked, team, app]
    assert [entry.act for entry in entries] == [
        *("key.create", "key.disable", "key.enable", "key.set", "key.rotate", "key.revoke", "team.set", "app.set")
    ]
    assert [entry.at for entry in entries] == [NOW_S + seconds for seconds in range(8)]
    first = entries[0]
    assert (first.actor, first.origin, first.role, first.request_id) == ("ada", "admin", "admin", "req-1")
    assert (first.before, first.after) == (None, {**_as_json(key), "new_holders": ["team:claims"]})
    for entry, change in zip(entries[1:], changes, strict=True):
        assert (entry.actor, entry.origin, entry.role, entry.request_id) == ("test", "cli", None, None)
        if change is not None:
            assert (entry.before, entry.after) == (
                _as_json(change.before),
                _as_json(change.after),
            )
    assert entries[4].after["replaced_by"]["id"] == rotated.key.id
    assert [entry.target for entry in entries] == [*[f"key:{key.id}"] * 6, "team:claims", "app:claims/bot"]


def test_what_changes_nothing_is_written_down_as_that(engine: Engine) -> None:
    key = a_new_key(engine).key

    for act in (revoke_key, revoke_key):
        act(engine, key.id, actor=TESTER, now_s=NOW_S)

    again = _entries(engine)[-1]
    assert (again.act, again.before) == ("key.revoke", again.after)


def test_what_fails_leaves_nothing(engine: Engine) -> None:
    key = a_new_key(engine).key
    revoke_key(engine, key.id, actor=TESTER, now_s=NOW_S)
    before = _entries(engine)

    with pytest.raises(NoSuchKeyError):
        revoke_key(engine, "nobodys", actor=TESTER, now_s=NOW_S)
    for act in (disable_key, enable_key, set_key):
        with pytest.raises(KeyStateError):
            act(engine, key.id, actor=TESTER, now_s=NOW_S)
    with pytest.raises(KeyTermsError):
        create_key(engine, peppers(), KeyTerms(team="a/b"), actor=TESTER, now_s=NOW_S)
    with pytest.raises(KeyTermsError):
        set_holder(engine, "", actor=TESTER, now_s=NOW_S)

    assert _entries(engine) == before


def test_an_act_that_cannot_be_written_down_is_not_done(engine: Engine) -> None:
    key = a_new_key(engine).key
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO elsewhere"))

    with pytest.raises(SQLAlchemyError):
        revoke_key(engine, key.id, actor=TESTER, now_s=NOW_S)

    assert [listed.key for listed in list_keys(engine)] == [key]


@pytest.mark.parametrize("statement", _REFUSED_STATEMENTS)
def test_the_database_lets_nobody_change_a_row_or_take_one_out(engine: Engine, statement: str) -> None:
    a_new_key(engine)
    before = _entries(engine)

    with pytest.raises(SQLAlchemyError), engine.begin() as connection:
        connection.execute(text(statement))

    assert _entries(engine) == before
    assert len(before) == 1


def test_no_row_holds_a_key_or_its_digest(engine: Engine) -> None:
    made = a_new_key(engine, team="claims")
    rotated = rotate_key(engine, peppers(), made.text, overlap_s=1.0, actor=TESTER, now_s=NOW_S)
    revoke_key(engine, rotated.text, actor=TESTER, now_s=NOW_S)

    with engine.connect() as connection:
        rows = "".join(repr(row) for row in connection.execute(select(AUDIT)))
    for text_ in (made.text, rotated.text):
        assert text_[18:-4] not in rows
        assert peppers().digest(text_).hex() not in rows
    assert "digest" not in rows


def test_entries_are_found_by_who_what_when_and_to_what(engine: Engine) -> None:
    first = create_key(engine, peppers(), KeyTerms(), actor=_ADA, now_s=NOW_S).key
    second = create_key(engine, peppers(), KeyTerms(), actor=TESTER, now_s=NOW_S + 60).key
    revoke_key(engine, first.id, actor=TESTER, now_s=NOW_S + 120)

    def found(**filters: object) -> list[tuple[str, str]]:
        return [(each.act, each.target) for each in list_entries(engine, limit=10, **filters)]  # type: ignore[arg-type]

    one, two = f"key:{first.id}", f"key:{second.id}"
    assert found() == [("key.revoke", one), ("key.create", two), ("key.create", one)]
    assert found(actor="ada") == [("key.create", one)]
    assert found(act="key.revoke") == [("key.revoke", one)]
    assert found(target=two) == [("key.create", two)]
    assert found(since=datetime.fromtimestamp(NOW_S + 60, UTC)) == [("key.revoke", one), ("key.create", two)]
    assert found(before_id=_entries(engine)[1].id) == [("key.create", one)]


def test_every_route_that_changes_anything_leaves_one_row_and_no_other_leaves_any(app: FastAPI, engine: Engine) -> None:
    for name, call in CALLS.items():
        key = a_new_key(engine).key.id
        before = len(_entries(engine))

        reply = ask(app, name, (call.path or name.partition(" ")[2]).format(key=key), call.body)

        new = _entries(engine)[before:]
        assert reply.status == call.status, (name, reply.body)
        assert [entry.act for entry in new] == ([] if call.act is None else [call.act]), name
        for entry in new:
            assert (entry.actor, entry.role, entry.origin) == ("the-admin", "admin", "admin"), name
            assert entry.request_id == reply.headers["x-request-id"], name


def test_no_failure_leaves_a_row(app: FastAPI, engine: Engine, tmp_path: Path) -> None:
    revoked = a_new_key(engine).key.id
    revoke_key(engine, revoked, actor=TESTER, now_s=NOW_S)
    whole_key = a_key_text()
    (tmp_path / "policies" / "default.yaml").write_text("policies: [", encoding="utf-8")
    before = _entries(engine)
    failures = {
        ("POST", "/admin/keys", '{"team": "a/b"}', 422),
        ("POST", "/admin/keys", '{"expires_at": "2001-01-01T00:00:00Z"}', 422),
        ("POST", "/admin/keys", '{"limits": {"requests_per_minute": 0}}', 422),
        ("POST", "/admin/keys", '{"unknown": 1}', 422),
        ("POST", "/admin/keys", "{", 422),
        ("POST", "/admin/keys", '{"\\ud800": "\\ud800"}', 422),
        ("POST", "/admin/keys", "[" * 60_000, 400),
        ("POST", "/admin/keys", '{"team": "' + "x" * 70_000 + '"}', 413),
        ("PATCH", f"/admin/keys/{revoked}", '{"models": null}', 409),
        ("PATCH", "/admin/keys/nobodys", '{"models": null}', 404),
        ("PATCH", f"/admin/keys/{revoked}", '{"models": []}', 422),
        ("POST", f"/admin/keys/{revoked}/rotate", "{}", 409),
        ("POST", "/admin/keys/nobodys/rotate", "{}", 404),
        ("POST", "/admin/keys/nobodys/revoke", "", 404),
        ("POST", f"/admin/keys/{whole_key}/revoke", "", 422),
        ("POST", f"/admin/keys/{revoked}/disable", "", 409),
        ("POST", f"/admin/keys/{revoked}/enable", "", 409),
        ("PATCH", "/admin/teams/a:b", "{}", 422),
        ("PATCH", "/admin/teams/a/apps/b:c", "{}", 422),
        ("PUT", "/admin/log-level", '{"level": "loud"}', 422),
        ("POST", "/admin/policy/reload", "", 409),
    }

    replies: dict[tuple[str, str, str, int], Reply] = {
        failure: ask(app, failure[0], failure[1], failure[2].encode()) for failure in failures
    }

    assert [(failure, reply.body) for failure, reply in replies.items() if reply.status != failure[3]] == []
    assert all(whole_key.encode() not in reply.body for reply in replies.values())
    assert _entries(engine) == before


def test_who_is_known_and_asks_for_what_is_not_theirs_is_written_down(app: FastAPI, engine: Engine) -> None:
    known = ask(app, "POST", "/admin/keys/0123456789/revoke", key=KEYS["viewer"])
    unknown = ask(app, "POST", "/admin/keys/0123456789/revoke", key="of nobody")

    assert (known.status, unknown.status) == (403, 401)
    (entry,) = _entries(engine)
    assert (entry.actor, entry.role, entry.act) == ("the-viewer", "viewer", "refused")
    assert (entry.target, entry.after) == ("POST /admin/keys/{key_id}/revoke", {"needs": "operator"})


def test_keys_and_acts_are_listed_page_by_page(app: FastAPI, engine: Engine) -> None:
    for number in range(5):
        create_key(engine, peppers(), KeyTerms(team=f"t{number}", app="bot"), actor=TESTER, now_s=NOW_S + number // 2)
    wholes = {
        "/admin/keys": ("keys", "id"),
        "/admin/teams": ("teams", "team"),
        "/admin/apps": ("apps", "team"),
        "/admin/audit": ("entries", "id"),
    }

    for path, (listed, named) in wholes.items():
        whole = [each[named] for each in ask(app, "GET", path).json()[listed]]
        pages = [ask(app, "GET", f"{path}?limit=2").json()]
        while (after := pages[-1]["next"]) is not None:
            pages.append(ask(app, "GET", f"{path}?limit=2&after={after}").json())
        paged = [each[named] for page in pages for each in page[listed]]

        assert len(whole) == 5, path
        assert paged == whole, path
