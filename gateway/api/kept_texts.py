"""`GET /admin/decisions/{request_id}/text`: what was asked and answered, where the policy has it kept."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, HTTPException, Path
from msgspec import to_builtins

from gateway.api.access import needs
from gateway.api.admin_errors import described
from gateway.api.key_pages import PRINTABLE
from gateway.domain.kept_text import KeptText


class Texts(Protocol):
    """The kept texts; blocking, called on a worker thread."""

    def find(self, request_id: str, now: datetime) -> tuple[KeptText | None, str]:
        """The text, or why there is none."""
        ...


def kept_text_routes(texts: Texts, now: Callable[[], float]) -> APIRouter:
    """The routes, for the admin plane's `routers`. `now` is Unix time."""
    router = APIRouter(tags=["decisions"])

    @router.get("/admin/decisions/{request_id}/text", responses={404: described("Nothing is kept, and why")})
    @needs("operator")
    def text_of_decision(request_id: Annotated[str, Path(max_length=128, pattern=PRINTABLE)]) -> dict[str, Any]:
        """The messages and the answer of one request, redacted; 404 with the reason where nothing is kept."""
        text, why = texts.find(request_id, datetime.fromtimestamp(now(), UTC))
        if text is None:
            raise HTTPException(404, why)
        found: dict[str, Any] = to_builtins(text)
        return found

    return router
