"""The database as the admin plane uses it. SQLAlchemy is imported when somebody first asks: it is 11 MB of memory."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from gateway.domain.acts import ActsUnavailableError
from gateway.store.urls import without_password

if TYPE_CHECKING:
    from sqlalchemy import Engine

PATIENCE_S: Final = 10
"""The longest a statement takes, its wait for others' locks with it: somebody waits, on one of a few threads."""

_Done = TypeVar("_Done")


class AdminEngine:
    """An engine on the database of that URL, made when it is first used; for any thread."""

    def __init__(self, url: str, *, patience_s: int = PATIENCE_S) -> None:
        self._url = url
        self._patience_s = patience_s
        self._engine: Engine | None = None

    def run(self, work: "Callable[[Engine], _Done]") -> _Done:
        """What `work` returns. Raises ActsUnavailableError where the database would not."""
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 (see the module's docstring)

        from gateway.store.engine import one_line, open_engine  # noqa: PLC0415

        if self._engine is None:
            self._engine = open_engine(self._url, patience_s=self._patience_s)
        try:
            return work(self._engine)
        except SQLAlchemyError as error:
            shown = without_password(self._url)
            raise ActsUnavailableError(f"the database {shown} would not: {one_line(error)}") from error
