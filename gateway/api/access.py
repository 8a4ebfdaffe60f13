"""Who may do what on the admin plane: each route says its least role, and is guarded before a byte of its body is read.

What is asked is the route object that the router chose, never the text of a URL. A route that says nothing keeps the
application from being built.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final, Protocol, TypeVar

import orjson
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.routing import APIRoute
from msgspec import Struct
from starlette.datastructures import MutableHeaders
from starlette.routing import Route

from gateway.api.admin_errors import Responses, described, invalid
from gateway.api.asgi import Message, Receive, Scope, Send
from gateway.api.headers import new_request_id
from gateway.domain.acts import Actor, Role, is_enough

PUBLIC: Final = frozenset({"/livez", "/readyz", "/metrics", "/openapi.json", "/docs"})
"""What is for the platform, and the description of the rest: paths of routes that ask for no credential."""
SMALL_BODY_BYTES: Final = 64 * 1024
SCHEME: Final = "admin-key"
"""What the OpenAPI page calls the credential."""
LOCAL: Final = "local"
"""Who acts where the plane has no credentials, and listens on loopback only."""

_NEED: Final = "least_role"
_ACTOR: Final = "sizewise.actor"
_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])
_App = Callable[[Scope, Receive, Send], Awaitable[None]]


class UndeclaredRouteError(Exception):
    """A route of the admin plane that does not say who may call it."""


class Person(Struct, frozen=True, kw_only=True):
    """A person, or a tool, that the admin plane knows."""

    name: str
    role: Role


class Need(Struct, frozen=True, kw_only=True):
    """What a route asks for. `body_bytes`: the longest body it reads."""

    role: Role
    body_bytes: int


class Refusals(Protocol):
    """Where it is written down; blocking, called on a worker thread, raises nothing."""

    def refused(self, actor: Actor, target: str, *, needs: str) -> None: ...


class Credentials:
    """Tells people by what they send. Without any there is nobody but `local`, who may do everything."""

    def __init__(self, people: Sequence[tuple[Person, str]]) -> None:
        """`people`: each with their key, which is not kept."""
        self._people = [(person, _digest(key)) for person, key in people]

    def who(self, key: str | None) -> Person | None:
        """Takes the same time whoever it is, and for nobody."""
        if not self._people:
            return Person(name=LOCAL, role="admin")
        given = _digest(key or "")
        found: Person | None = None
        for person, digest in self._people:
            if hmac.compare_digest(given, digest):
                found = person
        return found


def needs(role: Role, *, body_bytes: int = SMALL_BODY_BYTES) -> Callable[[_Endpoint], _Endpoint]:
    """Say who may call an endpoint: those of that role, and of a higher one. Stands below the router's decorator."""

    def declare(endpoint: _Endpoint) -> _Endpoint:
        vars(endpoint)[_NEED] = Need(role=role, body_bytes=body_bytes)
        return endpoint

    return declare


def need_of(route: Route) -> Need | None:
    """What the route says it asks for; None: it is public. Raises UndeclaredRouteError where it says nothing."""
    if route.path in PUBLIC:
        return None
    need = vars(route.endpoint).get(_NEED)
    if not isinstance(need, Need):
        raise UndeclaredRouteError(
            f"{_named(route)} does not say who may call it: write @needs('viewer') below the decorator of its route"
        )
    return need


def guard(app: FastAPI, credentials: Credentials, refusals: Refusals) -> None:
    """Let in at each route of the application whom it is for. Raises UndeclaredRouteError."""
    for route in app.router.routes:
        if not isinstance(route, Route):
            raise UndeclaredRouteError(f"{route!r} is no plain route: add its routes one by one")
        if (need := need_of(route)) is not None:
            route.app = _Guarded(route, need, credentials, refusals)
            if isinstance(route, APIRoute):
                _describe(route, need)


def _acting(request: Request) -> Actor:
    actor: Actor = request.scope[_ACTOR]
    return actor


Acting = Annotated[Actor, Depends(_acting)]
"""Who calls, as the guard found them."""


class _Guarded:
    """What runs in place of a route's own application."""

    def __init__(self, route: Route, need: Need, credentials: Credentials, refusals: Refusals) -> None:
        self._app = route.app
        self._route = route
        self._need = need
        self._credentials = credentials
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_request_id()
        answer = _marked(send, request_id)
        person = self._credentials.who(_bearer(scope))
        if person is None:
            await _refuse(answer, 401, "the admin plane needs `Authorization: Bearer` with an admin key")
            return
        actor = Actor(name=person.name, role=person.role, origin="admin", request_id=request_id)
        if not is_enough(person.role, self._need.role):
            await asyncio.to_thread(self._refusals.refused, actor, _named(self._route), needs=self._need.role)
            needed = f"this takes the role {self._need.role!r}, and {person.name!r} has {person.role!r}"
            await _refuse(answer, 403, needed)
            return
        scope[_ACTOR] = actor
        await self._app(scope, _bounded(receive, self._need.body_bytes), answer)


def _bearer(scope: Scope) -> str | None:
    """The token of the one Authorization header; None where there is none, or more than one."""
    sent = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
    if len(sent) != 1:
        return None
    scheme, _, token = bytes(sent[0]).decode("utf-8", "surrogateescape").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _marked(send: Send, request_id: str) -> Send:
    """Every answer names its request, and is kept by nobody on the way."""

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = request_id
            headers["cache-control"] = "no-store"
        await send(message)

    return answer


def _bounded(receive: Receive, most: int) -> Receive:
    size = 0

    async def read() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise HTTPException(413, f"the body is longer than {most} bytes")
        return message

    return read


async def _refuse(send: Send, status: int, why: str) -> None:
    body = orjson.dumps({"detail": why})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _describe(route: APIRoute, need: Need) -> None:
    """What the OpenAPI page says of it besides."""
    more: dict[str, Any] = {"security": [{SCHEME: []}], "x-sizewise-least-role": need.role}
    route.openapi_extra = {**(route.openapi_extra or {}), **more}
    route.description = "\n\n".join(part for part in (route.description, f"Least role: {need.role}.") if part)
    refusals: Responses = {401: described("No admin key, or one nobody has")}
    if need.role != "viewer":
        refusals[403] = described(f"The role is not {need.role!r} or higher")
    asked = (*route.dependant.path_params, *route.dependant.query_params, *route.dependant.body_params)
    if asked:
        refusals[422] = invalid(asked[0].name, "what is wrong with it")
    if route.dependant.body_params:
        refusals[400] = described("The body cannot be read")
        refusals[413] = described(f"The body is longer than {need.body_bytes} bytes")
    route.responses = {**refusals, **route.responses}


def _named(route: Route) -> str:
    return f"{'/'.join(sorted((route.methods or set()) - {'HEAD'}))} {route.path}"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
