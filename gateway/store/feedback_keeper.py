"""The data plane's way to the feedback. SQLAlchemy is imported when some is first given: it is 11 MB of memory."""

import logging
from typing import TYPE_CHECKING, Final

from gateway.domain.errors import DatabaseUnavailableError
from gateway.domain.feedback import Feedback

if TYPE_CHECKING:
    from sqlalchemy import Engine

_RETRY_AFTER_S: Final = 5.0

logger = logging.getLogger(__name__)


class FeedbackKeeper:
    """Writes to the database of that URL; blocking, and for any thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine: Engine | None = None

    def keep(self, feedback: Feedback, key_id: str) -> Feedback | None:
        """What was stored; None, and nothing is stored, where that key has sent no such request.

        Raises DatabaseUnavailableError.
        """
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 (see the module's docstring)

        from gateway.store import feedback as table  # noqa: PLC0415
        from gateway.store.engine import one_line  # noqa: PLC0415

        try:
            return table.keep(self._open(), feedback, key_id)
        except SQLAlchemyError as error:
            logger.warning("feedback was not stored, the database would not take it: %s", one_line(error))
            raise DatabaseUnavailableError(
                "the database of records cannot take feedback now; nothing was stored, send it again later",
                retry_after_s=_RETRY_AFTER_S,
            ) from error

    def _open(self) -> "Engine":
        from gateway.store.engine import READ_PATIENCE_S, open_engine  # noqa: PLC0415

        if self._engine is None:
            self._engine = open_engine(self._url, patience_s=READ_PATIENCE_S)
        return self._engine
