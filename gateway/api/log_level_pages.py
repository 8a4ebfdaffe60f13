"""`/admin/log-level`: how much this gateway logs, until it is told otherwise or starts anew."""

from collections.abc import Callable
from typing import Literal, Protocol

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from gateway.api.access import Acting, needs
from gateway.domain.acts import Act, Actor, Effect

LogLevel = Literal["debug", "info", "warning", "error"]


class Acts(Protocol):
    """Where acts that are no matter of the database are done and written down; blocks."""

    def carry_out(self, actor: Actor, act: Act, target: str, work: Callable[[], Effect | None]) -> Effect | None: ...


class LogLevelModel(BaseModel):
    """debug tells most, error least."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"level": "debug"}})

    level: LogLevel


class LogLevelView(BaseModel):
    level: str


def log_level_pages(level: Callable[[], str], set_level: Callable[[str], None], acts: Acts) -> APIRouter:
    """The routes. `level` tells how much the process logs."""
    pages = APIRouter(tags=["log level"])

    @pages.get("/admin/log-level")
    @needs("viewer")
    def get_log_level() -> LogLevelView:
        """How much this gateway logs."""
        return LogLevelView(level=level())

    @pages.put("/admin/log-level")
    @needs("operator")
    def set_log_level(wanted: LogLevelModel, actor: Acting) -> LogLevelView:
        """Set how much this gateway logs, until it starts anew; other gateways go on as they are."""

        def work() -> Effect:
            before = level()
            set_level(wanted.level)
            return Effect(before=before, after=wanted.level)

        acts.carry_out(actor, "log_level.set", "log level", work)
        return LogLevelView(level=level())

    return pages
