"""Reads the policy files of a directory."""

import hashlib
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.policyfile.problems import Place, Problems

LONGEST_FILE_BYTES = 1024 * 1024
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file as read. `name` is what problems call it: the directory as it was given, and the file's name."""

    name: str
    text: str


def read_directory(directory: Path, problems: Problems) -> tuple[SourceFile, ...]:
    """The directory's policy files by name; subdirectories, hidden files and `*.cases.yaml` are none.

    Symbolic links are followed, for that is how Kubernetes mounts a ConfigMap.
    """
    names = _names(directory, is_policy_file, problems)
    if names == []:
        problems.add(
            Place(str(directory)),
            "",
            "no policy file (*.yaml) in this directory",
            "write one with 'deployments', 'routes' and 'policies', or copy one of the examples",
        )
    return _files(directory, names or [], problems)


def read_case_files(directory: Path, problems: Problems) -> tuple[SourceFile, ...]:
    """The directory's `*.cases.yaml` by name; that there is none is no problem."""
    return _files(directory, _names(directory, is_case_file, problems) or [], problems)


def is_policy_file(path: Path) -> bool:
    """Whether the loader would read a file of that name."""
    return path.suffix in _SUFFIXES and not path.name.startswith(".") and not path.stem.endswith(".cases")


def is_case_file(path: Path) -> bool:
    """Whether the name is that of a file of cases."""
    return path.suffix in _SUFFIXES and not path.name.startswith(".") and path.stem.endswith(".cases")


def version_of(files: Sequence[SourceFile]) -> str:
    """Eight hex digits that change with any name or any byte of the files."""
    digest = hashlib.sha256()
    for file in files:
        for part in (Path(file.name).name.encode(), file.text.encode()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:8]


def _names(directory: Path, is_wanted: Callable[[Path], bool], problems: Problems) -> list[str] | None:
    """The wanted files' names in order; None where the directory cannot be read, and then there is a problem more."""
    try:
        return sorted(path.name for path in directory.iterdir() if is_wanted(path))
    except OSError as error:
        problems.add(Place(str(directory)), "", f"cannot read the policy directory: {_reason(error)}")
        return None


def _files(directory: Path, names: Sequence[str], problems: Problems) -> tuple[SourceFile, ...]:
    files = (_read(directory / name, problems) for name in names)
    return tuple(file for file in files if file is not None)


def _read(path: Path, problems: Problems) -> SourceFile | None:
    place = Place(str(path))
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            problems.add(place, "", "not a regular file")
            return None
        with path.open("rb") as stream:
            content = stream.read(LONGEST_FILE_BYTES + 1)
    except OSError as error:
        problems.add(place, "", f"cannot read it: {_reason(error)}")
        return None
    if len(content) > LONGEST_FILE_BYTES:
        problems.add(place, "", f"longer than {LONGEST_FILE_BYTES} bytes", "split it: names reach across files")
        return None
    try:
        return SourceFile(str(path), content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        where = Place(str(path), before.count(b"\n") + 1, column)
        problems.add(where, "", "not UTF-8", "save the file as UTF-8")
        return None


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
