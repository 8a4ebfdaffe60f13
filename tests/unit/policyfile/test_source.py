import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.policyfile.problems import PolicyError, Problems
from gateway.policyfile.source import (
    LONGEST_FILE_BYTES,
    MOST_BYTES,
    MOST_FILES,
    SourceFile,
    digest_of,
    overlooked,
    read_case_files,
    read_directory,
    stamp_of,
    version_of,
)


def read(directory: Path) -> tuple[list[str], str]:
    """Names of the files read, and the problems, less the directory's name."""
    problems = Problems()
    files = read_directory(directory, problems)
    try:
        problems.raise_if_any()
    except PolicyError as error:
        return [Path(file.name).name for file in files], str(error).replace(f"{directory}", "")
    return [Path(file.name).name for file in files], ""


def test_cases_hidden_files_and_other_suffixes_are_no_policy_files(tmp_path: Path) -> None:
    for name in ("b.yml", "a.yaml", "a.cases.yaml", ".hidden.yaml", "README.md", "c.yaml~"):
        (tmp_path / name).write_text("{}")

    assert read(tmp_path) == (["a.yaml", "b.yml"], "")


def test_a_symbolic_link_is_followed_as_a_mounted_config_map_needs(tmp_path: Path) -> None:
    data = tmp_path / "..data"
    data.mkdir()
    (data / "a.yaml").write_text("{}")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")

    assert read(tmp_path) == (["a.yaml"], "")


def test_a_loop_of_symbolic_links_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("b.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")

    names, problems = read(tmp_path)

    assert names == []
    assert problems.splitlines()[0].startswith("/a.yaml: cannot read it: too many levels of symbolic links")


def test_a_pipe_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")

    assert read(tmp_path) == ([], "/a.yaml: not a regular file")


def test_text_that_is_not_utf8_is_refused_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("a: é\nbé: \xe9".encode() + b"\xe9")

    assert read(tmp_path) == ([], "/a.yaml:2:6: not UTF-8; save the file as UTF-8")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1")

    assert read_directory(tmp_path, Problems())[0].text == "a: 1"


@pytest.mark.parametrize(("size", "names"), [(LONGEST_FILE_BYTES, ["a.yaml"]), (LONGEST_FILE_BYTES + 1, [])])
def test_a_file_may_be_one_mebibyte_long(tmp_path: Path, size: int, names: list[str]) -> None:
    (tmp_path / "a.yaml").write_bytes(b"#" * size)

    assert read(tmp_path)[0] == names


def test_a_directory_without_policy_files_says_what_to_write(tmp_path: Path) -> None:
    _, problems = read(tmp_path)

    assert "no policy file (*.yaml)" in problems
    assert "'deployments', 'routes' and 'policies'" in problems


def test_a_missing_directory_is_a_problem(tmp_path: Path) -> None:
    _, problems = read(tmp_path / "missing")

    assert problems == ": cannot read the policy directory: no such file or directory"


def test_the_version_changes_with_a_byte_and_with_a_name() -> None:
    files = [SourceFile("a.yaml", "x"), SourceFile("b.yaml", "y")]

    versions = {
        version_of(files),
        version_of([SourceFile("a.yaml", "xy"), SourceFile("b.yaml", "")]),
        version_of([SourceFile("c.yaml", "x"), SourceFile("b.yaml", "y")]),
    }

    assert len(versions) == 3
    assert all(len(version) == 8 for version in versions)


def test_the_version_does_not_depend_on_where_the_directory_is() -> None:
    assert version_of([SourceFile("here/a.yaml", "x")]) == version_of([SourceFile("there/a.yaml", "x")])


def test_case_files_are_read_apart_from_the_policies_and_none_is_no_problem(tmp_path: Path) -> None:
    problems = Problems()

    before = read_case_files(tmp_path, problems)
    for name in ("b.cases.yml", "a.cases.yaml", "a.yaml", ".hidden.cases.yaml", "README.md"):
        (tmp_path / name).write_text("{}")
    after = read_case_files(tmp_path, problems)

    assert before == ()
    assert [Path(file.name).name for file in after] == ["a.cases.yaml", "b.cases.yml"]
    assert len(problems) == 0


