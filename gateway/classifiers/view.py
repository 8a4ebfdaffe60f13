"""What classifiers look at: bounded, normalised views of the last human ask, taken apart once."""

import re
from typing import Final

from msgspec import Struct

from gateway.classifiers.vocabulary import is_unspaced, normalised, tokens_of
from gateway.domain.asks import last_ask
from gateway.domain.request import ChatRequest
from gateway.domain.signals import bounded_view

_QUOTED = re.compile(
    r'"[^"]{12,}"|“[^“”]{12,}+”|„[^„“”]{12,}+[“”]|«[^«»]{12,}+»|‘[^‘’]{12,}+’|「[^「」]{8,}+」|『[^『』]{8,}+』'
)
"""No kind of quote holds its own beginning, and none gives back what it took: a text of them costs one look at each."""
_QUOTES: Final = '"“„«‘「『'
_QUOTED_HERE: Final = " ❝ "
_CUT_HERE: Final = " ❡ "
MARKS: Final = (_QUOTED_HERE + _CUT_HERE).replace(" ", "")
"""The characters that stand for what was left out."""
_PASTED_LINES: Final = 5
_HEAD_CHARS: Final = 400
_TAIL_CHARS: Final = 200


class View(Struct, frozen=True):
    """An ask and its words.

    text         all of it that is looked at
    instruction  the same without what seems to be given: quoted passages, and lines between the first and the last
    is_unspaced  some of it is in a language that writes no spaces
    """

    text: str
    instruction: str
    tokens: list[str]
    is_unspaced: bool


def view_of(request: ChatRequest) -> View:
    """Of the last human ask; case, compatibility forms and white space are folded."""
    return text_view(last_ask(request.messages))


def text_view(text: str) -> View:
    bounded = bounded_view(text)
    whole = bounded_view(normalised(bounded))
    asked = _without_matter(bounded)
    instruction = whole if asked is bounded else normalised(asked)
    if len(instruction) > _HEAD_CHARS + _TAIL_CHARS:
        instruction = f"{instruction[:_HEAD_CHARS]}{_CUT_HERE}{instruction[-_TAIL_CHARS:]}"
    return View(whole, instruction, tokens_of(whole), is_unspaced(whole))


def _without_matter(text: str) -> str:
    """What is left of a text without quoted and pasted passages; `text` itself where nothing in it looks like them."""
    asked = text
    if any(quote in asked for quote in _QUOTES):
        asked = _QUOTED.sub(_QUOTED_HERE, asked)
    if asked.count("\n") >= _PASTED_LINES - 1:
        lines = [line for line in asked.split("\n") if line and not line.isspace()]
        if len(lines) >= _PASTED_LINES:
            asked = f"{lines[0]}{_CUT_HERE}{lines[-1]}"
    return asked
