"""Facts measured on a request: cheap, pure, and the same wherever they are taken."""

import re
from bisect import bisect_left
from typing import Literal

from msgspec import Struct

from gateway.domain.request import ChatRequest
from gateway.domain.sensitivity import Sensitivity, sensitivity_of

_VIEW_CHARS = 4_000
_CHARS_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4
_TOKENS_PER_IMAGE = 765
_TOKENS_PER_TOOL = 60

_CODE_WORD = r"[^\S\n]*(?:def|class|import|from|func|fn|public|private|const|let|var|SELECT|CREATE|INSERT)\s+\w"
_CODE_START = re.compile(_CODE_WORD)
_CODE_LINE = re.compile(rf"\n{_CODE_WORD}")
_CODE_MARKS = (("`", "```"), ("=", "=>"), (":", "::"))
"""What only code holds, after a character of it that is found at memory speed."""
_CODE_LINE_END = re.compile(r"[;{}][^\S\n]*(?:\n|\Z)")
_OPERATORS = "-+*/^=×÷"
_ARITHMETIC = re.compile(r"\d\s*[-+*/^=×÷]\s*\d")
_MATHS_SIGN = re.compile(r"[∑∫√≤≥≠±∂∇]")
_LATEX = re.compile(r"\\(?:frac|sum|int|sqrt)\b|\$[^$\n]{1,80}\$")

Script = Literal["latin", "cyrillic", "cjk", "other"]

_SCRIPT_CHARS = 200
_SCRIPT_RANGES: dict[Script, tuple[tuple[str, str], ...]] = {
    "latin": (("", "\u0250"),),
    "cyrillic": (("\u0400", "\u0530"),),
    "cjk": (("\u3040", "\u3100"), ("\u3400", "\ua000"), ("\uac00", "\ud7b0")),
    "other": (),
}
"""The first code point of each range, and the first after it."""


class Signals(Struct, frozen=True, kw_only=True):
    """What was measured.

    tokens      estimated input tokens of the whole conversation, tools and images included
    ask_tokens  estimated tokens of the last human message alone
    turns       messages a human wrote
    tool_loop   the last message is a tool's result: an agent is at work
    """

    tokens: int
    ask_tokens: int
    turns: int
    messages: int
    tools: int
    tool_loop: bool
    images: int
    structured: bool
    code: bool
    maths: bool
    max_output_tokens: int
    """0 where the client set none."""
    script: Script
    sensitivity: Sensitivity


def measure(request: ChatRequest) -> Signals:
    """Measure a request; patterns look at a bounded view of the last ask, sizes and sensitivity at the whole."""
    messages = request.messages
    chars = turns = images = 0
    ask = ""
    texts = []
    for message in messages:
        text = message.text
        texts.append(text)
        chars += len(text)
        images += message.images
        if message.role == "user":
            turns += 1
            ask = text or ask
    view = bounded_view(ask)
    return Signals(
        tokens=_tokens(chars, len(messages), request.tools, images),
        ask_tokens=-(-len(ask) // _CHARS_PER_TOKEN),
        turns=turns,
        messages=len(messages),
        tools=request.tools,
        tool_loop=messages[-1].role == "tool",
        images=images,
        structured=request.structured,
        code=_has_code(view),
        maths=_has_maths(view),
        max_output_tokens=request.max_output_tokens or 0,
        script=script_of(view),
        sensitivity=sensitivity_of(texts),
    )


def bounded_view(text: str) -> str:
    """The head and the tail of a text, `_VIEW_CHARS` characters in all: what patterns may look at."""
    if len(text) <= _VIEW_CHARS:
        return text
    half = _VIEW_CHARS // 2
    return f"{text[:half]}\n{text[-half:]}"


def _has_code(view: str) -> bool:
    """Patterns that begin with a literal or a class, one at a time: a joint alternation costs ten times as much."""
    if _CODE_START.match(view) or ("\n" in view and _CODE_LINE.search(view)):
        return True
    for char, mark in _CODE_MARKS:
        if char in view and mark in view:
            return True
    return (";" in view or "{" in view or "}" in view) and _CODE_LINE_END.search(view) is not None


def _has_maths(view: str) -> bool:
    for sign in _OPERATORS:
        if sign in view:
            if _ARITHMETIC.search(view):
                return True
            break
    if not view.isascii() and _MATHS_SIGN.search(view):
        return True
    return ("\\" in view or "$" in view) and _LATEX.search(view) is not None


def _tokens(chars: int, messages: int, tools: int, images: int) -> int:
    text = -(-chars // _CHARS_PER_TOKEN)
    return text + messages * _TOKENS_PER_MESSAGE + tools * _TOKENS_PER_TOOL + images * _TOKENS_PER_IMAGE


def script_of(text: str) -> Script:
    """The script most of the letters of a text's first 200 characters are in."""
    if text.isascii():
        return "latin"
    letters = sorted(filter(str.isalpha, text[:_SCRIPT_CHARS]))
    counts = dict.fromkeys(_SCRIPT_RANGES, 0)
    for script, ranges in _SCRIPT_RANGES.items():
        for first, after in ranges:
            counts[script] += bisect_left(letters, after) - bisect_left(letters, first)
    counts["other"] = len(letters) - sum(counts.values())
    return max(counts, key=lambda script: counts[script])
