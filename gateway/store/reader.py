"""The admin plane's view of the records. SQLAlchemy is imported when somebody first asks: it is 11 MB of memory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from gateway.domain.acts import ActsUnavailableError
from gateway.domain.feedback import Feedback
from gateway.domain.outline import Outline
from gateway.domain.record import RequestRecord

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from gateway.store.reports import NoRecordsError

PATIENCE_S: Final = 10
"""The longest PostgreSQL is asked: somebody waits, on one of a few threads."""


class RecordReader:
    """Reads records from the database of that URL; blocking. Raises ActsUnavailableError where it takes too long."""

    def __init__(self, url: str, *, patience_s: int = PATIENCE_S) -> None:
        self._url = url
        self._patience_s = patience_s
        self._engine: Engine | None = None

    def latest(self, limit: int) -> Sequence[RequestRecord]:
        """The latest records, newest first; none where the database is not there yet."""
        from gateway.store import reports  # noqa: PLC0415 (see the module's docstring)

        try:
            return reports.list_decisions(self._open(), limit=limit)
        except reports.NoRecordsError as error:
            _require_an_answer(error)
            return ()

    def find(self, request_id: str) -> RequestRecord | None:
        """The record of that id, or the only one whose id begins so; None where there is none."""
        from gateway.store import reports  # noqa: PLC0415

        try:
            return reports.find_record(self._open(), request_id)
        except reports.AmbiguousIdError:
            return None
        except reports.NoRecordsError as error:
            _require_an_answer(error)
            return None

    def feedback(self, request_id: str) -> Feedback | None:
        """The latest word on the request of that id; None where there is none."""
        from gateway.store.feedback import find_feedback  # noqa: PLC0415
        from gateway.store.reports import NoRecordsError  # noqa: PLC0415

        try:
            return find_feedback(self._open(), request_id)
        except NoRecordsError:
            return None

    def outline(self, record: RequestRecord) -> Outline | None:
        """The policy that decided it, as it was; None where it was not kept."""
        from gateway.store.outlines import find_outline  # noqa: PLC0415
        from gateway.store.reports import NoRecordsError  # noqa: PLC0415

        try:
            return find_outline(self._open(), record)
        except NoRecordsError:
            return None

    def _open(self) -> "Engine":
        from gateway.store.engine import open_engine  # noqa: PLC0415

        if self._engine is None:
            self._engine = open_engine(self._url, patience_s=self._patience_s)
        return self._engine


def _require_an_answer(error: "NoRecordsError") -> None:
    """No records yet are none; a database that was given up is no answer. Raises ActsUnavailableError."""
    if error.is_slow:
        raise ActsUnavailableError("the database took too long and was given up") from error
