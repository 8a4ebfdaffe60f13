"""Facts measured on a request: cheap, pure, and the same wherever they are taken."""

import re
from bisect import bisect_left
from typing import Literal

from msgspec import Struct

from gateway.domain.asked_length import asked_tokens
from gateway.domain.asks import human_part
from gateway.domain.code import code_language
from gateway.domain.courtesy import is_trivial
from gateway.domain.language import language_of
from gateway.domain.request import ChatRequest, Message
from gateway.domain.sensitivity import Kind, Sensitivity, highest, sensitive_kinds
from gateway.domain.tokens import estimated_tokens

_VIEW_CHARS = 4_000
_TOKENS_PER_MESSAGE = 4
_TOKENS_PER_IMAGE = 765
_TOKENS_PER_TOOL = 60

_OPERATORS = "-+*/^=×÷"
_ARITHMETIC = re.compile(r"\d\s*[-+*/^=×÷]\s*\d")
_SHAPES = bytes(
    ord("0") if chr(byte).isdecimal() else ord("-") if byte < 128 and chr(byte) in _OPERATORS else ord(".")
    for byte in range(256)
)
"""Each byte as a digit, an operator or neither."""
_WHITE_SPACE = bytes(byte for byte in range(128) if chr(byte).isspace())
_ASCII = bytes(range(128))
_MAYBE_ARITHMETIC = re.compile(r"[×÷\d\s]")
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
_LATIN_LETTERS = bytes(byte for byte in range(128) if chr(byte).isalpha())
_HAN_LEADS = bytes(range(0xE4, 0xEA))
"""How the signs from U+4000 to U+9FFF begin in UTF-8: all are letters but the hexagrams, which begin so too."""
_HEXAGRAMS = b"\xe4\xb7"


class Signals(Struct, frozen=True, kw_only=True):
    """What was measured.

    tokens         estimated input tokens of the whole conversation, tools and images included
    ask_tokens     estimated tokens of the last human ask alone
    turns          messages a human wrote
    tool_loop      an agent is at work: what came last is a tool's result, or something else no human wrote
    code_language  of the code in the last ask; empty where there is none
    language       of the last ask, ISO 639-1; `und` where it cannot be told
    asked_tokens   how long an answer the ask wants; 0 where it does not say
    trivial        the ask is a greeting, thanks, a yes or a no, and nothing else
    sensitive      every kind of sensitive content in the conversation, the gravest first
    sensitivity    the first of them; `none` where there is none
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
    code_language: str = ""
    language: str = "und"
    asked_tokens: int = 0
    trivial: bool = False
    sensitive: tuple[Kind, ...] = ()


def measure(request: ChatRequest) -> Signals:
    """Measure a request; patterns look at a bounded view of the last ask, sizes and sensitivity at the whole."""
    messages = request.messages
    turns = images = 0
    ask = last = ""
    place = -1
    texts = []
    for index, message in enumerate(messages):
        text = message.text
        texts.append(text)
        images += message.images
        if message.role == "user":
            last = human_part(text)
            if last or message.images:
                turns += 1
            if last:
                ask, place = last, index
    asking = texts[place] if place >= 0 else ""
    around = "\n".join(texts[:place] + texts[place + 1 :]) if place >= 0 else "\n".join(texts)
    view = bounded_view(ask)
    language = language_of(view)
    ask_tokens = estimated_tokens(ask, language)
    written_in = code_language(view)
    kinds = sensitive_kinds([*texts, request.aside] if request.aside else texts)
    return Signals(
        tokens=(ask_tokens if asking is ask else estimated_tokens(asking))
        + (estimated_tokens(around) if around else 0)
        + len(messages) * _TOKENS_PER_MESSAGE
        + request.tools * _TOKENS_PER_TOOL
        + images * _TOKENS_PER_IMAGE,
        ask_tokens=ask_tokens,
        turns=turns,
        messages=len(messages),
        tools=request.tools,
        tool_loop=_is_at_work(messages[-1], last, turns),
        images=images,
        structured=request.structured,
        code=written_in != "",
        maths=_has_maths(view),
        max_output_tokens=request.max_output_tokens or 0,
        script=script_of(view),
        sensitivity=highest(kinds),
        code_language=written_in,
        language=language,
        asked_tokens=asked_tokens(view, language),
        trivial=images == 0 and is_trivial(view),
        sensitive=kinds,
    )


def _is_at_work(message: Message, human: str, turns: int) -> bool:
    """Whether the last message is an agent's; `human`: what of the last user message a human wrote."""
    if message.role == "user":
        return turns > 0 and not human and not message.images
    return message.role == "tool"


def bounded_view(text: str) -> str:
    """The head and the tail of a text, `_VIEW_CHARS` characters in all: what patterns may look at."""
    if len(text) <= _VIEW_CHARS:
        return text
    half = _VIEW_CHARS // 2
    return f"{text[:half]}\n{text[-half:]}"


def _has_maths(view: str) -> bool:
    is_ascii = view.isascii()
    if _is_arithmetic(view, is_ascii) or (not is_ascii and _MATHS_SIGN.search(view)):
        return True
    return ("\\" in view or "$" in view) and _LATEX.search(view) is not None


def _is_arithmetic(view: str, is_ascii: bool) -> bool:
    """Whether an operator stands between two digits; what is ASCII is told at memory speed."""
    for sign in _OPERATORS:
        if sign in view:
            break
    else:
        return False
    data = view.encode("utf-8", "surrogatepass")
    if data.translate(_SHAPES, _WHITE_SPACE).find(b"0-0") >= 0:
        return True
    if is_ascii or _MAYBE_ARITHMETIC.search(data.translate(None, _ASCII).decode("utf-8", "surrogatepass")) is None:
        return False
    return _ARITHMETIC.search(view) is not None


def script_of(text: str) -> Script:
    """The script most of the letters of a text's first 200 characters are in."""
    if text.isascii():
        return "latin"
    head = text[:_SCRIPT_CHARS]
    if script := _plain_script(head):
        return script
    letters = sorted(filter(str.isalpha, head))
    counts = dict.fromkeys(_SCRIPT_RANGES, 0)
    for script, ranges in _SCRIPT_RANGES.items():
        for first, after in ranges:
            counts[script] += bisect_left(letters, after) - bisect_left(letters, first)
    counts["other"] = len(letters) - sum(counts.values())
    return max(counts, key=lambda script: counts[script])


def _plain_script(head: str) -> Script | None:
    """The script where its commonest letters alone are more than half of the characters."""
    data = head.encode("utf-8", "surrogatepass")
    if (len(data) - len(data.translate(None, _LATIN_LETTERS))) * 2 > len(head):
        return "latin"
    signs = len(data) - len(data.translate(None, _HAN_LEADS)) - data.count(_HEXAGRAMS)
    return "cjk" if signs * 2 > len(head) else None
