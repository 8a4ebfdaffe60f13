"""Takes credentials out of a text: the one place that does so for whatever the gateway logs, stores or answers."""

import re

REDACTED = "[redacted]"

_CREDENTIAL_FIELDS = (
    "authorization|proxy-authorization|x-api-key|api[_-]?key|access[_-]?token|refresh[_-]?token"
    "|client[_-]?secret|password|passwd|set-cookie|cookie"
)
_QUERY_KEYS = (
    "key|api[_-]?key|access[_-]?token|token|sig|signature|secret|password|x-amz-signature|x-amz-security-token"
)

# In this order: what a wider pattern leaves behind, a narrower one still finds. None backtracks further than a bounded
# run, so that no text takes more than linear time.
_PATTERNS = (
    (re.compile(r"-----BEGIN [A-Z ]{0,30}-----.*?(?:-----END [A-Z ]{0,30}-----|\Z)", re.DOTALL), REDACTED),
    (re.compile(rf"([?&](?:{_QUERY_KEYS})=)[^&\s\"'#]+", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(r"(://[^/\s:@]{0,100}:)[^/\s@]{1,200}@"), rf"\1{REDACTED}@"),
    (
        re.compile(
            # `Name: value`, `"name": "value"`, `name=value`, and the header pairs of ASGI: (b'name', b'value')
            rf"((?:{_CREDENTIAL_FIELDS})\b(?:[\"']\s*,\s*b?[\"']|[\"']?\s*[:=]\s*(?:b?[\"'])?))"
            r"(?:(?:bearer|basic)\s+)?(?!\[redacted)[^\s\"',;&]+",
            re.IGNORECASE,
        ),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"\b(bearer\s+)(?!\[redacted)[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1{REDACTED}"),
    (
        re.compile(
            r"(?<![A-Za-z0-9])(?:sk-[\w-]{8,}|sw_live_\w{8,}|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{30,}|gh[pousr]_\w{20,}|xox[abpr]-[\w-]{10,}"
            r"|eyJ[\w-]{8,300}\.[\w-]{8,}\.[\w-]*)"
        ),
        REDACTED,
    ),
)
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_LIKE_A_KEY = re.compile(
    r"(?:\bBearer\s+\S+|\b(?:sk|pk|rk|gsk|xai|hf|key)[-_][\w*.-]{4,}|\bA(?:Iza|KIA)\w+|[\w-]{32,})"
)
_CREDENTIAL_FIELD = re.compile(_CREDENTIAL_FIELDS, re.IGNORECASE)


def names_a_credential(name: str) -> bool:
    """True for the name of a header or a field whose value is a credential."""
    return _CREDENTIAL_FIELD.fullmatch(name) is not None


def redact(text: str) -> str:
    """The text with each credential it can recognise replaced by `REDACTED`; what stands around it is kept."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact_quotation(text: str) -> str:
    """`redact` for a text that quotes a request of ours: no address is left either, nor any run that could be a key."""
    return redact(_LIKE_A_KEY.sub(REDACTED, _URL.sub(REDACTED, text)))
