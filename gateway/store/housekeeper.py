"""Starts the housekeeping from the serving process, which never loads SQLAlchemy: a child process does the work."""

import logging
import os
import subprocess
import sys
import threading
from typing import Final

from gateway.store.urls import DATABASE_URL_VARIABLE, without_password

KEEP_DAYS_VARIABLE: Final = "SIZEWISE_KEEP_DAYS"
FIRST_AFTER_S: Final = 30.0
_LAST_WORDS_S = 5.0

logger = logging.getLogger(__name__)


class Housekeeper:
    """Runs `gateway.store.housekeeping` now and then, one at a time, on a thread that waits for it.

    keep_days      how long records are kept; None: for ever
    every_s        from the end of one run to the beginning of the next
    first_after_s  from the start to the first run: the schema should be up to date by then
    """

    def __init__(
        self, url: str, *, keep_days: int | None = None, every_s: float = 300.0, first_after_s: float = FIRST_AFTER_S
    ) -> None:
        self._url = url
        self._keep_days = keep_days
        self._every_s = every_s
        self._first_after_s = first_after_s
        self._runs = 0
        self._failures = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None

    @property
    def runs(self) -> int:
        """Runs over, failed ones among them."""
        return self._runs

    @property
    def failures(self) -> int:
        """Runs that failed: the reports fall behind, and nothing is pruned."""
        return self._failures

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End a run that is going on: whatever it was at is taken up by the next."""
        self._closing.set()
        with self._lock:
            if self._child is not None:
                self._child.kill()
        if self._thread.is_alive():
            self._thread.join(_LAST_WORDS_S)

    def _run(self) -> None:
        self._closing.wait(self._first_after_s)
        while not self._closing.is_set():
            try:
                self._keep_house()
            except OSError as error:
                self._failed(str(error))
            self._runs += 1
            self._closing.wait(self._every_s)

    def _keep_house(self) -> None:
        with self._lock:
            if self._closing.is_set():
                return
            child = self._child = self._started()
        _, said = child.communicate()
        with self._lock:
            self._child = None
        if self._closing.is_set():
            return
        last = (said.strip().splitlines() or ["no message"])[-1]
        if child.returncode != 0:
            self._failed(last)
        elif said:
            logger.warning("housekeeping of %s: %s", without_password(self._url), last)

    def _started(self) -> subprocess.Popen[str]:
        # The URL may hold a password: the environment is not for every user to see, arguments are.
        keep = {} if self._keep_days is None else {KEEP_DAYS_VARIABLE: str(self._keep_days)}
        others = {name: value for name, value in os.environ.items() if name != KEEP_DAYS_VARIABLE}
        return subprocess.Popen(
            [sys.executable, "-m", "gateway.store.housekeeping"],
            env={**others, **keep, DATABASE_URL_VARIABLE: self._url},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _failed(self, why: str) -> None:
        self._failures += 1
        logger.error(
            "housekeeping of %s failed: %s; reports fall behind, nothing is pruned", without_password(self._url), why
        )
