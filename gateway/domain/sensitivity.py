"""What in a text must be handled with care, by kind.

Looks at all of each text, in linear time: one look tells which kinds it may hold, and a search for one of them is made
only then.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, Literal

import re2  # type: ignore[import-untyped]  # it has neither stubs nor hints

from gateway.domain.identifiers import has_email, has_number
from gateway.domain.payment_numbers import Span
from gateway.domain.plain_text import plain_text
from gateway.domain.sensitive_topics import topics_of
from gateway.domain.sensitive_traces import traces_of

Kind = Literal["secret", "personal", "health", "financial", "legal"]
Sensitivity = Literal["none", "legal", "financial", "health", "personal", "secret"]

_TOKENS: Final = (
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\bsk-[\w-]{20}",
    r"\b(?:gh[pousr]_|github_pat_)\w{30}",
    r"\bglpat-[\w-]{20}",
    r"\bhf_[A-Za-z0-9]{30}",
    r"\bnpm_[A-Za-z0-9]{36}",
    r"\bxox[abeoprs]-[\w-]{10}",
    r"\bAIza[\w-]{35}",
    r"\b(?:[rs]k_live_|whsec_)[A-Za-z0-9]{16}",
    r"\bSG\.[\w-]{20,24}\.[\w-]{40}",
    r"\beyJ[\w-]{10,}\.eyJ[\w-]{8,}\.[\w-]{16}",
    r"\b(?:AccountKey|SharedAccessKey)=[\w+/]{40}",
)
"""What issuers make recognisable: PEM, AWS, OpenAI and its likes, GitHub, GitLab, Hugging Face, npm, Slack, Google,
Stripe, SendGrid, JSON web tokens, Azure."""

_NAME: Final = (
    r"(?i:pass(?:word|wd|phrase)|pwd|passwort|kennwort|contrase(?:ñ|n)a|mot de passe|senha|wachtwoord|密码|密碼|"
    r"パスワード|secret|api[_-]?key|secret[_-]?key|access[_-]?key|account[_-]?key|auth[_-]?token|access[_-]?token)"
)
_SIGNS: Final = "[0-9!@#$%^&*+=?~]"


def _value(more: str) -> str:
    """A letter and a digit or sign among what no space, quote or the like ends: a plain word is no secret."""
    char = rf"[^\s\"'`,;<>{more}]*"
    return rf"({char}(?:[A-Za-z]{char}{_SIGNS}|{_SIGNS}{char}[A-Za-z]){char})"


_ASSIGNED: Final = (
    rf"{_NAME}[\"'`]?(?: ?(?::|=|=>|：) ?| (?:is|ist|es|est|lautet) )(?:</?[a-z]{{1,6}}>){{0,2}}[\"'`]?{_value('')}",
    rf"{_NAME} ?(?::|：) ?\r?\n[ \t]{{0,4}}{_value(':=/(){}|')}[ \t\r]*(?:[\"'\n]|\z)",
    r"(?i:\bauthorization[\"']?\s?[:=]\s?[\"']?(?:bearer|basic|token) )([\w.+/=~-]{16,})",
    r"(?i:\bbearer )([\w.+/=~-]{24,})",
)
_IN_ADDRESS: Final = r"\b[A-Za-z][A-Za-z0-9+]{1,20}://[^\s:/@\"'<>]{0,64}:([^\s/@\"'<>]{2,100})@[\w\[]"
"""Where a secret is put: a name's value, alone on the next line too, a header, an address; it may be a stand-in yet."""
_STAND_IN: Final = re.compile(
    r"[$%{\[*<(]|x{3,}|\.{3}|your|my[_-][a-z_-]*\d{0,3}$|example|changeme|change[_-]me|placeholder|redacted|os\.|env\.|process\.|"
    r"config\.|settings\.|self\.|string|none|null|undefined|true|false|required|pass(?:word|wd)?$|[a-z_][\w.]*[(\[]",
    re.IGNORECASE,
)
_LETTER: Final = re.compile(r"[A-Za-z]")
_SIGN: Final = re.compile(_SIGNS)
_SHORTEST: Final = 6
_MOST_STAND_INS: Final = 500
_BYTES_PER_STAND_IN: Final = 128
"""A text that holds more stand-ins, and so many for its length, was made to; of addresses it counts as a secret, as
little else looks like one."""


