"""Policy files given as texts, to be asked about and never put in force: compiled in memory, without secrets."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Final

from gateway.domain.policy import PolicySet
from gateway.policyfile.compilation import compile_files
from gateway.policyfile.deployments import PriceBook
from gateway.policyfile.problems import Place, Problems
from gateway.policyfile.source import SourceFile

MOST_DRAFT_BYTES: Final = 1024 * 1024
"""Of a draft's files together, names included."""
_DRAFT: Final = "draft"
"""What problems call its files together."""
_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}\.ya?ml")
_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_WORD_END: Final = re.compile(r"[\s\"']")
_LONGEST_WORD: Final = 200


def load_texts(files: Mapping[str, str], prices: PriceBook, environment: Mapping[str, str]) -> PolicySet:
    """The set that a directory of these files would be; its cases, if it has any, are not looked at.

    files        the file's name → its text
    prices       the price of a deployment whose file gives none
    environment  what `${NAME}` stands for; `stand_ins` where the texts are not the operator's own
    Raises PolicyError with every problem found.
    """
    problems = Problems()
    _check_size(files, problems)
    sources = [source for name, text in sorted(files.items()) if (source := _source(name, text, problems)) is not None]
    return compile_files(sources, prices, environment, problems, of=_DRAFT).policies


def _check_size(files: Mapping[str, str], problems: Problems) -> None:
    size = sum(len(part.encode("utf-8", "surrogatepass")) for file in files.items() for part in file)
    if size > MOST_DRAFT_BYTES:
        problems.add(Place(_DRAFT), "", f"{size} bytes, more than {MOST_DRAFT_BYTES}", "give only the files it needs")
        problems.raise_if_any()


def _source(name: str, text: str, problems: Problems) -> SourceFile | None:
    """The file; None where it holds cases, which say nothing of the policies, and where there is a problem more."""
    if not _NAME.fullmatch(name):
        problems.add(Place(_DRAFT), "", f"{name[:100]!a} is not the name of a policy file", "such as 'default.yaml'")
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        before = text[: error.start]
        place = Place(name, before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
        problems.add(place, "", "half of a surrogate pair is no character", "send the text as UTF-8")
        return None
    return None if PurePath(name).stem.endswith(".cases") else SourceFile(name, text)


def stand_ins(texts: Iterable[str]) -> dict[str, str]:
    """For each variable that the texts name a value that fits the place, so that they load without the real one."""
    return dict(pair for text in texts for pair in _stand_ins(text))


def _stand_ins(text: str) -> Iterator[tuple[str, str]]:
    for match in _REFERENCE.finditer(text):
        before = _WORD_END.split(text[max(match.start() - _LONGEST_WORD, 0) : match.start()])[-1]
        if text.startswith("://", match.end()):
            yield match[1], "https"
        elif not before:
            yield match[1], "https://assumed.invalid/v1"
        else:
            yield match[1], "443" if "://" in before and before.endswith(":") else "assumed"
