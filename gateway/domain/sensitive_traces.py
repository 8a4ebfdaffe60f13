"""One look at a whole text that tells which secrets, numbers and measured values it cannot hold.

RE2 takes the same time for each byte whatever it finds: one automaton looks for all, and ends with the numbers of the
patterns that matched somewhere. As what matched is a part of its state, it looks for few: of each set of terms that
texts hold together it would make its states anew.
"""

from typing import Final

import re2  # type: ignore[import-untyped]  # it has neither stubs nor hints
from msgspec import Struct

from gateway.domain.identifiers import may_hold_a_number
from gateway.domain.plain_text import PlainText
from gateway.domain.sensitive_concepts import FACT_TRACES, folded

_NAME: Final = (
    "(?:pass(?:word|wd|phrase)|pwd|passwort|kennwort|contrase(?:ñ|n)a|mot de passe|senha|wachtwoord|密码|密碼|"
    "パスワード|secret|api[_-]?key|secret[_-]?key|access[_-]?key|account[_-]?key|auth[_-]?token|access[_-]?token)"
)
_SECRET_TRACES: Final = (
    "-----begin ",
    r"\b(?:akia|asia)[0-9a-z]{2}",
    r"\bsk-[\w-]{2}",
    r"\b(?:gh[pousr]_|github_pat_)",
    r"\bglpat-",
    r"\bhf_[a-z0-9]",
    r"\bnpm_[a-z0-9]{2}",
    r"\bxox[abeoprs]-",
    r"\baiza[\w-]{2}",
    r"\b(?:[rs]k_live_|whsec_)",
    r"\bsg\.[\w-]{2}",
    r"\beyj[\w-]{2}",
    r"\b(?:accountkey|sharedaccesskey)=",
    rf"{_NAME}[\"'`]?(?: ?(?::|=|：)| (?:is|ist|es|est|lautet) )",
    r"\bauthorization[\"']?\s?[:=]",
    r"\bbearer [\w.+/=~-]{2}",
)
"""What `sensitivity` takes for a secret holds one of these, in lower case, or is within an address. They end early, so
that the automaton stays small."""
_ADDRESS_TRACE: Final = "://"

_BETWEEN_DIGITS: Final = r"[ \t./()+\x80-\xff-]"
_NUMBER_TRACES: Final = (
    rf"[0-9](?:{_BETWEEN_DIGITS}*[0-9]){{5}}",
    r"\b[a-z]{2}[0-9]{2}[ -]?[a-z0-9]",
    r"[0-9]{2}[a-z][0-9]{2} ?[a-z][0-9]{3}[a-z]\b",
)
"""What `identifiers` takes for a number holds one of these: six digits, the start of an account or the end of an
Italian code; the words that announce a number are followed by eight digits."""

_DOTTED_I, _KELVIN = "\u0130", "\u212a"
"""All that is no ASCII but has some in lower case: words may end elsewhere then."""
_AUTOMATON_BYTES: Final = 8 << 20
"""What the automaton may grow to; some 1 MB in use. What it forgets it must make anew."""


class Traces(Struct, frozen=True, kw_only=True):
    """What a text may hold.

    secrets   False where it holds no secret
    numbers   False where it holds no number that identifies a person
    facts     False where it states no measured value or dose
    """

    secrets: bool
    numbers: bool
    facts: bool


def traces_of(plain: PlainText) -> Traces:
    """Looks at all of a text."""
    text = plain.text
    found = _TRACES.Match(plain.lower) or ()
    if _START not in found:
        return Traces(secrets=True, numbers=may_hold_a_number(text), facts=True)
    is_unlike = not text.isascii() and (_DOTTED_I in text or _KELVIN in text)
    return Traces(
        secrets=_SECRET in found or is_unlike or (_ADDRESS in found and "@" in text),
        numbers=_NUMBER in found or (is_unlike and may_hold_a_number(text)),
        facts=_FACT in found,
    )


def _compile(*patterns: str) -> re2.Set:
    """Patterns over UTF-8 seen as bytes; a match yields the places of all that are in a text."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.case_sensitive = False
    options.never_capture = True
    options.log_errors = False
    options.max_mem = _AUTOMATON_BYTES
    traces = re2.Set.SearchSet(options)
    for pattern in patterns:
        traces.Add(pattern.encode())
    traces.Compile()
    return traces


_START, _SECRET, _ADDRESS, _NUMBER, _FACT = range(5)
"""The start of a text is always found, unless RE2 ran out of memory: it says no more of that."""
_TRACES: Final = _compile(
    r"\A",
    folded("|".join(_SECRET_TRACES)),
    _ADDRESS_TRACE,
    "|".join(_NUMBER_TRACES),
    "|".join(FACT_TRACES),
)
