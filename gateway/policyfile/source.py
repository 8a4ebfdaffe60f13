"""Reads the policy files of a directory, whatever stands there: bounded, without waiting, and noticing what moves."""

import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.policyfile.problems import Place, Problems

LONGEST_FILE_BYTES = 1024 * 1024
MOST_FILES = 2_000
MOST_BYTES = 16 * 1024 * 1024
"""Of all files of a kind together."""
_SUFFIXES = (".yaml", ".yml")

Stamp = tuple[object, ...]
"""What `stamp_of` tells; only good for comparing."""


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


def overlooked(directory: Path) -> list[Path]:
    """Files nobody reads whose names differ from a policy file's in capitals alone."""
    try:
        paths = sorted(directory.iterdir())
    except OSError:
        return []
    return [path for path in paths if path.suffix not in _SUFFIXES and path.suffix.lower() in _SUFFIXES]


def version_of(files: Sequence[SourceFile]) -> str:
    """Eight hex digits that change with any name or any byte of the files."""
    return digest_of(files)[:8]


def digest_of(files: Sequence[SourceFile]) -> str:
    """The whole of what `version_of` shows the beginning of."""
    digest = hashlib.sha256()
    for file in files:
        for part in (Path(file.name).name.encode(), file.text.encode()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def stamp_of(directory: Path) -> Stamp:
    """Changes with the directory's files, behind symbolic links too, while none of them is opened. Never raises."""
    try:
        names = sorted(entry.name for entry in os.scandir(directory) if _is_wanted(entry.name))
    except OSError as error:
        return (error.errno,)
    return (len(names), *(_stamp_of_file(directory / name) for name in names[: 2 * MOST_FILES]))


def _stamp_of_file(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError as error:
        return (path.name, error.errno)
    # The change time tells of a file that was put back with the modification time of the one before.
    times = (status.st_mtime_ns, status.st_ctime_ns)
    return (path.name, *times, status.st_size, status.st_dev, status.st_ino, status.st_mode)


def _is_wanted(name: str) -> bool:
    """Whether it is a policy file or one of cases."""
    return name.endswith(_SUFFIXES) and not name.startswith(".")


def _names(directory: Path, is_wanted: Callable[[Path], bool], problems: Problems) -> list[str] | None:
    """The wanted files' names in order; None where the directory cannot be read, and then there is a problem more."""
    place = Place(str(directory))
    try:
        names = sorted(path.name for path in directory.iterdir() if is_wanted(path))
    except OSError as error:
        suggestion = f"name its directory, {directory.parent}" if isinstance(error, NotADirectoryError) else None
        problems.add(place, "", f"cannot read the policy directory: {_reason(error)}", suggestion)
        return None
    if len(names) > MOST_FILES:
        problems.add(place, "", f"{len(names)} files, more than {MOST_FILES}", "put some of them together")
        return None
    for name in names:
        if not name.isprintable():
            problems.add(place, "", f"the file name {name!a} cannot be printed", "rename it")
    return [name for name in names if name.isprintable()]


def _files(directory: Path, names: Sequence[str], problems: Problems) -> tuple[SourceFile, ...]:
    files: list[SourceFile] = []
    left_bytes = MOST_BYTES
    for name in names:
        content = _content(directory / name, problems)
        left_bytes -= len(content or b"")
        if left_bytes < 0:
            problems.add(Place(str(directory)), "", f"the files are longer than {MOST_BYTES} bytes together")
            break
        file = None if content is None else _decoded(directory / name, content, problems)
        if file is not None:
            files.append(file)
    return tuple(files)


def _content(path: Path, problems: Problems) -> bytes | None:
    """The bytes of a regular file that is not too long; None where there is a problem more."""
    place = Place(str(path))
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            problems.add(place, "", "not a regular file")
            return None
        with open(path, "rb", opener=_without_waiting) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):  # it became something else since it was looked at
                problems.add(place, "", "not a regular file")
                return None
            content = b"" if status.st_size > LONGEST_FILE_BYTES else stream.read(LONGEST_FILE_BYTES + 1)
    except OSError as error:
        problems.add(place, "", f"cannot read it: {_reason(error)}")
        return None
    if max(len(content), status.st_size) > LONGEST_FILE_BYTES:
        problems.add(place, "", f"longer than {LONGEST_FILE_BYTES} bytes", "split it: names reach across files")
        return None
    return content


def _without_waiting(path: str, flags: int) -> int:
    """Opens a pipe that nobody writes to at once, as any other file."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _decoded(path: Path, content: bytes, problems: Problems) -> SourceFile | None:
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
