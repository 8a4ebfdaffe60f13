import subprocess
import sys
from pathlib import Path

import pytest

from gateway.domain.errors import DatabaseUnavailableError
from gateway.domain.feedback import Feedback
from gateway.store.engine import open_engine
from gateway.store.feedback import find_feedback
from gateway.store.feedback_keeper import FeedbackKeeper
from gateway.store.sinks import open_sink
from gateway.store.upgrade import upgrade
from tests.builders import a_record

_SAID = Feedback(request_id="req-1", label="good", given_at=1_790_000_000.0)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/records.db"


def _fill(url: str) -> None:
    upgrade(url)
    sink = open_sink(url)
    sink.write([a_record("req-1")])
    sink.close()


def test_a_keys_feedback_on_its_own_request_is_kept(url: str) -> None:
    _fill(url)
    keeper = FeedbackKeeper(url)

    kept, refused = keeper.keep(_SAID, "test"), keeper.keep(_SAID, "another")

    assert (kept, refused) == (_SAID, None)
    assert find_feedback(open_engine(url), "req-1") == _SAID


def test_a_database_that_comes_later_is_written_to(url: str, tmp_path: Path) -> None:
    keeper = FeedbackKeeper(url)

    with pytest.raises(DatabaseUnavailableError, match="nothing was stored, send it again later") as caught:
        keeper.keep(_SAID, "test")
    files = list(tmp_path.iterdir())
    _fill(url)

    assert (caught.value.retry_after_s, files) == (5.0, [])
    assert keeper.keep(_SAID, "test") == _SAID


@pytest.mark.service("postgresql")
def test_nothing_of_a_database_that_is_down_is_told(caplog: pytest.LogCaptureFixture) -> None:
    password = "of" + "-no-use"

    with pytest.raises(DatabaseUnavailableError) as caught:
        FeedbackKeeper(f"postgresql://u:{password}@127.0.0.1:1/none").keep(_SAID, "test")

    assert "127.0.0.1" not in caught.value.message
    assert "the database would not take it" in caplog.text
    assert password not in caplog.text


def test_sqlalchemy_is_not_loaded_before_somebody_gives_feedback() -> None:
    asked = (
        "from gateway.store.feedback_keeper import FeedbackKeeper; FeedbackKeeper('sqlite:///x.db');"
        " import sys; print('sqlalchemy' in sys.modules)"
    )

    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "False"
