import io
import sys

import pytest

from gateway.cli.progress import progress_bar


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _interrupted() -> None:
    with progress_bar(3, "Reading rows") as done:
        done()
        raise KeyboardInterrupt


def test_a_terminal_sees_the_bar_move_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := _Terminal())

    with progress_bar(5, "Reading rows", every=2) as done:
        for _ in range(5):
            done()

    shown = terminal.getvalue()
    assert "Reading rows" in shown
    assert "40%" in shown
    assert "100%" in shown


def test_what_is_said_after_the_last_step_stands_on_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := _Terminal())

    with progress_bar(3, "Reading rows") as done:
        for _ in range(3):
            done()
        terminal.write("and now the fits\n")

    assert terminal.getvalue().endswith("\nand now the fits\n")


def test_work_that_stops_early_ends_the_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := _Terminal())

    with pytest.raises(KeyboardInterrupt):
        _interrupted()

    assert terminal.getvalue().endswith("\n")
    assert "100%" not in terminal.getvalue()


def test_what_is_no_terminal_gets_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(400, "Reading rows") as done:
        for _ in range(400):
            done()

    assert capsys.readouterr() == ("", "")
