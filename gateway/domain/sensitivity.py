"""What in a text must be handled with care, by kind.

Looks at all of each text, in linear time: each kind is behind a test that most texts fail at memory speed.
"""

import re
from collections.abc import Iterable
from typing import Final, Literal

import re2  # type: ignore[import-untyped]  # it has neither stubs nor hints

from gateway.domain.identifiers import has_identifier
from gateway.domain.sensitive_topics import topics_of

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
    r"(?i:pass(?:word|wd|phrase)|pwd|passwort|kennwort|contraseña|mot de passe|senha|wachtwoord|密码|密碼|パスワード|"
    r"secret|api[_-]?key|secret[_-]?key|access[_-]?key|account[_-]?key|auth[_-]?token|access[_-]?token)"
)
_ASSIGNED: Final = (
    rf"{_NAME}[\"'`]?(?: ?(?::|=|=>|：) ?| (?:is|ist|es|est|lautet) )[\"'`]?([^\s\"'`,;<>]{{6,200}})",
    r"(?i:\bauthorization[\"']?\s?[:=]\s?[\"']?(?:bearer|basic|token) )([\w.+/=~-]{16,})",
    r"(?i:\bbearer )([\w.+/=~-]{24,})",
    r"\b[A-Za-z][A-Za-z0-9+]{1,20}://[^\s:/@\"'<>]{0,64}:([^\s/@\"'<>]{2,100})@[\w\[]",
)
"""Where a secret is put: a name's value, a header, an address; it may be a stand-in yet."""
_STAND_IN: Final = re.compile(
    r"[$%{\[*<(]|x{3,}|\.{3}|your|my[_-]|example|changeme|change[_-]me|placeholder|redacted|os\.|env\.|process\.|"
    r"config\.|settings\.|self\.|string|none|null|undefined|true|false|required|pass(?:word|wd)?$|[a-z_][\w.]*[(\[]",
    re.IGNORECASE,
)
_LETTER: Final = re.compile(r"[A-Za-z]")
_NO_LETTER: Final = re.compile(r"[0-9!@#$%^&*+=?~]")
_ADDRESS: Final = "://"


def sensitive_kinds(texts: Iterable[str]) -> tuple[Kind, ...]:
    """The kinds found in any of the texts, in the order of `Kind`: the first outranks the rest.

    No pattern goes beyond a line but a topic's, whose two weak terms may be anywhere in the conversation; so the texts
    are looked at as the lines of one.
    """
    text = "\n".join(texts)
    secret: tuple[Kind, ...] = ("secret",) if has_secret(text) else ()
    personal: tuple[Kind, ...] = ("personal",) if has_identifier(text) else ()
    return secret + personal + topics_of(text)


def highest(kinds: tuple[Kind, ...]) -> Sensitivity:
    """The first of the kinds `sensitive_kinds` found."""
    return kinds[0] if kinds else "none"


def has_secret(text: str) -> bool:
    """True where the text holds what looks like a private key, an access token or a password."""
    data = text.encode("utf-8", "surrogatepass")
    if _ANY_SECRET.search(data) is None:
        return False
    return _ANY_TOKEN.search(data) is not None or any(
        _is_real(match) for pattern in _ASSIGNMENTS for match in pattern.finditer(data)
    )


def _is_real(match: re2._Match) -> bool:
    """False for what a manual or a program has in a secret's place: a stand-in, a variable, a call, a plain word."""
    value = match[1].decode("utf-8", "replace")
    if _STAND_IN.match(value):
        return False
    if _ADDRESS.encode() in match[0]:
        return True
    return _LETTER.search(value) is not None and _NO_LETTER.search(value) is not None


def _compile(*patterns: str, captures: bool = False) -> re2._Regexp:
    """A pattern over UTF-8 seen as bytes."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = not captures
    options.log_errors = False
    return re2.compile("|".join(patterns).encode(), options)


_ANY_TOKEN: Final = _compile(*_TOKENS)
_ASSIGNMENTS: Final = tuple(_compile(pattern, captures=True) for pattern in _ASSIGNED)
_ANY_SECRET: Final = _compile(*_TOKENS, *_ASSIGNED)
