"""Whether the code in an answer can be code: what stands in its fences is parsed, never run."""

import ast
import re
from collections.abc import Iterator
from textwrap import dedent
from typing import Final, Literal

import msgspec

Verdict = Literal["", "broken", "unbalanced"]
"""Empty where nothing is known to be wrong; `unbalanced`: brackets do not close, in a language that is not parsed."""

_FENCE: Final = "```"
_MOST_BLOCKS: Final = 16
_LONGEST_BLOCK_CHARS: Final = 20_000
_MOST_CHARS: Final = 40_000
"""Of all blocks that are looked at."""

_PYTHON: Final = frozenset(("python", "py", "python3", "py3"))
_CURLY: Final = frozenset(
    (
        *("javascript", "js", "jsx", "typescript", "ts", "tsx", "java", "c", "cpp", "c++", "csharp", "c#", "cs"),
        *("go", "golang", "rust", "rs", "kotlin", "kt", "swift", "php", "css", "scss"),
    )
)
_NO_MODULE: Final = re.compile(r"^\s*(?:>>>|[%!$?]|In \[)|^\s*\.\.\.\s+\S|<[A-Za-z_ ]{2,40}>(?!\()", re.MULTILINE)
"""What Python does not read as a module: dialogues, notebooks, and places to fill in."""
_ESCAPE: Final = re.compile(r"\\(?![\r\n'\"\\])(.)|\\[\s\S]")
_JSON: Final = msgspec.json.Decoder()
_NOT_JSON: Final = ("...", "…", "//", "/*", "# ", "<")
"""What says that JSON is a sketch."""

_APART: Final = re.compile(
    r"""/\*[\s\S]*?(?:\*/|\Z) | //[^\n]*+ | "(?:[^"\\\n]|\\.)*+"? |
    `(?:[^`\\]|\\[\s\S])*+`? | (?<![\w<&])'(?:[^'\\\n]|\\.){1,80}'""",
    re.VERBOSE,
)
"""Comments and strings. Each takes what is left where it is not closed, so that no start is looked at twice; a
lifetime of Rust (`<'a>`) begins no string."""
_PAIRS: Final = ("()", "[]", "{}")


def code_verdict(text: str) -> Verdict:
    """The worst that can be said of the code blocks of a text."""
    worst: Verdict = ""
    for language, block in _blocks(text):
        if (language in _PYTHON and not _is_python(block)) or (language == "json" and not _is_json(block)):
            return "broken"
        if language in _CURLY and not _is_balanced(block):
            worst = "unbalanced"
    return worst


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Each closed block with the language its fence names, in lower case; none that is too long to look at."""
    left = _MOST_CHARS
    start = text.find(_FENCE)
    for _ in range(_MOST_BLOCKS):
        line_end = text.find("\n", start) if start >= 0 else -1
        end = text.find(f"\n{_FENCE}", line_end) if line_end >= 0 else -1
        if end < 0:
            end = _indented_end(text, line_end) if line_end >= 0 else -1
        if end < 0:
            return
        block = text[line_end + 1 : end + 1]
        left -= len(block)
        if left < 0:
            return
        info = text[start + len(_FENCE) : min(line_end, start + 60)].split(None, 1)
        if info and len(block) <= _LONGEST_BLOCK_CHARS:
            yield info[0].lower(), block
        start = text.find(_FENCE, text.find(_FENCE, end) + len(_FENCE))


def _indented_end(text: str, line_end: int) -> int:
    """Where the line before a closing fence ends that is indented, as in lists."""
    fence = text.find(_FENCE, line_end)
    newline = text.rfind("\n", line_end, fence) if fence >= 0 else -1
    return newline if newline >= 0 and text[newline:fence].isspace() else -1


def _is_python(block: str) -> bool:
    if _NO_MODULE.search(block):
        return True
    source = _ESCAPE.sub(_known_escape, dedent(block))
    try:
        compile(source, "<answer>", "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    except (MemoryError, RecursionError):
        return True  # deeper than the parser goes is not wrong
    return True


def _known_escape(escape: re.Match[str]) -> str:
    r"""The parser warns of escapes it does not know, such as `\d`: to the log, where code of users has no place."""
    return "__" if escape[1] else escape[0]


def _is_json(block: str) -> bool:
    if any(mark in block for mark in _NOT_JSON):
        return True
    try:
        _JSON.decode(block)
    except RecursionError:
        return True
    except ValueError:
        return _are_json_lines(block)
    return True


def _are_json_lines(block: str) -> bool:
    try:
        _JSON.decode_lines(block)
    except (RecursionError, ValueError):
        return False
    return True


def _is_balanced(block: str) -> bool:
    bare = _APART.sub(" ", block)
    return all(bare.count(opening) == bare.count(closing) for opening, closing in _PAIRS)
