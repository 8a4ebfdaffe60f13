from pathlib import Path

import click
import pytest

from gateway.cli.output import write_file


def test_the_file_holds_the_content(tmp_path: Path) -> None:
    write_file(tmp_path / "a.json", b"{}\n")

    assert (tmp_path / "a.json").read_bytes() == b"{}\n"


def test_a_file_that_cannot_be_written_is_told_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match=r"cannot write .*; name a file you may write"):
        write_file(tmp_path / "none" / "a.json", b"")
