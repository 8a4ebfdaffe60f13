"""An admin application of some pages alone, in front of a real database or none."""

from collections.abc import Callable
from pathlib import Path

from fastapi import APIRouter, FastAPI

from gateway.api.access import Credentials, guard
from gateway.api.admin_errors import handle_errors
from gateway.domain.acts import Act, Actor, Effect
from gateway.store.admin_engine import AdminEngine
from gateway.store.key_registry import KeyRegistry
from tests.keys import NOW_S, peppers


class Acts:
    """Does what it is told and keeps what came of it."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str, str, Effect]] = []

    def carry_out(self, actor: Actor, act: Act, target: str, work: Callable[[], Effect | None]) -> Effect | None:
        effect = work()
        if effect is not None:
            self.done.append((actor.name, act, target, effect))
        return effect

    def refused(self, actor: Actor, target: str, *, needs: str) -> None:
        raise AssertionError("everybody here is local")


def application(router: APIRouter) -> FastAPI:
    """Whoever asks is `local`, and may do everything."""
    app = FastAPI(docs_url=None, redoc_url=None)
    app.router.routes.extend(router.routes)
    handle_errors(app)
    guard(app, Credentials([]), Acts())
    return app


def registry(url: str, *, has_pepper: bool = True) -> KeyRegistry:
    return KeyRegistry(AdminEngine(url), peppers() if has_pepper else None, now=lambda: NOW_S)


def nowhere(directory: Path) -> str:
    """The URL of a database that is not there."""
    return f"sqlite:///{directory}/none.db"
