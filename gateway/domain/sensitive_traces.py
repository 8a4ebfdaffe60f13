"""Which secrets, numbers, measured values and topics a whole text cannot hold.

RE2 takes the same time for each byte whatever it finds: one automaton looks for all, and ends with the numbers of the
patterns that matched somewhere. As what matched is a part of its state, it looks for few: of each set of terms that
texts hold together it would make its states anew. In a long text another one finds where any of these or of the
topics' terms begins; what stands before, mostly all, needs no second look.
"""

from typing import Final

from msgspec import Struct

from gateway.domain.byte_patterns import MANY_BYTES, LazyPattern, compiled_set
from gateway.domain.identifiers import may_hold_a_number
from gateway.domain.plain_text import PlainText
from gateway.domain.sensitive_concepts import FACT_TRACES, TERMS, folded, spelling_patterns

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
_SHORT_BYTES: Final = 4_096


class Traces(Struct, frozen=True, kw_only=True):
    """What a text may hold.

    secrets   False where it holds no secret
    numbers   False where it holds no number that identifies a person
    facts     False where it states no measured value or dose
    rest      the text in UTF-8; of a long one only from where the first of these, or of a topic's terms, begins
    """

    secrets: bool
    numbers: bool
    facts: bool
    rest: bytes


def traces_of(plain: PlainText) -> Traces:
    """Looks at all of a text."""
    text = plain.text
    is_unlike = not text.isascii() and (_DOTTED_I in text or _KELVIN in text)
    rest = _rest_of(plain.data)
    if not rest and not is_unlike:
        return Traces(secrets=False, numbers=False, facts=False, rest=rest)
    found = _TRACES.Match(rest) or ()
    if _START not in found:
        return Traces(secrets=True, numbers=may_hold_a_number(text), facts=True, rest=rest)
    return Traces(
        secrets=_SECRET in found or is_unlike or (_ADDRESS in found and "@" in text),
        numbers=_NUMBER in found or (is_unlike and may_hold_a_number(text)),
        facts=_FACT in found,
        rest=rest,
    )


def _rest_of(data: bytes) -> bytes:
    """Of a long text, from the first trace or term on, behind a sign that lets words begin where they did."""
    if len(data) <= _SHORT_BYTES:
        return data
    first = _ANYTHING.search(data)
    if first is None:
        return b""
    start = first.start()
    if start == 0:
        return data
    return (b"_" if data[start - 1] in _WORD_BYTES else b" ") + data[start:]


_START, _SECRET, _ADDRESS, _NUMBER, _FACT = range(5)
"""The start of a text is always found, unless RE2 ran out of memory: it says no more of that."""
_KINDS: Final = (
    folded("|".join(_SECRET_TRACES)),
    _ADDRESS_TRACE,
    "|".join(_NUMBER_TRACES),
    "|".join(FACT_TRACES),
)
_TRACES: Final = compiled_set(r"\A", *_KINDS)
_ANYTHING: Final = LazyPattern(lambda: "|".join((spelling_patterns(*TERMS), *_KINDS)), MANY_BYTES)
_WORD_BYTES: Final = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
