"""The edge of both planes: what every answer says, who may call by which name, from which page, over what."""

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.providers.scripted import ScriptedUpstream
from tests.api.policies import demo_policies
from tests.certificates import certificate
from tests.gateway_process import KEY, GatewayProcess, Reply, eventually, fetch, running_gateway, spawn

HI = {"model": "small", "messages": [{"role": "user", "content": "hi"}]}
PAGE = "https://app.example.test"
HOST = "api.example.test"
both_planes = pytest.mark.parametrize("plane", ["data", "admin"])


@pytest.fixture(scope="module")
def edged(upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway of two names, besides 127.0.0.1, that pages of one origin may call; its admin plane has no key."""
    environment = {
        "SIZEWISE_DEMO_UPSTREAM": f"{upstream_server.url}/v1",
        "SIZEWISE_ALLOWED_HOSTS": f"127.0.0.1,{HOST},*.pods.test",
        "SIZEWISE_CORS_ORIGINS": PAGE,
    }
    with running_gateway(tmp_path_factory.mktemp("edged"), {"default.yaml": demo_policies()}, environment) as running:
        yield running


def url_of(gateway: GatewayProcess, plane: str) -> str:
    return gateway.url if plane == "data" else gateway.admin_url


@pytest.mark.parametrize(
    ("plane", "method", "path"),
    [
        ("data", "POST", "/v1/chat/completions"),
        ("data", "GET", "/v1/models"),
        ("data", "GET", "/livez"),
        ("data", "GET", "/docs"),
        ("data", "GET", "/nothing"),
        ("data", "OPTIONS", "/v1/models"),
        ("admin", "GET", "/admin/decisions"),
        ("admin", "GET", "/metrics"),
        ("admin", "GET", "/openapi.json"),
        ("admin", "DELETE", "/admin/policies"),
    ],
)
def test_every_answer_says_that_it_is_what_it_says_and_is_not_to_be_kept(
    gateway: GatewayProcess, plane: str, method: str, path: str
) -> None:
    for headers in ({}, {"Authorization": f"Bearer {KEY}"}):
        reply = fetch(url_of(gateway, plane), method, path, json.dumps(HI).encode(), headers)

        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"
        assert "server" not in reply.headers
        assert "strict-transport-security" not in reply.headers, "of plain HTTP it means nothing"


def test_a_stream_and_a_refusal_of_the_wire_say_so_too(gateway: GatewayProcess) -> None:
    stream = gateway.chat({**HI, "stream": True})
    with gateway.connect() as wire:
        wire.sendall(b"GET / HTTP/1.1\r\n\r\n")
        refusal = b"".join(iter(lambda: wire.recv(1 << 16), b""))

    assert stream.headers["cache-control"] == "no-store"
    assert b"\r\nx-content-type-options: nosniff\r\n" in refusal
    assert b"\r\ncache-control: no-store\r\n" in refusal


@pytest.mark.parametrize("host", [HOST, HOST.upper(), f"{HOST}:8443", "a.pods.test", "127.0.0.1"])
@both_planes
def test_the_gateway_answers_to_its_names(edged: GatewayProcess, plane: str, host: str) -> None:
    assert fetch(url_of(edged, plane), "GET", "/livez", headers={"Host": host}).status == 200


@pytest.mark.parametrize("host", ["other.test", "pods.test", f"{HOST}.evil.test", "127.0.0.2"])
@both_planes
def test_to_another_name_it_says_which_setting_lists_them(edged: GatewayProcess, plane: str, host: str) -> None:
    reply = fetch(url_of(edged, plane), "GET", "/livez", headers={"Host": host})

    assert reply.status == 400
    assert "SIZEWISE_ALLOWED_HOSTS" in reply.json()["error"]["message"]


def ask_as_browser(gateway: GatewayProcess, url: str, origin: str, method: str = "POST") -> Reply:
    """A preflight: it carries no credential."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "x-a"}
    return fetch(url, "OPTIONS", "/v1/chat/completions", headers=asked)


def test_a_page_of_a_listed_origin_may_call_with_a_key(edged: GatewayProcess) -> None:
    preflight = ask_as_browser(edged, edged.url, PAGE)
    answer = edged.chat(HI, {"Origin": PAGE})
    keyless = edged.request("POST", "/v1/chat/completions", b"{}", {"Origin": PAGE}, key="wrong")

    assert (preflight.status, preflight.body) == (204, b"")
    assert preflight.headers["access-control-allow-origin"] == PAGE
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, PAGE)
    assert (keyless.status, keyless.headers["access-control-allow-origin"]) == (401, PAGE)
    assert "access-control-allow-credentials" not in preflight.headers


def test_by_default_no_page_is_granted_anything(gateway: GatewayProcess) -> None:
    for reply in (ask_as_browser(gateway, gateway.url, PAGE), gateway.chat(HI, {"Origin": PAGE})):
        assert not [name for name in reply.headers if name.startswith("access-control-")]


def test_no_page_is_ever_granted_the_admin_plane_and_without_a_key_none_but_its_own_may_call_it(
    edged: GatewayProcess, guarded: GatewayProcess
) -> None:
    for gateway in (edged, guarded):
        preflight = ask_as_browser(gateway, gateway.admin_url, PAGE)
        assert preflight.status >= 400
        assert not [name for name in preflight.headers if name.startswith("access-control-")]

    for origin, status in ((PAGE, 400), ("null", 400), (edged.admin_url, 200)):
        assert fetch(edged.admin_url, "POST", "/admin/policy/reload", headers={"Origin": origin}).status == status


def test_with_a_certificate_both_ports_speak_tls(upstream_server: ScriptedUpstream, tmp_path: Path) -> None:
    pem = certificate(tmp_path, "localhost", 1)
    environment = {
        "SIZEWISE_DEMO_UPSTREAM": f"{upstream_server.url}/v1",
        "SIZEWISE_TLS_CERTIFICATE": str(pem),
        "SIZEWISE_TLS_KEY": str(pem),
    }
    process = spawn(tmp_path, {"default.yaml": demo_policies()}, environment)
    try:
        greeting = eventually(lambda: _said(tmp_path), "the greeting")
        urls = [word for word in greeting.split() if word.startswith("https://")]
        answers = [_over_tls(url, pem) for url in urls[:2]]
    finally:
        process.terminate()
        process.wait(20)

    assert len(answers) == 2
    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"strict-transport-security" in answer
    assert process.returncode == 0


def _said(directory: Path) -> str | None:
    text = (directory / "stdout").read_text()
    return text if "records" in text else None


def _over_tls(url: str, pem: Path) -> bytes:
    host, _, port = url.removeprefix("https://").partition("/")[0].partition(":")
    context = ssl.create_default_context(cafile=pem)
    plain = socket.create_connection((host, int(port)), timeout=20)
    with context.wrap_socket(plain, server_hostname="localhost") as wire:
        wire.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: wire.recv(1 << 16), b""))
