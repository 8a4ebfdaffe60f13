"""The admin plane as a gateway has it, in this process; its people, and all that may be asked of it."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.routing import Route

from gateway.bootstrap import Assembly, assemble
from gateway.domain.acts import ROLES, Act, Role
from gateway.settings import AdminKey, Settings
from tests.keys import PEPPER
from tests.unit.api.asgi_client import Wire, scope
from tests.unit.policyfile.folder import GOOD, write

KEYS: Final[Mapping[Role, str]] = {role: f"key of the {role}, long enough" for role in ROLES}
PEOPLE: Final = tuple(AdminKey(name=f"the-{role}", role=role, key=SecretStr(key)) for role, key in KEYS.items())
DRAFT: Final = {"policies": {"default.yaml": GOOD}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A good request of a route, with `{key}` for the id of a key.

    least  who may make it; None: anybody
    act    what it leaves in the audit; None: it changes nothing
    """

    least: Role | None
    path: str = ""
    body: Any = None
    status: int = 200
    act: Act | None = None


_MONTH: Final = [{"period": "month", "limit_nano_usd": 5_000_000_000}]

CALLS: Final[Mapping[str, Call]] = {
    "GET /livez": Call(least=None),
    "GET /readyz": Call(least=None),
    "GET /metrics": Call(least=None),
    "GET /openapi.json": Call(least=None),
    "GET /docs": Call(least=None),
    "GET /admin/decisions": Call(least="viewer"),
    "GET /admin/decisions/{request_id}": Call(least="viewer", path="/admin/decisions/none", status=404),
    "GET /admin/decisions/{request_id}/text": Call(least="operator", path="/admin/decisions/none/text", status=404),
    "GET /admin/reports/savings": Call(least="viewer"),
    "GET /admin/reports/spend": Call(least="viewer"),
    "GET /admin/policies": Call(least="viewer"),
    "GET /admin/policy": Call(least="viewer"),
    "GET /admin/policy/rollouts": Call(least="viewer"),
    "POST /admin/policy/explain": Call(least="viewer", body={"ask": "hello"}),
    "POST /admin/policy/check": Call(least="viewer", body=DRAFT),
    "POST /admin/policy/reload": Call(least="operator", act="policies.reload"),
    "GET /admin/deployments": Call(least="viewer"),
    "GET /admin/keys": Call(least="viewer"),
    "GET /admin/keys/{key_id}": Call(least="viewer", path="/admin/keys/{key}"),
    "POST /admin/keys": Call(least="admin", body={"team": "claims"}, status=201, act="key.create"),
    "PATCH /admin/keys/{key_id}": Call(
        least="admin", path="/admin/keys/{key}", body={"models": ["auto"]}, act="key.set"
    ),
    "POST /admin/keys/{key_id}/rotate": Call(
        least="admin", path="/admin/keys/{key}/rotate", body={}, status=201, act="key.rotate"
    ),
    "POST /admin/keys/{key_id}/revoke": Call(least="operator", path="/admin/keys/{key}/revoke", act="key.revoke"),
    "POST /admin/keys/{key_id}/disable": Call(least="operator", path="/admin/keys/{key}/disable", act="key.disable"),
    "POST /admin/keys/{key_id}/enable": Call(least="admin", path="/admin/keys/{key}/enable", act="key.enable"),
    "GET /admin/teams": Call(least="viewer"),
    "PATCH /admin/teams/{team}": Call(
        least="admin", path="/admin/teams/claims", body={"budgets": _MONTH}, act="team.set"
    ),
    "GET /admin/apps": Call(least="viewer"),
    "PATCH /admin/teams/{team}/apps/{app}": Call(
        least="admin", path="/admin/teams/claims/apps/bot", body={"is_disabled": True}, act="app.set"
    ),
    "GET /admin/log-level": Call(least="viewer"),
    "PUT /admin/log-level": Call(least="operator", body={"level": "debug"}, act="log_level.set"),
    "GET /admin/audit": Call(least="viewer"),
}
"""Route, as its object has it → whom it is for, and a request of it."""


def settings(directory: Path, url: str) -> Settings:
    (directory / "policies").mkdir(exist_ok=True)
    write(directory / "policies", default=GOOD)
    return Settings(
        policies=directory / "policies",
        database_url=SecretStr(url),
        spool=directory / "spool",
        key_pepper=SecretStr(PEPPER),
        admin_keys=PEOPLE,
    )


def assembled(directory: Path, url: str) -> Assembly:
    return assemble(settings(directory, url))


def names_of(app: FastAPI) -> list[str]:
    """Each route of the application, from its object: `GET /admin/keys`."""
    return [
        f"{method} {route.path}"
        for route in app.router.routes
        if isinstance(route, Route)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


@contextmanager
def same_log_level() -> Iterator[None]:
    """What a call sets of this process's logs is put back after the block."""
    loggers = [logging.getLogger(name) for name in (None, "uvicorn", "uvicorn.error", "uvicorn.access")]
    levels = [logger.level for logger in loggers]
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


def ask(app: FastAPI, name: str, path: str, body: Any = None, *, key: str | None = KEYS["admin"]) -> Reply:
    """One request. `name`: GET, or a route such as `GET /admin/keys`; `key` None: no credential."""
    raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    headers = {"content_type": "application/json", "content_length": str(len(raw))}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    path, _, query = path.partition("?")
    request = {**scope(name.partition(" ")[0], path, **headers), "query_string": query.encode(), "http_version": "1.1"}
    wire = Wire(raw)
    asyncio.run(app(request, wire.receive, wire.send))
    return Reply(wire.status, wire.headers, wire.body)
