"""Clients that want the gateway to call somebody for them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.upstream import Upstream
from tests.faults.abuse.conftest import PROVIDERS, chat
from tests.gateway_process import GatewayProcess

FIELDS = (
    *("api_base", "base_url", "api_url", "custom_host", "endpoint", "host", "proxy", "provider", "custom_llm_provider"),
    *(
        "model_list",
        "fallbacks",
        "callbacks",
        "success_callback",
        "webhook",
        "extra_headers",
        "extra_body",
        "litellm_params",
    ),
)
HEADERS = (
    *("x-api-base", "x-base-url", "x-portkey-custom-host", "x-portkey-provider", "helicone-target-url", "x-target-url"),
    *(
        "x-forwarded-host",
        "x-original-url",
        "x-rewrite-url",
        "x-proxy-url",
        "referer",
        "origin",
        "forwarded",
        "destination",
    ),
)


class Trap:
    """Takes every connection on a port of loopback, in both address families, and counts them."""

    def __init__(self) -> None:
        self.connections = 0
        self._listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def urls(self) -> list[str]:
        """Its address in all the ways that filters have missed."""
        hosts = (
            "127.0.0.1",
            "localhost",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.1",
            "[::1]",
            "[::ffff:7f00:1]",
        )
        return [f"http://{host}:{self.port}/x.png" for host in hosts]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                wire, _ = self._listener.accept()
                self.connections += 1
                wire.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


def connected_ports(pid: int) -> set[int]:
    """The ports of other hosts' sockets that this process's connect to, or try to; clients' are among them."""
    inodes = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if _is_socket(link)}
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if f"socket:[{fields[9]}]" in inodes:
                ports.add(int(fields[2].rpartition(":")[2], 16))
    return ports


def _is_socket(link: Path) -> bool:
    with suppress(FileNotFoundError):  # closed since it was listed
        return link.readlink().name.startswith("socket:")
    return False


def payloads(url: str) -> Iterator[dict[str, Any]]:
    """Every place of a request where an address may stand."""
    for name in FIELDS:
        yield {name: url}
    yield {name: {"api_base": url, "url": url} for name in ("extra_body", "litellm_params", "metadata")}
    yield {"tools": [{"type": "mcp", "server_label": "a", "server_url": url, "require_approval": "never"}]}
    yield {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"$ref": url}}}]}
    yield {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"$ref": url}}}}
    for part in (
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "image_url", "image_url": url},
        {"type": "image", "source": {"type": "url", "url": url}},
        {"type": "file", "file": {"file_id": url}},
        {"type": "file", "file": {"file_data": url, "filename": "a.pdf"}},
        {"type": "video_url", "video_url": {"url": url}},
        {"type": "input_audio", "input_audio": {"data": url, "format": "wav"}},
    ):
        yield {"messages": [{"role": "user", "content": [part, {"type": "text", "text": "what is it?"}]}]}


@pytest.mark.parametrize("alias", PROVIDERS)
def test_f069_no_field_of_a_request_makes_the_gateway_call_anybody(
    gateway: GatewayProcess, backend: Upstream, trap: Trap, alias: str
) -> None:
    gateway.chat(chat(alias))  # what is loaded with the first request is there
    urls = [*trap.urls(), "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "gopher://127.0.0.1:70/_"]
    backend_port = int(backend.url.rpartition(":")[2])
    # each address in a picture, and one of them everywhere
    asked = [*payloads(urls[0]), *({"messages": picture(url)} for url in urls)]
    strangers: set[int] = set()
    for more in asked:
        assert gateway.chat({**chat(alias), **more}).status != 500
        strangers |= connected_ports(gateway.process.pid) & {80, 70, trap.port}

    assert trap.connections == 0
    assert not strangers
    assert {heard.path for heard in backend.heard} <= {
        "/v1/chat/completions",
        "/v1/models/by-gemini:generateContent",
        "/v1:generateContent",
    }
    assert all(b"root:" not in heard.body for heard in backend.heard)
    assert backend_port not in {70, 80, trap.port}


def picture(url: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]


@pytest.mark.parametrize("alias", PROVIDERS)
def test_f069_nor_does_a_header(gateway: GatewayProcess, backend: Upstream, trap: Trap, alias: str) -> None:
    for url in trap.urls()[:2]:
        gateway.chat(chat(alias), dict.fromkeys(HEADERS, url))

    assert trap.connections == 0
    assert backend.heard
