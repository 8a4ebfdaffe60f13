"""Who may call what: every route of both planes is listed here, and one that is not may be called by nobody.

A new route fails the first test until it says here who may call it; then the others see to it that it is so.
"""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.routing import BaseRoute, Route

from gateway.bootstrap import Assembly, assemble
from gateway.settings import Settings
from tests.admin import CALLS
from tests.unit.api.asgi_client import FixedPolicies, Wire, scope

Who = Literal["anybody", "clients", "operators"]
CLIENT_KEY, ADMIN_KEY = "key-of-a-client", "key-of-an-operator"
KEYS: Final[dict[Who, str | None]] = {"anybody": None, "clients": CLIENT_KEY, "operators": ADMIN_KEY}

PAGES: Final[dict[tuple[str, str], Who]] = {
    ("GET", "/livez"): "anybody",
    ("GET", "/readyz"): "anybody",
    ("GET", "/metrics"): "anybody",
    ("GET", "/docs"): "anybody",
    ("GET", "/openapi.json"): "anybody",
}
"""Of both planes: they name policies and deployments, and hold nothing of any request."""
DATA: Final[dict[tuple[str, str], Who]] = {
    **PAGES,
    ("GET", "/"): "anybody",
    **{
        (method, f"{prefix}{path}{end}"): "clients"
        for method, path in (("POST", "/chat/completions"), ("GET", "/models"), ("POST", "/feedback"))
        for prefix in ("/v1", "")
        for end in ("", "/")
    },
}
ADMIN: Final[dict[tuple[str, str], Who]] = {
    (name.split(" ")[0], name.split(" ")[1]): "anybody" if asked.least is None else "operators"
    for name, asked in CALLS.items()
}
"""Which operators: tests/unit/api/test_access.py."""
RULES: Final = {"data": DATA, "admin": ADMIN}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get")
EVERY_RULE = [(plane, method, path, who) for plane, rules in RULES.items() for (method, path), who in rules.items()]


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    directory: Path = tmp_path_factory.mktemp("access")
    settings = Settings(
        api_keys=(SecretStr(CLIENT_KEY),),
        admin_key=SecretStr(ADMIN_KEY),
        database_url=SecretStr(f"sqlite:///{directory}/records.db"),
    )
    return assemble(settings, policies=FixedPolicies())


def plane_of(assembly: Assembly, plane: str) -> FastAPI:
    return assembly.data_plane if plane == "data" else assembly.admin_plane


def served(assembly: Assembly, plane: str) -> set[tuple[str, str]]:
    """Method and path of every route, the hot endpoints' too."""
    found = {each for route in plane_of(assembly, plane).routes for each in _of(route)}
    if plane == "data":
        hot = ((method, path) for path in assembly.data_plane._hot for method in METHODS if method != "HEAD")
        found |= {
            (method, path) for method, path in hot if call(assembly, plane, method, path, CLIENT_KEY).status != 405
        }
    return found


def _of(route: BaseRoute) -> Iterator[tuple[str, str]]:
    if (router := getattr(route, "original_router", None)) is not None:  # what `include_router` leaves
        context: Any = getattr(route, "include_context", None)
        assert not context.prefix, "routes are written with their whole path"
        for included in router.routes:
            yield from _of(included)
        return
    assert isinstance(route, Route), f"{route!r} is of a kind that nobody has thought of: say here who may call it"
    for method in route.methods or METHODS:
        if method != "HEAD" or "GET" not in (route.methods or ()):
            yield method, route.path


def call(assembly: Assembly, plane: str, method: str, path: str, key: str | None) -> Wire:
    wire = Wire(b"{}")
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    request = {**scope(method, re.sub(r"\{\w+\}", "x", path), **headers), "root_path": "", "http_version": "1.1"}
    asyncio.run(plane_of(assembly, plane)(request, wire.receive, wire.send))
    return wire


@pytest.mark.parametrize("plane", RULES)
def test_every_route_says_who_may_call_it(assembly: Assembly, plane: str) -> None:
    assert served(assembly, plane) == set(RULES[plane]), "say in tests/api/test_access.py who may call it"


@pytest.mark.parametrize(("plane", "method", "path", "who"), EVERY_RULE)
def test_they_may_and_nobody_else(assembly: Assembly, plane: str, method: str, path: str, who: Who) -> None:
    may = call(assembly, plane, method, path, KEYS[who]).status
    assert may not in (401, 403, 405)
    if who == "anybody":
        return
    others = [key for each, key in KEYS.items() if each != who]
    for key in (*others, "", "wrong", f"{KEYS[who]}x", str(KEYS[who])[:-1], str(KEYS[who]).upper()):
        assert call(assembly, plane, method, path, key).status == 401


@pytest.mark.parametrize(("plane", "method", "path", "who"), EVERY_RULE)
def test_no_other_method_does_anything(assembly: Assembly, plane: str, method: str, path: str, who: Who) -> None:
    """Asked with the right key, so that it is the method that is refused."""
    listed = {each for each, listed_path in RULES[plane] if listed_path == path}
    allowed = listed | ({"HEAD"} if "GET" in listed else set())
    for other in set(METHODS) - allowed:
        wire = call(assembly, plane, other, path, KEYS[who])

        assert wire.status in (404, 405), other


@pytest.mark.parametrize("plane", RULES)
@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/users", "/v1", "/v1/files", "/config", "/key/generate"])
def test_what_is_not_there_is_a_404_whoever_asks(assembly: Assembly, plane: str, path: str) -> None:
    for key in KEYS.values():
        for method in METHODS:
            assert call(assembly, plane, method, path, key).status == 404
