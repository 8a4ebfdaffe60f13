"""Reads rows of prompts, with or without word of which of two models answered them right: JSON, one object a line."""

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, get_args

import orjson
from msgspec import Struct

from gateway.domain.classification import Task
from gateway.domain.errors import InvalidRequestError
from gateway.domain.request import Caller, ChatRequest

MOST_PROBLEMS: Final = 20

_TASKS: Final[tuple[Task, ...]] = get_args(Task)

Parse = Callable[[bytes], ChatRequest]
"""Reads a full OpenAI or Anthropic request body; raises InvalidRequestError."""


class Row(Struct, frozen=True, kw_only=True):
    """One request and what is known of it.

    line                         where it stands in its file, from 1
    small_answer, large_answer   None where they were not kept
    category, app, team          empty where they are not known
    task                         None where nobody has said what it is
    small_logprob                mean log-probability of the small answer's tokens; None where it was not kept
    """

    line: int
    request: ChatRequest
    small_answer: str | None = None
    large_answer: str | None = None
    category: str = ""
    app: str = ""
    team: str = ""
    task: Task | None = None
    small_logprob: float | None = None

    @property
    def caller(self) -> Caller:
        return Caller(key_id="", team=self.team, app=self.app)


class Outcome(Row, frozen=True, kw_only=True):
    """A row with its labels: whose answer was right."""

    small_correct: bool
    large_correct: bool


R_co = TypeVar("R_co", bound=Row, covariant=True)


class RowFile(Struct, Generic[R_co], frozen=True, kw_only=True):
    """The rows of one file, at least one, in its order."""

    path: str
    rows: tuple[R_co, ...]


class Outcomes(Struct, frozen=True, kw_only=True):
    """The labelled rows of one or more files."""

    files: tuple[RowFile[Outcome], ...]

    @property
    def rows(self) -> tuple[Outcome, ...]:
        return tuple(row for file in self.files for row in file.rows)


class OutcomesError(ValueError):
    """Files that cannot be used; `problems` name file, line and fault, at most MOST_PROBLEMS of them, `more` follow."""

    def __init__(self, problems: Sequence[str], more: int = 0) -> None:
        self.problems = tuple(problems)
        self.more = more
        super().__init__("\n".join([*problems, f"and {more} more"] if more else problems))


def read_outcomes(paths: Sequence[Path], parse: Parse) -> Outcomes:
    """Read labelled rows from JSONL or gzipped JSONL. Raises OutcomesError for all that is wrong in all files."""
    return Outcomes(files=_read(paths, lambda raw, line: _outcome(raw, line, parse)))


def read_rows(paths: Sequence[Path], parse: Parse) -> tuple[RowFile[Row], ...]:
    """Read rows that need no labels. Raises OutcomesError."""
    return _read(paths, lambda raw, line: Row(**_fields(raw, line, parse)))


_AnyRow = TypeVar("_AnyRow", bound=Row)


def _read(paths: Sequence[Path], row_of: Callable[[Any, int], _AnyRow]) -> tuple[RowFile[_AnyRow], ...]:
    files: list[RowFile[_AnyRow]] = []
    problems: list[str] = []
    for path in paths:
        rows: list[_AnyRow] = []
        before = len(problems)
        try:
            for line, text in _lines(path):
                try:
                    rows.append(row_of(_parsed(text), line))
                except _BadLineError as error:
                    problems.append(f"{path}:{line}: {error}")
        except (OSError, EOFError, zlib.error) as error:
            problems.append(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}")
        if not rows and len(problems) == before:
            problems.append(f"{path}: holds no rows; expected one JSON object a line")
        files.append(RowFile(path=str(path), rows=tuple(rows)))
    if problems:
        raise OutcomesError(problems[:MOST_PROBLEMS], max(0, len(problems) - MOST_PROBLEMS))
    return tuple(files)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, each with its number."""
    with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as file:
        for number, text in enumerate(file, 1):
            if text.strip():
                yield number, text


class _BadLineError(ValueError):
    """What is wrong with one line."""


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _BadLineError(f"not valid JSON: {error}") from error
    if not isinstance(raw, dict):
        raise _BadLineError(f"expected a JSON object, got {_shown(raw)}")
    return raw


def _outcome(raw: dict[str, Any], line: int, parse: Parse) -> Outcome:
    return Outcome(
        **_fields(raw, line, parse),
        small_correct=_label(raw, "small_correct"),
        large_correct=_label(raw, "large_correct"),
    )


def _fields(raw: dict[str, Any], line: int, parse: Parse) -> dict[str, Any]:
    return {
        "line": line,
        "request": _request(raw, parse),
        "small_answer": _text(raw, "small_answer"),
        "large_answer": _text(raw, "large_answer"),
        "category": _text(raw, "category") or "",
        "app": _text(raw, "app") or "",
        "team": _text(raw, "team") or "",
        "task": _task(raw),
        "small_logprob": _logprob(raw),
    }


def _request(raw: dict[str, Any], parse: Parse) -> ChatRequest:
    prompt, body = raw.get("prompt"), raw.get("request")
    if (prompt is None) == (body is None):
        raise _BadLineError("needs 'prompt' (a text) or 'request' (an OpenAI or Anthropic chat body), and not both")
    if prompt is not None:
        if not isinstance(prompt, str) or not prompt.strip():
            raise _BadLineError(f"'prompt' must be a text that is not empty, not {_shown(prompt)}")
        body = {"model": "auto", "messages": [{"role": "user", "content": prompt}]}
    elif not isinstance(body, dict):
        raise _BadLineError(f"'request' must be an object, an OpenAI or Anthropic chat body, not {_shown(body)}")
    try:
        return parse(orjson.dumps({"model": "auto", **body}))
    except InvalidRequestError as error:
        raise _BadLineError(f"'request': {error}") from error


def _label(raw: dict[str, Any], name: str) -> bool:
    if name not in raw:
        raise _BadLineError(f"{name!r} is missing; it says whether that model's answer was right: true or false")
    value = raw[name]
    if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    raise _BadLineError(f"{name!r} must be true or false (or 1 or 0), not {_shown(value)}")


def _task(raw: dict[str, Any]) -> Task | None:
    value = raw.get("task")
    if value is None or value in _TASKS:
        return value
    raise _BadLineError(f"'task' must be one of {', '.join(_TASKS)}, not {_shown(value)}")


def _logprob(raw: dict[str, Any]) -> float | None:
    value = raw.get("small_logprob")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value <= 0:
        raise _BadLineError(f"'small_logprob' must be a number of at most 0, not {_shown(value)}")
    return float(value)


def _text(raw: dict[str, Any], name: str) -> str | None:
    value = raw.get(name)
    if value is None or isinstance(value, str):
        return value
    raise _BadLineError(f"{name!r} must be a text, not {_shown(value)}")


def _shown(value: Any) -> str:
    """A value as messages show it, cut short."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
