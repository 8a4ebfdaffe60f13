import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.store.sinks import open_sink
from gateway.store.upgrade import upgrade
from gateway.store.usage_reader import UsageReader
from tests.builders import a_record

_SINCE = datetime(2020, 1, 1, tzinfo=UTC)


def test_a_report_counts_what_was_just_written(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    upgrade(url)
    sink = open_sink(url)
    sink.write([a_record()])
    sink.close()
    reader = UsageReader(url)

    savings, spend = reader.savings(by="policy", since=_SINCE), reader.spend(by="deployment", since=_SINCE)

    assert (savings["problem"], savings["hours_behind"]) == (None, 0)
    assert [(line["name"], line["saving_nano_usd"]) for line in savings["lines"]] == [("default", 310_200)]
    assert [(line["name"], line["cost_nano_usd"]) for line in spend["lines"]] == [("small-a", 19_800)]


def test_nobody_waits_for_more_than_a_day_of_hours_to_be_summed_up(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    upgrade(url)
    now = datetime.now(UTC)
    sink = open_sink(url)
    sink.write([a_record(f"req-{hour}", received_at=(now - timedelta(hours=hour)).timestamp()) for hour in range(30)])
    sink.close()

    report = UsageReader(url).savings(by="policy", since=_SINCE)

    assert report["hours_behind"] == 6
    assert [line["requests"] for line in report["lines"]] == [24]


def test_why_there_is_no_report_is_told(tmp_path: Path) -> None:
    report = UsageReader(f"sqlite:///{tmp_path}/none.db").savings(by="policy", since=_SINCE)

    assert (report["lines"], report["problem"]) == ([], "unable to open database file")


def test_it_loads_no_sqlalchemy_before_somebody_asks() -> None:
    program = "import gateway.store.usage_reader, sys; print('sqlalchemy' in sys.modules)"

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout == "False\n"
