"""The admin plane's view of what was spent and saved. SQLAlchemy is imported when somebody first asks."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from gateway.store.usage_reports import SavingsBy, SpendBy

_HOURS_AT_ONCE = 24
_PATIENCE_S = 60
"""Of a statement: an hour of very many records is summed up in one."""


class UsageReader:
    """Reads reports from the database of that URL; blocking."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine: Engine | None = None

    def savings(self, *, by: "SavingsBy", since: datetime) -> Mapping[str, Any]:
        """`lines`; in `hours_behind` the hours not summed up in time for it; in `problem` why there are none."""
        from gateway.store import usage_reports  # noqa: PLC0415 (see the module's docstring)

        return self._report(lambda engine: usage_reports.savings(engine, by=by, since=since))

    def spend(self, *, by: "SpendBy", since: datetime) -> Mapping[str, Any]:
        """As `savings`."""
        from gateway.store import usage_reports  # noqa: PLC0415

        return self._report(lambda engine: usage_reports.spend(engine, by=by, since=since))

    def _report(self, lines_of: Any) -> Mapping[str, Any]:
        """Only so many hours are summed up while somebody waits: the rest is for housekeeping."""
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

        from gateway.store import rollups, usage_reports  # noqa: PLC0415
        from gateway.store.engine import one_line  # noqa: PLC0415
        from gateway.store.reports import NoRecordsError  # noqa: PLC0415

        engine = self._open()
        try:
            hours = rollups.marked_hours(engine)
            rollups.roll_up(engine, hours[-_HOURS_AT_ONCE:])
            lines = [usage_reports.document(line) for line in lines_of(engine)]
        except (NoRecordsError, SQLAlchemyError) as error:
            return {"lines": [], "hours_behind": 0, "problem": one_line(error)}
        return {"lines": lines, "hours_behind": max(0, len(hours) - _HOURS_AT_ONCE), "problem": None}

    def _open(self) -> "Engine":
        from gateway.store.engine import open_engine  # noqa: PLC0415

        if self._engine is None:
            self._engine = open_engine(self._url, patience_s=_PATIENCE_S)
        return self._engine
