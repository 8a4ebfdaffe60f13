import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI
from starlette.routing import Mount

from gateway.api.access import PUBLIC, Credentials, Person, UndeclaredRouteError, guard, needs
from gateway.domain.acts import ROLES, Actor, Role, is_enough
from tests.admin import CALLS, KEYS, ask, assembled, names_of, same_log_level
from tests.keys import upgraded
from tests.unit.api.asgi_client import Wire, scope


class Refused:
    """`Refusals` in a list."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []

    def refused(self, actor: Actor, target: str, *, needs: str) -> None:
        self.told.append((actor.name, target, needs))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The admin application of a gateway, with one person of each role."""
    directory: Path = tmp_path_factory.mktemp("admin")
    with same_log_level():
        yield assembled(directory, upgraded(directory)).admin_plane


def _application(role: Role = "operator", *, body_bytes: int = 100) -> tuple[FastAPI, Refused]:
    router, refused = APIRouter(), Refused()

    @router.post("/one")
    @needs(role, body_bytes=body_bytes)
    def one(body: dict[str, int]) -> dict[str, int]:
        return body

    app = FastAPI(docs_url=None, redoc_url=None)
    app.router.routes.extend(router.routes)
    people = [(Person(name=f"the-{each}", role=each), KEYS[each]) for each in ROLES]
    guard(app, Credentials(people), refused)
    return app, refused


def test_the_table_names_every_route_of_the_admin_application(whole: FastAPI) -> None:
    assert sorted(names_of(whole)) == sorted(CALLS)


@pytest.mark.parametrize("role", [None, *ROLES])
def test_a_route_is_open_to_its_role_and_those_above_and_to_nobody_else(whole: FastAPI, role: Role | None) -> None:
    for name, call in CALLS.items():
        key = None if role is None else KEYS[role]
        path = (call.path or name.partition(" ")[2]).format(key="0123456789")

        status = ask(whole, name, path, call.body, key=key).status

        if call.least is None or (role is not None and is_enough(role, call.least)):
            assert status not in (401, 403), name
        else:
            assert status == (401 if role is None else 403), name


def test_only_what_is_for_the_platform_is_public(whole: FastAPI) -> None:
    assert {name.partition(" ")[2] for name, call in CALLS.items() if call.least is None} == PUBLIC


@pytest.mark.parametrize(
    "path", ["/admin/keys/", "//admin/keys", "/admin/./keys", "/ADMIN/keys", "/livez/../admin/keys"]
)
def test_a_path_that_only_looks_like_a_route_is_none(whole: FastAPI, path: str) -> None:
    assert ask(whole, "GET", path, key=None).status == 404
    assert ask(whole, "GET", path).status == 404


def test_a_route_that_says_nobody_it_is_for_keeps_the_application_from_being_built() -> None:
    app = FastAPI(docs_url=None, redoc_url=None)
    app.add_api_route("/admin/new", lambda: "for whom?", methods=["POST"])

    with pytest.raises(UndeclaredRouteError, match=r"POST /admin/new does not say who .*@needs\('viewer'\)"):
        guard(app, Credentials([]), Refused())


def test_routes_that_are_hidden_in_something_else_keep_it_from_being_built() -> None:
    app = FastAPI(docs_url=None, redoc_url=None)
    app.router.routes.append(Mount("/admin/files", app=FastAPI()))

    with pytest.raises(UndeclaredRouteError, match="no plain route"):
        guard(app, Credentials([]), Refused())


@pytest.mark.parametrize(
    "authorization",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer wrong",
        b"Basic " + KEYS["admin"].encode(),
        KEYS["admin"].encode(),
        b"Bearer \xff\xfe",
    ],
)
def test_nothing_but_a_key_as_a_bearer_token_lets_anybody_in(authorization: bytes) -> None:
    app, _ = _application()
    wire = Wire(b"{}")

    asyncio.run(app({**scope("POST", "/one"), "headers": [(b"authorization", authorization)]}, wire.receive, wire.send))

    assert (wire.status, wire.received) == (401, 0)
    assert wire.headers["www-authenticate"] == "Bearer"


def test_two_credentials_are_none() -> None:
    app, _ = _application()
    wire = Wire(b"{}")
    header = (b"authorization", b"Bearer " + KEYS["admin"].encode())

    asyncio.run(app({**scope("POST", "/one"), "headers": [header, header]}, wire.receive, wire.send))

    assert wire.status == 401


def test_a_body_is_not_read_for_who_may_not_send_it() -> None:
    app, refused = _application()
    wire = Wire(b"{")
    request = scope("POST", "/one", authorization=f"Bearer {KEYS['viewer']}", content_type="application/json")

    asyncio.run(app(request, wire.receive, wire.send))

    assert (wire.status, wire.received) == (403, 0)
    assert wire.body == b"""{"detail":"this takes the role 'operator', and 'the-viewer' has 'viewer'"}"""
    assert refused.told == [("the-viewer", "POST /one", "operator")]


def test_a_body_is_bounded() -> None:
    app, _ = _application(body_bytes=10)

    assert ask(app, "POST", "/one", b'{"a": 1}').status == 200
    assert ask(app, "POST", "/one", b'{"a": 1, "b": 2}').status == 413


def test_every_answer_names_its_request_and_is_kept_by_nobody() -> None:
    app, _ = _application()

    for key in (None, *KEYS.values()):
        reply = ask(app, "POST", "/one", {"a": 1}, key=key)
        assert len(reply.headers["x-request-id"]) == 32
        assert reply.headers["cache-control"] == "no-store"


def test_people_are_told_by_their_keys() -> None:
    people = [(Person(name="ada", role="admin"), "key-of-ada"), (Person(name="bob", role="viewer"), "key-of-bob")]
    credentials = Credentials(people)

    assert [credentials.who(key) for _, key in people] == [person for person, _ in people]
    assert [credentials.who(key) for key in (None, "", "key-of-ad", "key-of-adaa", "KEY-OF-ADA", "ключ")] == [None] * 6


def test_a_key_may_be_of_any_letters() -> None:
    app = FastAPI(docs_url=None, redoc_url=None)
    app.add_api_route("/two", needs("viewer")(lambda: "two"))
    guard(app, Credentials([(Person(name="ada", role="admin"), "ключ")]), Refused())
    wire = Wire()

    request = {**scope("GET", "/two"), "headers": [(b"authorization", "Bearer ключ".encode())]}
    asyncio.run(app(request, wire.receive, wire.send))

    assert wire.status == 200


def test_where_there_are_no_keys_whoever_is_there_is_local() -> None:
    assert Credentials([]).who(None) == Credentials([]).who("anything") == Person(name="local", role="admin")


def test_no_key_is_kept() -> None:
    credentials = Credentials([(Person(name="ada", role="admin"), "key-of-ada")])

    assert "key-of-ada" not in repr(vars(credentials))


def test_the_openapi_page_says_the_least_role_and_how_one_is_refused(whole: FastAPI) -> None:
    paths = whole.openapi()["paths"]

    for name, call in CALLS.items():
        if call.least is not None:
            method, _, path = name.partition(" ")
            operation = paths[path][method.lower()]
            assert operation["x-sizewise-least-role"] == call.least, name
            assert operation["security"] == [{"admin-key": []}], name
            assert ("403" in operation["responses"]) == (call.least != "viewer"), name
            assert {"401", str(200 if call.status == 404 else call.status)} <= set(operation["responses"]), name
            assert operation["description"], name
    assert whole.openapi()["components"]["securitySchemes"]["admin-key"]["scheme"] == "bearer"