def sensitive_kinds(texts: Iterable[str]) -> tuple[Kind, ...]:
    """The kinds found in any of the texts, in the order of `Kind`: the first outranks the rest.

    No pattern goes beyond a line but a topic's, whose two weak terms may be anywhere in the conversation; so the texts
    are looked at as the lines of one.
    """
    plain = plain_text("\n".join(texts))
    text = plain.text
    traces = traces_of(plain)
    secret: tuple[Kind, ...] = ("secret",) if traces.secrets and has_secret(text) else ()
    personal: tuple[Kind, ...] = ("personal",) if has_email(text) or (traces.numbers and has_number(text)) else ()
    return secret + personal + topics_of(traces.rest, may_state_facts=traces.facts)


def highest(kinds: tuple[Kind, ...]) -> Sensitivity:
    """The first of the kinds `sensitive_kinds` found."""
    return kinds[0] if kinds else "none"


def has_secret(text: str) -> bool:
    """True where the text holds what looks like a private key, an access token or a password."""
    data = text.encode("utf-8", "surrogatepass")
    if _ANY_SECRET.search(data) is None:
        return False
    return (
        _ANY_TOKEN.search(data) is not None
        or any(_has_real(pattern, data, _is_value, many=False) for pattern in _ASSIGNMENTS)
        or _has_real(_ADDRESS, data, _is_real, many=True)
    )


def secret_spans(text: str) -> Iterator[Span]:
    """Where in a plain text its secrets begin and, at the earliest, end: places in its UTF-8. They may overlap."""
    data = text.encode("utf-8", "surrogatepass")
    if _ANY_SECRET.search(data) is None:
        return
    for match in _ANY_TOKEN.finditer(data):
        yield match.span()
    for pattern in _ASSIGNMENTS:
        yield from _real(pattern, data, _is_value, many=False)
    yield from _real(_ADDRESS, data, _is_real, many=True)


def _has_real(pattern: re2._Regexp, data: bytes, is_real: Callable[[str], bool], *, many: bool) -> bool:
    """True where one of the values is real; `many` where there are too many to look at all."""
    return next(_real(pattern, data, is_real, many=many), None) is not None


def _real(pattern: re2._Regexp, data: bytes, is_real: Callable[[str], bool], *, many: bool) -> Iterator[Span]:
    """The values that are real; where there are too many to look at, `many` says whether all the rest is."""
    most = _MOST_STAND_INS + len(data) // _BYTES_PER_STAND_IN
    matches = pattern.finditer(data)
    for match in islice(matches, most):
        if is_real(match[1].decode("utf-8", "replace")):
            yield match.span(1)
    if many and (after := next(matches, None)) is not None:
        yield after.start(1), len(data)


def _is_real(value: str) -> bool:
    """False for what a manual or a program has in a secret's place: a stand-in, a variable, a call."""
    return _STAND_IN.match(value) is None


def _is_value(value: str) -> bool:
    return (
        len(value) >= _SHORTEST
        and _is_real(value)
        and _LETTER.search(value) is not None
        and _SIGN.search(value) is not None
    )


def _compile(*patterns: str, captures: bool = False) -> re2._Regexp:
    """A pattern over UTF-8 seen as bytes."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = not captures
    options.log_errors = False
    return re2.compile("|".join(patterns).encode(), options)


_ANY_TOKEN: Final = _compile(*_TOKENS)
_ASSIGNMENTS: Final = tuple(_compile(pattern, captures=True) for pattern in _ASSIGNED)
_ADDRESS: Final = _compile(_IN_ADDRESS, captures=True)
_ANY_SECRET: Final = _compile(*_TOKENS, *_ASSIGNED, _IN_ADDRESS)
