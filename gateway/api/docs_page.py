"""The page that shows a plane's OpenAPI document, with a policy that lets it load nothing but that and its viewer."""

import hashlib
import re
from base64 import b64encode
from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

_VIEWER: Final = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5/"
_INLINE_SCRIPT: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def docs_route(app: FastAPI) -> Route:
    """`/docs`, for an application made with `docs_url=None`."""
    page = get_swagger_ui_html(openapi_url=app.openapi_url or "", title=app.title, swagger_favicon_url="data:,")
    html = bytes(page.body).decode()
    headers = {"content-security-policy": _policy(html)}

    async def docs(_: Request) -> Response:
        return HTMLResponse(html, headers=headers)

    return Route("/docs", docs, methods=["GET"])


def _policy(html: str) -> str:
    digests = (hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(html))
    inline = " ".join(f"'sha256-{b64encode(digest).decode()}'" for digest in digests)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_VIEWER} {inline}",
            f"style-src {_VIEWER} 'unsafe-inline'",
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
