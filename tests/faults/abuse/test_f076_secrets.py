"""Secrets of clients, of the operator and of upstreams: none is found where things are kept, logged or shown."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.conformance.upstream import Heard, Reply, Upstream, json_reply
from tests.faults.abuse.conftest import ADMIN_KEY, PROVIDERS, Place, chat
from tests.gateway_process import Reply as Answer
from tests.gateway_process import fetch


@pytest.fixture
def canary() -> str:
    """Made anew for each test, so that nothing that knows keys by their look knows it."""
    return secrets.token_hex(20)


def shapes(canary: str) -> dict[str, str]:
    """A secret as it comes in texts. The beginnings are put together here, so that no scanner takes them for keys."""
    return {
        "provider key": "sk-" + canary,
        "cloud key": "AK" + "IA" + canary[:16].upper(),
        "bearer": f"Authorization: Bearer {canary}",
        "url": f"https://api.example/v1/models?key={canary}&alt=sse",
        "password": f"postgresql://me:{canary}@db/x",
        "field": f'{{"api_key": "{canary}"}}',
        "pem": f"-----BEGIN {'PRIVATE'} KEY-----\n{canary}\n-----END {'PRIVATE'} KEY-----",
    }


def kept(place: Place) -> Iterator[tuple[str, bytes]]:
    """All that stays of requests: log, spool, database as it lies on the disk, every column of it, and metrics."""
    for path in sorted(place.directory.rglob("*")):
        if path.is_file() and path.parent.name != "policies":
            yield str(path.relative_to(place.directory)), path.read_bytes()
    yield from columns(place.directory / "records.db")
    for url in (place.gateway.url, place.gateway.admin_url):
        yield "metrics", fetch(url, "GET", "/metrics").body
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    yield "decisions", fetch(place.gateway.admin_url, "GET", "/admin/decisions?limit=50", headers=headers).body


def columns(database: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            cursor = connection.execute(f'SELECT * FROM "{table}"')
            names = [each[0] for each in cursor.description]
            for row in cursor:
                for name, value in zip(names, row, strict=True):
                    yield f"{table}.{name}", value if isinstance(value, bytes) else str(value).encode()


def assert_nowhere(place: Place, canary: str, *answers: Answer) -> None:
    for answer in answers:
        assert canary.encode() not in answer.body, answer.body
        assert canary not in str(answer.headers)
    if (request_id := answers[-1].headers.get("x-request-id")) and answers[-1].status == 200:
        place.gateway.record(request_id)
    for needle in {canary.encode(), canary[:16].upper().encode()}:
        found = [where for where, data in kept(place) if needle in data]
        assert found == []


@pytest.mark.parametrize("shape", shapes(""))
def test_f076_a_secret_in_a_prompt_reaches_the_model_and_stays_nowhere(
    place: Place, backend: Upstream, canary: str, shape: str
) -> None:
    secret = shapes(canary)[shape]
    messages = [{"role": "system", "content": secret}, {"role": "user", "content": f"what is {secret}?"}]

    answers = [place.gateway.chat(chat(messages=messages, user=secret, stream=stream)) for stream in (False, True)]

    assert [answer.status for answer in answers] == [200, 200]
    assert all(heard.json()["messages"] == messages for heard in backend.heard), "the call itself is as it was"
    assert_nowhere(place, canary, *answers)


@pytest.mark.parametrize("shape", ["provider key", "cloud key", "bearer", "url", "password", "field", "pem"])
def test_f076_a_secret_where_a_condition_looks_is_not_kept_with_the_record(
    place: Place, backend: Upstream, canary: str, shape: str
) -> None:
    secret = shapes(canary)[shape].replace("\n", " ")

    answer = place.gateway.chat(chat(metadata={"note": secret}), {"X-Note": secret})

    assert answer.status == 200
    record = place.gateway.record(answer.headers["x-request-id"])
    assert record.context is not None
    assert "[redacted]" in record.context.metadata["note"]
    assert_nowhere(place, canary, answer)


@pytest.mark.parametrize("name", ["Authorization", "X-Api-Key", "Api-Key", "Cookie", "Proxy-Authorization", "X-Other"])
def test_f076_a_secret_in_a_header_is_neither_kept_nor_repeated(
    place: Place, backend: Upstream, canary: str, name: str
) -> None:
    value = f"Bearer {canary}" if name == "Authorization" else canary

    answers = [
        fetch(url, method, path, b"{", {name: value})
        for url, method, path in (
            (place.gateway.url, "POST", "/v1/chat/completions"),
            (place.gateway.url, "GET", "/v1/models"),
            (place.gateway.admin_url, "GET", "/admin/decisions"),
        )
    ]

    assert {answer.status for answer in answers} <= {401, 429}, "the latter where too many unknown keys have come"
    assert all(canary not in str(heard.headers) for heard in backend.heard)
    assert_nowhere(place, canary, *answers)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("alias", PROVIDERS)
def test_f076_what_an_upstream_says_of_keys_and_addresses_stays_with_it(
    place: Place, backend: Upstream, canary: str, alias: str, status: int
) -> None:
    said = "; ".join(shapes(canary).values())

    def refusing(_: Heard) -> Reply:
        body = {"error": {"message": f"bad request: {said}", "type": "invalid_request_error", "code": None}}
        return json_reply(body, status, x_canary=canary, set_cookie=f"a={canary}")

    backend.listen(refusing)

    answers = [place.gateway.chat(chat(alias, stream=stream)) for stream in (False, True)]

    assert all(answer.status >= 400 for answer in answers)
    assert_nowhere(place, canary, *answers)
    assert_nowhere(place, place.provider_key, *answers)


def _always(reply: Reply, _: Heard) -> Reply:
    return reply


@pytest.mark.parametrize("alias", PROVIDERS)
def test_f076_what_an_exception_quotes_stays_with_us(place: Place, backend: Upstream, canary: str, alias: str) -> None:
    said = "; ".join(shapes(canary).values()).encode()

    for pieces in ((b"data: {" + said + b"\n\n",), (b'{"error": ' + said,), (said,)):
        broken = Reply(pieces=pieces, content_type="text/event-stream", ends="cut")
        backend.listen(partial(_always, broken))
        answers = [place.gateway.chat(chat(alias, stream=stream)) for stream in (False, True)]

        assert_nowhere(place, canary, *answers)
        assert_nowhere(place, place.provider_key, *answers)
