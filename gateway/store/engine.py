"""The SQLAlchemy engine of the reading side and of migrations."""

from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, NullPool, create_engine

from gateway.store.urls import postgres_rest, sqlite_path, unknown

READ_PATIENCE_S = 10
"""Of who reads a few rows while somebody waits, on one of a few threads."""
_BUSY_TIMEOUT_S = 5
_CONNECT_TIMEOUT_S = 5
_WITHOUT_COMPILING = "-c jit=off"
"""What is asked here takes milliseconds; compiling it, which PostgreSQL does for its many partitions, a second."""


def open_engine(url: str, *, makes_file: bool = False, patience_s: int | None = None) -> Engine:
    """An engine on the database of that URL; connects to nothing yet. Raises DatabaseUrlError.

    makes_file  whether connecting makes an SQLite file that is not there
    patience_s  how long a statement of PostgreSQL may take; None: as long as it does
    """
    path = sqlite_path(url)
    if path is not None:
        mode = "rwc" if makes_file else "rw"
        return create_engine(
            f"sqlite:///file:{quote(str(path))}?mode={mode}&uri=true",
            poolclass=NullPool,
            connect_args={"timeout": _BUSY_TIMEOUT_S},
        )
    rest = postgres_rest(url)
    if rest is not None:
        return create_engine(
            f"postgresql+psycopg://{rest}",
            poolclass=NullPool,
            connect_args={
                "connect_timeout": _CONNECT_TIMEOUT_S,
                "application_name": "sizewise",
                "options": _WITHOUT_COMPILING,
                **({} if patience_s is None else _patient(patience_s)),
            },
        )
    raise unknown(url)


def _patient(patience_s: int) -> dict[str, Any]:
    """The server gives up a statement that takes longer, and we a server that has gone without a word."""
    return {
        "options": f"{_WITHOUT_COMPILING} -c statement_timeout={patience_s * 1_000}",
        "tcp_user_timeout": patience_s * 1_000,
        "keepalives_idle": 2,
        "keepalives_interval": 1,
        "keepalives_count": 3,
    }


def one_line(error: Exception) -> str:
    """What went wrong, without the statement and the links that SQLAlchemy adds."""
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split())
