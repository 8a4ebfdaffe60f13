"""Which revision the database is at, and getting it to the one this release needs.

The serving process never loads Alembic (13 MB): a child process does the work.
"""

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

from gateway.store.sinks import open_sink
from gateway.store.urls import DATABASE_URL_VARIABLE, without_password

_REVISION = re.compile(r"^revision(?:\s*:[^=]+)?\s*=\s*[\"']([^\"']+)[\"']", re.MULTILINE)
_DOWN_REVISION = re.compile(r"^down_revision(?:\s*:[^=]+)?\s*=\s*[\"']([^\"']+)[\"']", re.MULTILINE)
_UPGRADE_TIMEOUT_S = 600.0

logger = logging.getLogger(__name__)


class SchemaError(Exception):
    """The database's schema could not be brought up to date."""


def migrations_folder() -> Path:
    """Inside the package where it was installed from a wheel, else at the top of the repository."""
    installed = Path(__file__).parent / "migrations"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "migrations"


def revisions() -> tuple[frozenset[str], str]:
    """Every revision of the migrations folder, and the head. Raises SchemaError where there is not exactly one head."""
    texts = [path.read_text(encoding="utf-8") for path in (migrations_folder() / "versions").glob("*.py")]
    known = frozenset(name for text in texts for name in _REVISION.findall(text))
    heads = known - {name for text in texts for name in _DOWN_REVISION.findall(text)}
    if len(heads) != 1:
        raise SchemaError(f"{migrations_folder()} has {len(heads)} heads, not one: {sorted(heads)!r}")
    return known, next(iter(heads))


def current_revision(url: str) -> str | None:
    """The revision the database is at; None: it holds nothing of ours. Raises SinkUnavailableError."""
    sink = open_sink(url)
    try:
        return sink.revision()
    finally:
        sink.close()


def ensure_schema(url: str) -> None:
    """Upgrade the database where it is behind this release; one that is ahead of it is left alone.

    Raises SinkUnavailableError or SchemaError.
    """
    known, head = revisions()
    current = current_revision(url)
    if current == head:
        return
    if current is not None and current not in known:
        logger.warning("the database is at revision %r, newer than this release's %r: used as it is", current, head)
        return
    _upgrade_in_child(url)


def _upgrade_in_child(url: str) -> None:
    try:
        # The URL may hold a password: the environment is not for every user to see, arguments are.
        child = subprocess.run(
            [sys.executable, "-m", "gateway.store.upgrade"],
            env={**os.environ, DATABASE_URL_VARIABLE: url},
            capture_output=True,
            text=True,
            timeout=_UPGRADE_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SchemaError(f"the upgrade of {without_password(url)} did not run to its end: {error}") from error
    if child.returncode != 0:
        why = (child.stderr.strip().splitlines() or ["no message"])[-1]
        raise SchemaError(f"could not upgrade {without_password(url)}: {why}; try `sizewise db upgrade` by hand")
