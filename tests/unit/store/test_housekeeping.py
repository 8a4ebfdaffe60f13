"""The child as a process; what it does: tests/contract/test_ledger.py."""

import os
import subprocess
import sys
import time
from pathlib import Path

from gateway.store.engine import open_engine
from gateway.store.housekeeper import KEEP_DAYS_VARIABLE
from gateway.store.rollups import marked_hours
from gateway.store.sinks import open_sink
from gateway.store.upgrade import upgrade
from gateway.store.urls import DATABASE_URL_VARIABLE
from tests.builders import a_record


def _child(url: str, keep: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, DATABASE_URL_VARIABLE: url, KEEP_DAYS_VARIABLE: keep}
    command = [sys.executable, "-m", "gateway.store.housekeeping"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_the_child_sums_up_what_is_marked_and_says_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    upgrade(url)
    sink = open_sink(url)
    sink.write([a_record(received_at=time.time())])
    sink.close()

    done = _child(url, keep="90")

    assert (done.returncode, done.stderr) == (0, "")
    assert marked_hours(open_engine(url)) == []


def test_the_child_says_what_went_wrong_in_one_line(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path}/records.db")

    short = _child(f"sqlite:///{tmp_path}/records.db", keep="1")
    missing = _child(f"sqlite:///{tmp_path}/none.db")

    assert (short.returncode, short.stderr) == (1, "records are kept 2 days at least, not 1\n")
    assert (missing.returncode, missing.stderr) == (1, "unable to open database file\n")
