import asyncio
import os
import signal
import socket
import ssl
from pathlib import Path

import pytest
from starlette.applications import Starlette

from gateway.api.probes import Readiness, probe_routes
from gateway.api.server import Plane, listen, serve
from gateway.api.tls import CertificateError, server_context
from gateway.api.wire import WireLimits
from tests.certificates import certificate


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, and its key."""
    return certificate(tmp_path_factory.mktemp("tls"), "localhost", 1)


def trusting(pem: Path, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client's side that speaks that version only."""
    context = ssl.create_default_context(cafile=pem)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = version
    return context


def old(pem: Path) -> ssl.SSLContext:
    context = trusting(pem, ssl.TLSVersion.TLSv1_3)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def both_planes(pem: Path, sent: bytes, client: ssl.SSLContext) -> list[bytes]:
    """What each plane answers over TLS until it closes."""
    readiness = Readiness()
    app = Starlette(routes=probe_routes(readiness, lambda: (b"", "text/plain")))

    async def exchange(listener: socket.socket) -> bytes:
        port = listener.getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="localhost")
        writer.write(sent)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await writer.wait_closed()
        return answer

    async def run() -> list[bytes]:
        with listen("127.0.0.1", 0) as data, listen("127.0.0.1", 0) as admin:
            planes = [Plane(app=app, listener=each) for each in (data, admin)]
            tls = server_context(pem, pem)
            serving = asyncio.create_task(
                serve(planes, readiness, limits=WireLimits(), rejected=lambda _: None, tls=tls)
            )
            await asyncio.sleep(0.1)
            try:
                return list(await asyncio.gather(*map(exchange, (data, admin))))
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                await asyncio.wait_for(serving, 10)

    return asyncio.run(run())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_planes_speak_tls_1_2_and_1_3_and_say_that_they_always_will(pem: Path, version: ssl.TLSVersion) -> None:
    sent = b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    for answer in both_planes(pem, sent, trusting(pem, version)):
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"\r\nstrict-transport-security: max-age=31536000\r\n" in answer


def test_a_refused_request_has_its_answer_over_tls_too(pem: Path) -> None:
    sent = b"GET /readyz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"

    for answer in both_planes(pem, sent, trusting(pem, ssl.TLSVersion.TLSv1_3)):
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.endswith(b"}")


def test_older_versions_are_refused(pem: Path) -> None:
    assert server_context(pem, pem).minimum_version is ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        both_planes(pem, b"", old(pem))


def test_a_file_that_is_not_there_is_named(tmp_path: Path, pem: Path) -> None:
    with pytest.raises(CertificateError, match=r"there is no file '.*gone.pem'"):
        server_context(tmp_path / "gone.pem", pem)


@pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_told_without_a_word_of_what_it_holds(tmp_path: Path, pem: Path, text: str) -> None:
    (tmp_path / "bad.pem").write_text(text)

    with pytest.raises(CertificateError, match="no certificate and its key") as raised:
        server_context(tmp_path / "bad.pem", pem)
    assert "BEGIN" not in str(raised.value)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path, pem: Path) -> None:
    with pytest.raises(CertificateError, match=r"(?i)mismatch"):
        server_context(pem, certificate(tmp_path, "elsewhere.invalid", 1))
