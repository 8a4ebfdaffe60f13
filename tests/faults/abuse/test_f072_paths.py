"""Ways of writing a path, a method or a host that have opened other gateways."""

import pytest

from tests.faults.abuse.conftest import ADMIN_KEY
from tests.faults.client.raw import exchange, statuses
from tests.gateway_process import KEY, GatewayProcess

SECRET_PATHS = ("/admin/decisions", "/admin/policies", "/admin/policy/reload", "/admin/reports/spend")
WRITTEN = (
    *(
        "{0}",
        "/{0}",
        "//{0}",
        "/.{0}",
        "/..{0}",
        "/v1/..{0}",
        "/v1/%2e%2e{0}",
        "/livez/..{0}",
        "/livez/%2e%2e{0}",
        "{0}/",
    ),
    *(
        "{0}/.",
        "{0}/..",
        "{0}//",
        "{0}.",
        "{0}%20",
        "{0}%00",
        "{0}%09",
        "{0};a=b",
        "{0}.json",
        "{0}?x=/livez",
        "{0}/x/..",
    ),
    *("{0}%2f", "{0}%3f", "/livez%2f..{0}", "/livez?{0}", "/livez;{0}", "http://localhost{0}", "http://localhost/{0}"),
    *(
        "/docs{0}",
        "/metrics{0}",
        "/%61dmin{1}",
        "/ADMIN{1}",
        "/Admin{1}",
        "/admin%2f{2}",
        "/admin%252f{2}",
        "/admin%5c{2}",
    ),
    *("/admin\\{2}", "/admin/./{2}", "/admin//{2}", "/admin/x/../{2}", "/%2fadmin{1}", "/%c0%afadmin{1}", "/livez#{0}"),
)
METHODS = ("GET", "POST", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "get", "PROPFIND", "CONNECT", "QUERY")
BEARERS = {"no key": None, "a client's key": KEY, "a wrong key": ADMIN_KEY + "x", "a cut key": ADMIN_KEY[:-1]}


def targets() -> list[str]:
    return [
        written.format(path, path.removeprefix("/admin"), path.removeprefix("/admin/"))
        for written in WRITTEN
        for path in SECRET_PATHS
    ]


def ask(url: str, method: str, target: str, key: str | None, *lines: str, host: str = "localhost") -> bytes:
    credential = [] if key is None else [f"Authorization: Bearer {key}", f"X-Api-Key: {key}"]
    head = [
        f"{method} {target} HTTP/1.1",
        f"Host: {host}",
        *credential,
        *lines,
        "Connection: close",
        "Content-Length: 0",
    ]
    return exchange(url, "".join(f"{line}\r\n" for line in head).encode("latin-1") + b"\r\n")


def assert_closed(answer: bytes) -> None:
    """It is refused, or it is one of the pages that are everybody's."""
    (status,) = statuses(answer)
    if status == 200:
        assert b"policy_version" not in answer
        assert b'"policies"' not in answer
        assert answer.endswith((b"ok\n", b"ready\n")) or b"/openapi.json" in answer or b"# HELP" in answer
    else:
        assert status in (400, 401, 404, 405), answer


@pytest.mark.parametrize("who", BEARERS)
@pytest.mark.parametrize("plane", ["data", "admin"])
def test_f072_no_spelling_of_a_path_opens_the_admin_plane(gateway: GatewayProcess, plane: str, who: str) -> None:
    url = gateway.url if plane == "data" else gateway.admin_url
    for target in targets():
        assert_closed(ask(url, "GET", target, BEARERS[who]))


@pytest.mark.parametrize("plane", ["data", "admin"])
def test_f072_nor_does_a_method(gateway: GatewayProcess, plane: str) -> None:
    url = gateway.url if plane == "data" else gateway.admin_url
    for method in METHODS:
        for path in SECRET_PATHS:
            (status,) = statuses(ask(url, method, path, KEY))
            assert status in (400, 401, 404, 405), (method, path)


@pytest.mark.parametrize(
    "line",
    [
        "X-Original-URL: {0}",
        "X-Rewrite-URL: {0}",
        "X-Forwarded-Prefix: {0}",
        "X-Forwarded-Path: {0}",
        "X-HTTP-Method-Override: GET",
        "X-Forwarded-For: 127.0.0.1",
        "X-Sizewise-Admin: true",
        "Referer: {0}",
    ],
)
def test_f072_nor_does_a_header(gateway: GatewayProcess, line: str) -> None:
    for url, target in ((gateway.url, "/livez"), (gateway.url, "/"), (gateway.admin_url, SECRET_PATHS[0])):
        assert_closed(ask(url, "GET", target, KEY, line.format(SECRET_PATHS[0])))


@pytest.mark.parametrize(
    "host", ["x/?#", "x/#@localhost", "localhost/livez?", "localhost/livez#", "a@localhost", "a b"]
)
def test_f072_a_host_is_no_path(gateway: GatewayProcess, host: str) -> None:
    for url in (gateway.url, gateway.admin_url):
        assert statuses(ask(url, "GET", SECRET_PATHS[0], KEY, host=host)) == [400]


@pytest.mark.parametrize(
    "spelling", ["/v1/chat%2fcompletions", "/v1//chat/completions", "/V1/chat/completions", "//v1/models"]
)
def test_f072_no_spelling_of_a_clients_path_needs_no_key(gateway: GatewayProcess, spelling: str) -> None:
    for method in METHODS:
        (status,) = statuses(ask(gateway.url, method, spelling, None))
        assert status in (400, 401, 404, 405), method


def test_f072_the_admins_key_opens_it_and_is_no_key_of_the_data_plane(gateway: GatewayProcess) -> None:
    assert statuses(ask(gateway.admin_url, "GET", "/admin/policies", ADMIN_KEY)) == [200]
    assert statuses(ask(gateway.url, "GET", "/v1/models", ADMIN_KEY)) == [401]
    assert statuses(ask(gateway.url, "GET", "/admin/policies", ADMIN_KEY)) == [404]
