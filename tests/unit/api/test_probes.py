import asyncio

import pytest
from starlette.applications import Starlette

from gateway.api.probes import Readiness, probe_routes
from tests.unit.api.asgi_client import Wire, scope


def get(path: str, readiness: Readiness) -> Wire:
    app = Starlette(routes=probe_routes(readiness, lambda: (b"a 1\n", "text/plain; version=0.0.4")))
    wire = Wire()
    asyncio.run(app(scope("GET", path), wire.receive, wire.send))
    return wire


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [("/livez", 200, b"ok\n"), ("/readyz", 200, b"ready\n"), ("/metrics", 200, b"a 1\n")],
)
def test_a_serving_process_is_alive_ready_and_measured(path: str, status: int, body: bytes) -> None:
    wire = get(path, Readiness())

    assert (wire.status, wire.body) == (status, body)


def test_a_draining_process_is_alive_but_not_ready() -> None:
    readiness = Readiness()

    readiness.drain()

    assert get("/readyz", readiness).status == 503
    assert get("/livez", readiness).status == 200


def test_metrics_have_their_own_content_type() -> None:
    assert get("/metrics", Readiness()).headers["content-type"].startswith("text/plain; version=0.0.4")
