import subprocess
import sys
from pathlib import Path

import pytest

from gateway.store.spool.folders import OwnFolder, SpoolFolderError, left_folders


def test_the_folder_of_a_living_process_is_nobody_elses(tmp_path: Path) -> None:
    OwnFolder(tmp_path).make()
    OwnFolder(tmp_path).make()

    assert list(left_folders(tmp_path)) == []


def test_a_folder_whose_process_died_is_found_once(tmp_path: Path) -> None:
    code = "import sys, os, pathlib; from gateway.store.spool.folders import OwnFolder; "
    code += "print(OwnFolder(pathlib.Path(sys.argv[1])).make().path, flush=True); os.kill(os.getpid(), 9)"
    child = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)

    first = list(left_folders(tmp_path))
    second = list(left_folders(tmp_path))

    assert [str(each.path) for each in first] == [child.stdout.strip()]
    assert second == []


def test_a_folder_that_was_let_go_is_found_with_what_it_holds(tmp_path: Path) -> None:
    folder = OwnFolder(tmp_path).make()
    (folder.path / "00000001.segment").write_bytes(b"x")

    folder.release()

    (found,) = left_folders(tmp_path)
    assert (found.path / "00000001.segment").read_bytes() == b"x"


def test_a_folder_that_was_removed_is_gone(tmp_path: Path) -> None:
    folder = OwnFolder(tmp_path).make()

    folder.remove()

    assert list(left_folders(tmp_path)) == []
    assert not folder.path.exists()


def test_a_process_has_as_many_folders_as_it_makes(tmp_path: Path) -> None:
    assert OwnFolder(tmp_path).make().path != OwnFolder(tmp_path).make().path


def test_where_no_folder_can_be_made_it_says_which_and_what_to_do(tmp_path: Path) -> None:
    taken = tmp_path / "spool"
    taken.write_text("a file")

    with pytest.raises(SpoolFolderError, match=r"records cannot be kept below '.*spool'.*SIZEWISE_SPOOL"):
        OwnFolder(taken).make()


def test_the_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    assert OwnFolder(tmp_path).make().path.stat().st_mode & 0o077 == 0
