from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from gateway.api.key_pages import key_pages
from gateway.domain.allowances import Limits
from gateway.domain.virtual_key import parse
from gateway.store.engine import open_engine
from gateway.store.key_listing import find_key
from tests.admin import ask
from tests.keys import NOW_S, a_key_text, a_new_key, upgraded
from tests.unit.api.admin_app import application, nowhere, registry


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return upgraded(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def app(url: str) -> FastAPI:
    return application(key_pages(registry(url), lambda: NOW_S))


@pytest.fixture(scope="module")
def engine(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()


def test_a_key_is_shown_in_the_answer_that_makes_it_and_in_no_other(app: FastAPI) -> None:
    made = ask(app, "POST", "/admin/keys", {"team": "claims", "limits": {"requests_per_minute": 60}})
    key = made.json()["key"]
    later = [ask(app, "GET", path).body.decode() for path in ("/admin/keys", f"/admin/keys/{parse(key)}")]

    assert (made.status, made.headers["cache-control"]) == (201, "no-store")
    assert parse(key) == made.json()["id"]
    assert made.json()["limits"]["requests_per_minute"] == 60
    assert key[20:] not in "".join(later)


def test_a_rotated_key_comes_with_the_one_that_retires(app: FastAPI, engine: Engine) -> None:
    old = a_new_key(engine, models=("auto",)).key

    rotated = ask(app, "POST", f"/admin/keys/{old.id}/rotate", {"overlap_s": 60})

    assert rotated.status == 201
    assert (rotated.json()["replaces"], rotated.json()["models"]) == (old.id, ["auto"])
    assert rotated.json()["retiring"]["expires_at"] == "2026-09-21T14:14:20Z"


@pytest.mark.parametrize(("sent", "expires_at"), [({}, NOW_S + 100), ({"expires_at": None}, None)])
def test_a_rotated_key_lives_as_long_as_the_old_one_unless_it_is_said(
    app: FastAPI, engine: Engine, sent: dict[str, None], expires_at: float | None
) -> None:
    old = a_new_key(engine, expires_at=NOW_S + 100).key

    rotated = ask(app, "POST", f"/admin/keys/{old.id}/rotate", sent)

    assert find_key(engine, rotated.json()["id"]).key.expires_at == expires_at


def test_a_key_is_disabled_enabled_and_revoked(app: FastAPI, engine: Engine) -> None:
    key = a_new_key(engine).key

    states = [
        ask(app, "POST", f"/admin/keys/{key.id}/{act}").json()["state"] for act in ("disable", "enable", "revoke")
    ]

    assert states == ["disabled", "active", "revoked"]


def test_what_is_not_sent_stays_as_it_is(app: FastAPI, engine: Engine) -> None:
    key = a_new_key(engine, models=("auto",), limits=Limits(concurrent=1)).key

    limited = ask(app, "PATCH", f"/admin/keys/{key.id}", {"limits": {"tokens_per_day": 5}}).json()
    freed = ask(app, "PATCH", f"/admin/keys/{key.id}", {"models": None}).json()

    assert (limited["models"], limited["limits"]["concurrent"], limited["limits"]["tokens_per_day"]) == (
        ["auto"],
        None,
        5,
    )
    assert (freed["models"], freed["limits"]) == (None, limited["limits"])


def test_keys_are_listed_by_team(app: FastAPI, engine: Engine) -> None:
    a_new_key(engine, team="only this")

    page = ask(app, "GET", "/admin/keys?team=only%20this").json()

    assert [key["team"] for key in page["keys"]] == ["only this"]
    assert page["next"] is None


def test_an_unknown_key_is_named(app: FastAPI) -> None:
    reply = ask(app, "POST", "/admin/keys/nobodys/revoke")

    assert reply.status == 404
    assert "there is no key with id 'nobodys'" in reply.json()["detail"]


def test_a_whole_key_in_a_url_is_refused_and_not_repeated(app: FastAPI) -> None:
    text = a_key_text()

    reply = ask(app, "GET", f"/admin/keys/{text}")

    assert reply.status == 422
    assert "that is a key, not the id of one" in reply.json()["detail"]["problems"][0]["message"]
    assert text not in reply.body.decode()


def test_a_page_after_a_key_that_is_not_there_is_refused(app: FastAPI) -> None:
    reply = ask(app, "GET", "/admin/keys?after=nobodys")

    assert (reply.status, reply.json()["detail"]["problems"][0]["path"]) == (422, "after")


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "team=%00", "after=%00", f"team={'x' * 65}"])
def test_a_query_of_the_wrong_form_is_refused(app: FastAPI, query: str) -> None:
    assert ask(app, "GET", f"/admin/keys?{query}").status == 422


def test_without_a_pepper_no_key_is_made(url: str) -> None:
    app = application(key_pages(registry(url, has_pepper=False), lambda: NOW_S))

    reply = ask(app, "POST", "/admin/keys", {})

    assert reply.status == 409
    assert "set SIZEWISE_KEY_PEPPER" in reply.json()["detail"]


def test_a_database_that_is_down_is_told_with_the_next_step(tmp_path: Path) -> None:
    app = application(key_pages(registry(nowhere(tmp_path)), lambda: NOW_S))

    for reply in (ask(app, "GET", "/admin/keys"), ask(app, "POST", "/admin/keys", {})):
        assert reply.status == 503
        assert "nothing was done. Try again" in reply.json()["detail"]
