from collections.abc import Callable

import pytest

from gateway.api.log_level_pages import log_level_pages
from gateway.domain.acts import Act, Actor, ActsUnavailableError, Effect
from tests.admin import ask
from tests.unit.api.admin_app import Acts, application


class Down(Acts):
    def carry_out(self, actor: Actor, act: Act, target: str, work: Callable[[], Effect | None]) -> Effect | None:
        raise ActsUnavailableError("the database is down; nothing was done")


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


def test_where_it_cannot_be_written_down_it_is_not_set() -> None:
    level: list[str] = []
    app = application(log_level_pages(lambda: "info", level.append, Down()))

    assert ask(app, "PUT", "/admin/log-level", {"level": "debug"}).status == 503
    assert level == []
