import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.store.engine import open_engine
from gateway.store.housekeeper import Housekeeper
from gateway.store.rollups import marked_hours
from gateway.store.sinks import open_sink
from gateway.store.upgrade import upgrade
from tests.builders import a_record


def _eventually(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline_s, "it did not come true"
        time.sleep(0.02)


def test_it_keeps_house_soon_and_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    upgrade(url)
    sink = open_sink(url)
    sink.write([a_record()])
    sink.close()
    housekeeper = Housekeeper(url, keep_days=9_999, every_s=0.01, first_after_s=0)

    housekeeper.start()
    _eventually(lambda: housekeeper.runs >= 2)
    housekeeper.close()

    assert housekeeper.failures == 0
    assert marked_hours(open_engine(url)) == []


def test_a_failure_is_counted_and_logged_without_the_password(caplog: pytest.LogCaptureFixture) -> None:
    housekeeper = Housekeeper("postgresql://u:pw-to-hide@127.0.0.1:1/none", first_after_s=0)

    housekeeper.start()
    _eventually(lambda: housekeeper.failures > 0)
    housekeeper.close()

    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert line.startswith("housekeeping of postgresql://u:***@127.0.0.1:1/none failed: connection failed")
    assert line.endswith("; reports fall behind, nothing is pruned")


def test_closing_before_the_first_run_starts_nothing(tmp_path: Path) -> None:
    housekeeper = Housekeeper(f"sqlite:///{tmp_path}/none.db")

    housekeeper.start()
    housekeeper.close()

    assert (housekeeper.runs, housekeeper.failures) == (0, 0)


def test_closing_one_that_never_started_is_nothing(tmp_path: Path) -> None:
    housekeeper = Housekeeper(f"sqlite:///{tmp_path}/none.db")

    housekeeper.close()

    assert (housekeeper.runs, housekeeper.failures) == (0, 0)


def test_closing_ends_a_run_that_is_going_on_and_is_no_failure(tmp_path: Path) -> None:
    housekeeper = Housekeeper(f"sqlite:///{tmp_path}/none.db", first_after_s=0)
    housekeeper.start()
    _eventually(lambda: housekeeper._child is not None)

    started_s = time.monotonic()
    housekeeper.close()

    assert time.monotonic() - started_s < 5
    assert housekeeper.failures == 0
    assert housekeeper._child is None


def test_it_loads_no_sqlalchemy() -> None:
    program = "import gateway.store.housekeeper, sys; print('sqlalchemy' in sys.modules)"

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout == "False\n"
