"""Names that are too many, and names that mean something to whoever shows them."""

import http.client
import json

import pytest

from gateway.counters.guesses import PER_NETWORK
from tests.conformance.upstream import Upstream
from tests.faults.abuse.conftest import chat
from tests.gateway_process import KEY, GatewayProcess

NAMES = 5_000
CHAT = "/v1/chat/completions"


def series(gateway: GatewayProcess) -> set[str]:
    """Names and labels of all there is to scrape."""
    page = gateway.admin("/metrics").body.decode()
    return {line.rpartition(" ")[0] for line in page.splitlines() if not line.startswith("#")}


def test_f073_however_many_names_clients_use_the_series_are_those_of_the_configuration(
    gateway: GatewayProcess, backend: Upstream
) -> None:
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=20)

    def ask(number: int) -> list[int]:
        name = f"name-{number}"
        known, unknown = (json.dumps(chat(alias, user=name)).encode() for alias in ("openai", name))
        statuses = []
        for path, body, key in ((CHAT, unknown, KEY), (CHAT, known, name), (f"/{name}", b"", KEY)):
            connection.request(
                "POST", path, body, {"Authorization": f"Bearer {key}", "X-Note": name, "User-Agent": name}
            )
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        return statuses

    gateway.chat(chat(user="name"), {"X-Note": "name"})
    statuses = {tuple(ask(-number)) for number in range(PER_NETWORK + 1)}
    assert statuses <= {(404, 401, 404), (404, 429, 404)}, "the latter once too many unknown keys have come"
    before, rss_mb = series(gateway), gateway.rss_mb()
    for number in range(1, NAMES):
        ask(number)
    after = series(gateway)
    connection.close()

    assert after == before
    assert "name-" not in str(after)
    assert gateway.rss_mb() - rss_mb < 24


INERT = (
    "=cmd|' /C calc'!A1",
    "@SUM(1+1)",
    "${jndi:ldap://a.test/x}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "'; DROP TABLE requests; --",
)


@pytest.mark.parametrize("name", INERT)
def test_f074_a_name_that_means_something_elsewhere_means_nothing_here(
    gateway: GatewayProcess, backend: Upstream, name: str
) -> None:
    log_before = len(gateway.log())

    unknown = gateway.chat(chat(name))
    path = gateway.request("GET", "/v1/models/x?" + "".join(f"%{byte:02x}" for byte in name.encode()))
    known = gateway.chat(chat(user=name, metadata={"note": name}), {"X-Note": name})

    assert (unknown.status, path.status, known.status) == (404, 404, 200)
    for reply in (unknown, path, known):
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert name not in str(reply.headers)
    assert name.encode() not in gateway.admin("/metrics").body
    for line in gateway.log()[log_before:].splitlines():
        json.loads(line)
    record = gateway.record(known.headers["x-request-id"])
    assert record.context is not None
    assert dict(record.context.metadata) == {"note": name}, "kept as data, where a condition reads it"
