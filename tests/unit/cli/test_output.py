from pathlib import Path

import click
import pytest

from gateway.cli.output import streamed_output, write_file


def test_the_file_holds_the_content(tmp_path: Path) -> None:
    write_file(tmp_path / "a.json", b"{}\n")

    assert (tmp_path / "a.json").read_bytes() == b"{}\n"


def test_a_file_that_cannot_be_written_is_told_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match=r"cannot write .*; name a file you may write"):
        write_file(tmp_path / "none" / "a.json", b"")


def test_bytes_go_to_stdout_where_no_file_is_named(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    with streamed_output(None) as write:
        write(b"a\xff")

    assert capsysbinary.readouterr().out == b"a\xff"


def test_a_link_goes_on_leading_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")

    with streamed_output(tmp_path / "link") as write:
        write(b"a")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"a"


def test_a_device_is_written_to_and_not_replaced() -> None:
    with streamed_output(Path("/dev/null")) as write:
        write(b"a")

    assert Path("/dev/null").is_char_device()


def _fail_half_way(file: Path) -> None:
    with streamed_output(file) as write:
        write(b"half")
        raise ZeroDivisionError


def test_a_file_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        _fail_half_way(tmp_path / "a")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["none/a", "file/a"])
def test_a_place_where_no_file_can_be_is_told_with_the_next_step(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    told = pytest.raises(click.ClickException, match=r"cannot write .*; name a file you may write")

    with told, streamed_output(tmp_path / name) as write:
        write(b"a")
