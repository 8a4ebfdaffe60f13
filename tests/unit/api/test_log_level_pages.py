import pytest

from gateway.api.log_level_pages import log_level_pages
from gateway.domain.acts import Effect
from tests.admin import ask
from tests.unit.api.admin_app import Acts, application


def test_the_level_is_told_and_set_and_written_down() -> None:
    level, acts = ["info"], Acts()
    app = application(log_level_pages(lambda: level[-1], level.append, acts))

    before = ask(app, "GET", "/admin/log-level").json()
    after = ask(app, "PUT", "/admin/log-level", {"level": "debug"}).json()

    assert (before, after, level) == ({"level": "info"}, {"level": "debug"}, ["info", "debug"])
    assert acts.done == [("local", "log_level.set", "log level", Effect(before="info", after="debug"))]


@pytest.mark.parametrize("sent", [{}, {"level": "loud"}, {"level": "DEBUG"}, {"level": "debug", "logger": "x"}])
def test_a_level_there_is_not_is_refused(sent: dict[str, str]) -> None:
    level: list[str] = []
    app = application(log_level_pages(lambda: "info", level.append, Acts()))

    assert ask(app, "PUT", "/admin/log-level", sent).status == 422
    assert level == []
