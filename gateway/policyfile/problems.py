"""What is wrong with the policy files: each problem at its place, all of them in one error."""

import difflib
import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

MOST_PROBLEMS: Final = 200
_MOST_SUGGESTIONS: Final = 50
"""Of one load: comparing is slow, and a hostile file may hold many words and many names."""
_MOST_KNOWN: Final = 200
"""Words that a suggestion is looked for among: those nearest in length."""
_LONGEST_WORD: Final = 200


class Place(NamedTuple):
    """Where in the files; lines and columns count from 1 and characters, None: the file as a whole."""

    file: str
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem.

    path        where in the words of the policy language ("policy 'default', rule 3"); empty: the file itself
    suggestion  the next step, where one can be guessed
    """

    file: str
    line: int | None
    column: int | None
    path: str
    message: str
    suggestion: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        message = f"{self.path}: {self.message}" if self.path else self.message
        return f"{place}: {message}" if self.suggestion is None else f"{place}: {message}; {self.suggestion}"


class PolicyError(Exception):
    """The policy files cannot be used. Prints one problem a line, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda each: (each.file, each.line or 0, each.column or 0)))
        super().__init__("\n".join(map(str, self.problems)))


class Problems:
    """Collects problems until `raise_if_any`, or until there are so many that nobody reads on."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self._suggestions_left = _MOST_SUGGESTIONS

    def add(self, place: Place, path: str, message: str, suggestion: str | None = None) -> None:
        """Raises PolicyError where these are `MOST_PROBLEMS`: the rest is not looked for."""
        problem = Problem(
            file=place.file,
            line=place.line,
            column=place.column,
            path=path,
            message=message,
            suggestion=suggestion,
        )
        self._found[problem] = None
        if len(self._found) >= MOST_PROBLEMS:
            raise PolicyError(self._found)

    def did_you_mean(self, word: str, known: Iterable[str]) -> str | None:
        """The nearest of the known words, as a question; None where none is near, and after many such questions."""
        self._suggestions_left -= 1
        return did_you_mean(word, known) if self._suggestions_left >= 0 else None

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._found)

    def raise_if_any(self) -> None:
        if self._found:
            raise PolicyError(self._found)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The nearest of the known words, as a question; None where none is near."""
    if len(word) > _LONGEST_WORD:
        return None
    alike = heapq.nsmallest(_MOST_KNOWN, known, key=lambda each: abs(len(each) - len(word)))
    nearest = difflib.get_close_matches(word, alike, n=1)
    return f"did you mean {nearest[0]!r}?" if nearest else None
