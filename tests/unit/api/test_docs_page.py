import asyncio
import hashlib
import re
from base64 import b64encode

from fastapi import FastAPI

from gateway.api.docs_page import docs_route
from tests.unit.api.asgi_client import Wire, scope


def page() -> tuple[str, str]:
    app = FastAPI(title="Sizewise", docs_url=None, redoc_url=None)
    app.router.routes.append(docs_route(app))
    wire = Wire()
    asyncio.run(app(scope("GET", "/docs"), wire.receive, wire.send))
    return wire.body.decode(), dict(wire.sent[0]["headers"])[b"content-security-policy"].decode()


def test_the_page_shows_the_planes_document() -> None:
    html, _ = page()

    assert "/openapi.json" in html
    assert "swagger-ui" in html


def test_it_runs_no_script_but_the_viewer_and_its_own_lines() -> None:
    html, policy = page()

    scripts = dict(each.strip().split(" ", 1) for each in policy.split(";"))["script-src"].split()
    (inline,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert f"'sha256-{b64encode(hashlib.sha256(inline.encode()).digest()).decode()}'" in scripts
    assert "'unsafe-inline'" not in scripts
    assert all(source.startswith(("https://cdn.jsdelivr.net/npm/swagger-ui-dist@", "'sha256-")) for source in scripts)


def test_no_other_page_frames_it_and_it_calls_no_other_host() -> None:
    _, policy = page()

    assert "frame-ancestors 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "default-src 'none'" in policy
