"""The admin plane's view of the kept texts. SQLAlchemy is imported when somebody first asks."""

from datetime import datetime
from typing import TYPE_CHECKING

from gateway.domain.kept_text import KeptText

if TYPE_CHECKING:
    from sqlalchemy import Engine


class TextReader:
    """Reads texts from the database of that URL; blocking."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine: Engine | None = None

    def find(self, request_id: str, now: datetime) -> tuple[KeptText | None, str]:
        """What is kept of the request of that id, or of the only one whose id begins so; else why there is nothing."""
        from gateway.store import reports, texts  # noqa: PLC0415 (see the module's docstring)

        try:
            engine = self._open()
            record = reports.find_record(engine, request_id)
            if record is None:
                return None, f"no record of request {request_id!r}"
            found = texts.find_text(engine, record.id, now)
        except reports.AmbiguousIdError as error:
            return None, str(error)
        except reports.NoRecordsError as error:
            return None, f"no records can be read: {error}"
        return found, "" if found is not None else texts.why_none(record)

    def _open(self) -> "Engine":
        from gateway.store.engine import READ_PATIENCE_S, open_engine  # noqa: PLC0415

        if self._engine is None:
            self._engine = open_engine(self._url, patience_s=READ_PATIENCE_S)
        return self._engine