def test_case_files_of_a_directory_that_is_not_there_are_a_problem(tmp_path: Path) -> None:
    problems = Problems()

    assert read_case_files(tmp_path / "none", problems) == ()
    assert len(problems) == 1


def test_more_files_than_anybody_writes_are_refused_unread(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 1):
        (tmp_path / f"{number}.yaml").touch()

    assert read(tmp_path) == ([], f": {MOST_FILES + 1} files, more than {MOST_FILES}; put some of them together")


def test_files_that_are_too_long_together_are_refused(tmp_path: Path) -> None:
    for number in range(MOST_BYTES // LONGEST_FILE_BYTES + 1):
        (tmp_path / f"{number}.yaml").write_bytes(b"#" * LONGEST_FILE_BYTES)

    assert read(tmp_path)[1] == f": the files are longer than {MOST_BYTES} bytes together"


def test_a_name_that_cannot_be_printed_is_refused_and_printed_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a\nb.yaml").write_text("{}")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.yaml")).write_text("{}")
    (tmp_path / "good.yaml").write_text("{}")

    names, problems = read(tmp_path)

    assert names == ["good.yaml"]
    assert problems.splitlines() == [
        f": the file name {name} cannot be printed; rename it" for name in (r"'a\nb.yaml'", r"'\udcff.yaml'")
    ]


def test_the_version_is_the_beginning_of_the_digest() -> None:
    files = [SourceFile("a.yaml", "x")]

    assert digest_of(files).startswith(version_of(files))
    assert len(digest_of(files)) == 64


def rewrite(file: Path) -> None:
    file.write_text("[1]")


def touch_later(file: Path) -> None:
    os.utime(file, ns=(1, 1))


def lock(file: Path) -> None:
    file.chmod(0o400)


def replace_by_its_like(file: Path) -> None:
    """As a copy that keeps the times does."""
    status = file.stat()
    other = file.with_name("other")
    other.write_text("[]")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.rename(file)


def add(file: Path) -> None:
    file.with_name("b.cases.yaml").write_text("[]")


@pytest.mark.parametrize("change", [Path.unlink, rewrite, touch_later, lock, replace_by_its_like, add])
def test_a_stamp_changes_with_the_files(tmp_path: Path, change: Callable[[Path], object]) -> None:
    (tmp_path / "a.yaml").write_text("{}")
    before = stamp_of(tmp_path)

    same = stamp_of(tmp_path)
    change(tmp_path / "a.yaml")

    assert before == same
    assert stamp_of(tmp_path) != before


def test_a_stamp_changes_with_what_a_link_leads_to(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text("{}")
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    before = stamp_of(tmp_path)

    (tmp_path / "..next").symlink_to("two")
    (tmp_path / "..next").rename(tmp_path / "..data")

    assert stamp_of(tmp_path) != before


def test_other_files_leave_the_stamp_alone(tmp_path: Path) -> None:
    before = stamp_of(tmp_path)

    (tmp_path / "README.md").touch()

    assert stamp_of(tmp_path) == before


def test_a_directory_that_is_not_there_has_a_stamp_too(tmp_path: Path) -> None:
    (tmp_path / "dangling.yaml").symlink_to("nowhere")

    assert stamp_of(tmp_path / "none") == stamp_of(tmp_path / "neither")
    assert stamp_of(tmp_path) != stamp_of(tmp_path / "none")


def test_files_that_only_look_like_policy_files_are_overlooked(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.YAML", "c.Yml", "d.txt"):
        (tmp_path / name).touch()

    assert [path.name for path in overlooked(tmp_path)] == ["b.YAML", "c.Yml"]
    assert overlooked(tmp_path / "nowhere") == []
