"""The HTTP client against a real server: what is sent, what is read, and what becomes of the connection."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest

from gateway.providers.http1 import Http1Client
from gateway.providers.http_client import BodyTooLongError, HttpError, HttpResponse
from gateway.providers.scripted import ScriptedUpstream
from tests.faults.proxy import FaultProxy
from tests.gateway_process import eventually

Result = TypeVar("Result")
Use = Callable[[Http1Client, ScriptedUpstream], Awaitable[Result]]

HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer k"}


def body(model: str, **fields: Any) -> bytes:
    return orjson.dumps({"model": model, "messages": [], **fields})


def run(use: Use[Result]) -> Result:
    async def with_both() -> Result:
        async with ScriptedUpstream() as upstream:
            client = Http1Client()
            try:
                return await asyncio.wait_for(use(client, upstream), 10)
            finally:
                await client.aclose()

    return asyncio.run(with_both())


async def post(client: Http1Client, upstream: ScriptedUpstream, data: bytes) -> HttpResponse:
    return await client.post(f"{upstream.url}/v1/chat/completions", HEADERS, data, connect_s=2)


def test_a_request_goes_out_with_the_headers_given_and_no_more() -> None:
    async def use(client: Http1Client, upstream: ScriptedUpstream) -> dict[str, str]:
        (await post(client, upstream, body("small"))).close()
        return upstream.ledger.last_received.headers

    headers = run(use)

    assert set(headers) == {"host", "content-type", "content-length", "authorization"}
    assert headers["authorization"] == "Bearer k"


def test_the_body_goes_out_and_comes_back_byte_for_byte() -> None:
    sent = body("small", x="ü\u0000")

    async def use(client: Http1Client, upstream: ScriptedUpstream) -> tuple[bytes, bytes]:
        response = await post(client, upstream, sent)
        return upstream.ledger.last_received.body, await response.read(10_000)

    received, answered = run(use)

    assert received == sent
    assert orjson.loads(answered)["model"] == "small"


def test_a_redirect_is_an_answer_like_any_other() -> None:
    async def use(client: Http1Client, upstream: ScriptedUpstream) -> tuple[int, int]:
        response = await post(client, upstream, body("redirect:308"))
        response.close()
        return response.status, len(upstream.ledger.received)

    assert run(use) == (308, 1)


def test_a_connection_whose_answer_was_read_is_used_again() -> None:
    async def use(client: Http1Client, upstream: ScriptedUpstream) -> int:
        for _ in range(3):
            response = await post(client, upstream, body("small"))
            await response.read(10_000)
            response.close()
            response.close()
        return upstream.open_connections

    assert run(use) == 1


def test_an_answer_that_is_not_read_costs_its_connection() -> None:
    async def use(client: Http1Client, upstream: ScriptedUpstream) -> str:
        response = await post(client, upstream, body("chunks:1000:10", stream=True))
        await response.read_some()
        response.close()
        calls = await asyncio.to_thread(upstream.ledger.wait_for_calls, 1)
        return calls[0].outcome

    assert run(use) == "client_closed"


def test_a_connection_that_was_closed_unnoticed_is_not_sent_on() -> None:
    async def use(client: Http1Client, upstream: ScriptedUpstream) -> tuple[int, int]:
        with FaultProxy.run_in_thread("127.0.0.1", upstream.port) as proxy:
            url = f"{proxy.url}/v1/chat/completions"
            first = await client.post(url, HEADERS, body("small"), connect_s=2)
            await first.read(10_000)
            first.close()
            proxy.close_all()  # from another thread, while this one stands still: the loop cannot have seen it
            (await client.post(url, HEADERS, body("small"), connect_s=2)).close()
        return proxy.accepted, len(upstream.ledger.received)

    assert run(use) == (2, 2)


def test_a_connection_idle_for_too_long_is_closed_though_nobody_comes() -> None:
    async def use(_: Http1Client, upstream: ScriptedUpstream) -> list[int]:
        client = Http1Client(keep_idle_s=0.1)
        responses = [await post(client, upstream, body("small")) for _ in range(3)]
        for response in responses:
            await response.read(10_000)
            response.close()
        before = upstream.open_connections
        await asyncio.sleep(0.25)
        return [before, upstream.open_connections]

    assert run(use) == [3, 0]


def test_a_stream_of_which_all_is_known_gives_its_connection_back_when_its_body_ends() -> None:
    async def use(client: Http1Client, upstream: ScriptedUpstream) -> int:
        for _ in range(3):
            response = await post(client, upstream, body("pause:1:50", stream=True))
            await response.read_some()
            while b"[DONE]" not in await response.read_some():
                continue
            response.finish()
            response.finish()
            await asyncio.sleep(0.02)
        return upstream.open_connections

    assert run(use) == 1


@pytest.mark.parametrize("model", ["stall:3", "chunks:3:50"], ids=["nothing comes", "more comes"])
def test_a_body_that_does_not_end_soon_costs_its_connection(model: str) -> None:
    async def use(_: Http1Client, upstream: ScriptedUpstream) -> int:
        client = Http1Client(linger_s=0.1)
        response = await post(client, upstream, body(model, stream=True))
        await response.read_some()
        response.finish()
        await asyncio.sleep(0.2)
        return upstream.open_connections

    assert run(use) == 0


def test_a_cancelled_call_closes_its_connection() -> None:
    async def use(client: Http1Client, upstream: ScriptedUpstream) -> str:
        call = asyncio.create_task(post(client, upstream, body("silent")))
        await asyncio.to_thread(eventually, lambda: upstream.ledger.received or None, "the request")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        calls = await asyncio.to_thread(upstream.ledger.wait_for_calls, 1)
        return calls[0].outcome

    assert run(use) == "client_closed"


@pytest.mark.parametrize(("limit", "is_fine"), [(1 << 20, False), (3 << 20, True)])
@pytest.mark.parametrize("stream", [False, True], ids=["declared", "undeclared"])
def test_a_body_is_read_up_to_the_limit_and_no_further(limit: int, is_fine: bool, stream: bool) -> None:
    async def use(client: Http1Client, upstream: ScriptedUpstream) -> int:
        response = await post(client, upstream, body("huge:2", stream=stream))
        try:
            return len(await response.read(limit))
        finally:
            response.close()

    if is_fine:
        assert run(use) > 2 << 20
    else:
        with pytest.raises(BodyTooLongError):
            run(use)


def test_a_refused_connection_is_told_without_its_address() -> None:
    async def use(client: Http1Client, upstream: ScriptedUpstream) -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            await client.post(f"http://127.0.0.1:{nobody.getsockname()[1]}/", {}, b"", connect_s=2)

    with pytest.raises(HttpError) as caught:
        run(use)
    assert caught.value.is_connect
    assert "127.0.0.1" not in str(caught.value)


def test_a_connection_that_breaks_before_the_answer_is_no_connect_error() -> None:
    async def use(client: Http1Client, upstream: ScriptedUpstream) -> HttpResponse:
        return await post(client, upstream, body("reset:0"))

    with pytest.raises(HttpError) as caught:
        run(use)
    assert not caught.value.is_connect


@pytest.mark.parametrize("model", ["reset:3", "hangup:3"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_answer_that_breaks_off_is_told(model: str, stream: bool) -> None:
    async def use(client: Http1Client, upstream: ScriptedUpstream) -> bytes:
        response = await post(client, upstream, body(model, stream=stream))
        try:
            return await response.read(1 << 20)
        finally:
            response.close()

    with pytest.raises(HttpError, match="broke off"):
        run(use)


def test_the_end_of_a_body_is_empty_and_stays_so() -> None:
    async def use(client: Http1Client, upstream: ScriptedUpstream) -> list[bytes]:
        response = await post(client, upstream, body("small"))
        return [await response.read_some() for _ in range(3)]

    first, *rest = run(use)

    assert first
    assert rest == [b"", b""]


def test_a_compressed_answer_is_left_compressed() -> None:
    async def use(client: Http1Client, upstream: ScriptedUpstream) -> bytes:
        return await (await post(client, upstream, body("gzip-bomb:1"))).read(1 << 20)

    assert run(use).startswith(b"\x1f\x8b")


def test_a_client_can_be_closed_twice_and_before_its_first_call() -> None:
    async def use(_: Http1Client, upstream: ScriptedUpstream) -> int:
        client = Http1Client()
        await client.aclose()
        (await post(client, upstream, body("small"))).close()
        await client.aclose()
        await client.aclose()
        return len(upstream.ledger.received)

    assert run(use) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that signs itself, and its key, in one file."""
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(file), "-out", f"{file}.crt"]
    subprocess.run([*made, *names], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + Path(f"{file}.crt").read_bytes())
    return file


def answer_over_tls(certificate: Path, host: str) -> bytes:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()
        writer.close()

    async def run() -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server = await asyncio.start_server(say, "127.0.0.1", 0, ssl=context)
        client = Http1Client()
        url = f"https://{host}:{server.sockets[0].getsockname()[1]}/"
        try:
            response = await client.post(url, {}, b"", connect_s=5)
            return await response.read(100)
        finally:
            await client.aclose()
            server.close()
            await asyncio.sleep(0.05)

    return asyncio.run(run())


@pytest.mark.service("openssl")
def test_a_certificate_that_is_trusted_and_fits_the_host_is_taken(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    assert answer_over_tls(certificate, "localhost") == b"hello"


@pytest.mark.service("openssl")
@pytest.mark.parametrize(("host", "is_trusted"), [("localhost", False), ("127.0.0.1", True)])
def test_any_other_certificate_is_refused(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, host: str, is_trusted: bool
) -> None:
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    with pytest.raises(HttpError, match="TLS certificate") as caught:
        answer_over_tls(certificate, host)
    assert caught.value.is_connect
