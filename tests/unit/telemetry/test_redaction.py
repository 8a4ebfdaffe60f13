import pytest

from gateway.telemetry.redaction import REDACTED, names_a_credential, redact

# Built here, so that no scanner takes this file for a leak.
CANARY = "c4nary" * 6
_KEY = "PRIVATE" + " KEY"
SECRETS = {
    "bearer header": f"Authorization: Bearer {CANARY}",
    "basic header": f"authorization: Basic {CANARY}=",
    "header of a dict": str({"x-api-key": CANARY}),
    "header of an ASGI scope": str([(b"authorization", f"Bearer {CANARY}".encode())]),
    "bearer alone": f"sent bearer {CANARY} to the upstream",
    "provider key": f"key sk-{CANARY} was refused",
    "provider key with dashes": f"sk-ant-api03-{CANARY}",
    "google key": "AIza" + CANARY,
    "virtual key": "sw_" + f"live_{CANARY}",
    "github token": "ghp_" + CANARY,
    "slack token": "xoxb-" + CANARY,
    "json web token": f"eyJ{CANARY}.{CANARY}.{CANARY}",
    "query key": f"GET https://example.test/v1/models?key={CANARY}&alt=sse failed",
    "second query key": f"https://example.test/?alt=sse&api_key={CANARY}",
    "database password": f"postgresql+psycopg://sizewise:{CANARY}@db/sizewise",
    "keyword argument": f"OpenAI(api_key='{CANARY}', timeout=3)",
    "environment variable": f"OPENAI_API_KEY={CANARY} POSTGRES_PASSWORD={CANARY}",
    "json field": f'{{"password":"{CANARY}","user":"me"}}',
    "private key": f"-----BEGIN RSA {_KEY}-----\n{CANARY}\n{CANARY}\n-----END RSA {_KEY}-----",
    "private key cut short": f"-----BEGIN {_KEY}-----\n{CANARY}",
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS.keys())
def test_a_credential_never_passes(text: str) -> None:
    clean = redact(text)

    assert CANARY not in clean
    assert REDACTED in clean


def test_an_access_key_id_never_passes() -> None:
    key_id = "AKIA" + "Q7" * 8

    assert redact(f"signed with {key_id}.") == f"signed with {REDACTED}."


def test_what_stands_around_a_credential_is_kept() -> None:
    text = f"GET https://example.test/v1?key={CANARY}&alt=sse answered 403"

    assert redact(text) == f"GET https://example.test/v1?key={REDACTED}&alt=sse answered 403"


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS.keys())
def test_redacting_twice_changes_nothing(text: str) -> None:
    once = redact(text)

    assert redact(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "the risk-based rule 'easy goes small' chose small-first",
        "policy 'default': unknown route 'smal-first'; did you mean 'small-first'?",
        "max_tokens=4096 and 12 tokens at http://127.0.0.1:8080/v1/chat/completions?stream=true",
        'rule default: signals.tokens > 4000 && classification.task == "code"',
    ],
)
def test_a_text_without_credentials_is_left_as_it_is(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "api_key", "PASSWORD", "cookie"])
def test_credentials_are_known_by_their_field(name: str) -> None:
    assert names_a_credential(name)


@pytest.mark.parametrize("name", ["model", "api_key_id", "tokens", "key_id"])
def test_other_fields_are_not_credentials(name: str) -> None:
    assert not names_a_credential(name)
