import asyncio
from datetime import UTC, datetime

import msgspec
import orjson
from fastapi import FastAPI

from gateway.api.kept_texts import kept_text_routes
from gateway.domain.kept_text import KeptText
from tests.builders import a_kept_text
from tests.unit.api.asgi_client import Wire, scope

_NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
_TEXT = a_kept_text("req-1")


class _Texts:
    def find(self, request_id: str, now: datetime) -> tuple[KeptText | None, str]:
        assert now == _NOW
        return (_TEXT, "") if request_id == "req-1" else (None, f"no record of request {request_id!r}")


def _get(path: str) -> Wire:
    app = FastAPI()
    app.include_router(kept_text_routes(_Texts(), _NOW.timestamp))
    wire = Wire()
    asyncio.run(app({**scope("GET", path), "http_version": "1.1", "query_string": b""}, wire.receive, wire.send))
    return wire


def test_what_is_kept_is_told_as_it_is_stored() -> None:
    wire = _get("/admin/decisions/req-1/text")

    assert wire.status == 200
    assert msgspec.convert(orjson.loads(wire.body), KeptText) == _TEXT


def test_where_nothing_is_kept_the_reason_is_told() -> None:
    wire = _get("/admin/decisions/req-2/text")

    assert (wire.status, orjson.loads(wire.body)) == (404, {"detail": "no record of request 'req-2'"})
