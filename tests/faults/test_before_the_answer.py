"""Faults 1 to 4: no answer at all. The next deployment answers, within the deadline that was missed."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.certificates import certificate
from tests.faults.policies import Case
from tests.faults.proxy import FaultProxy, Faults, full_listener
from tests.faults.runs import FaultRun
from tests.gateway_process import eventually

Faulty = Callable[..., AbstractContextManager[FaultRun]]

CONNECT_S = 0.3
FIRST_TOKEN_S = 0.4
TICK_S = 0.1
"""How much later than its deadline an attempt may end: the ticker's step, and a busy machine's."""


def assert_fell_back(run: FaultRun, code: str, *, stream: bool, alias: str) -> None:
    asked = run.ask(alias, stream=stream)
    first, second = run.record(asked).attempts
    assert asked.reply.status == 200
    assert asked.reply.headers["x-sizewise-attempts"] == "2"
    assert (first.outcome, first.error_code, second.outcome) == ("failed", code, "ok")


@contextmanager
def nobody() -> Iterator[int]:
    """A port on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def tls_server(pem: Path) -> Iterator[int]:
    """Shakes hands with whoever comes, and says nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_shake_hands, args=(listener, context), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            wire = listener.accept()[0]
        except OSError:
            return
        with suppress(OSError), context.wrap_socket(wire, server_side=True):
            pass


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("tls")
    return {
        "untrusted": certificate(directory, "localhost", 1),
        "elsewhere": certificate(directory, "elsewhere.invalid", 1),
        "expired": certificate(directory, "localhost", -1),
    }


@pytest.fixture(scope="module")
def environment(pems: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The gateway trusts two of the three certificates: one is for another host, one has expired."""
    trusted = tmp_path_factory.mktemp("trusted") / "ca.pem"
    trusted.write_bytes(b"".join(Path(f"{pems[name]}.crt").read_bytes() for name in ("elsewhere", "expired")))
    return {"SSL_CERT_FILE": str(trusted)}


@pytest.fixture(scope="module")
def cases(proxy: FaultProxy, pems: dict[str, Path]) -> Iterator[list[Case]]:
    with ExitStack() as stack:
        refusing, dropping = stack.enter_context(nobody()), stack.enter_context(full_listener())
        tls = {name: stack.enter_context(tls_server(pem)) for name, pem in pems.items()}
        impatient = {"connect_s": CONNECT_S, "first_token_s": FIRST_TOKEN_S, "total_s": FIRST_TOKEN_S}
        yield [
            Case(alias="refused", model="small", base=f"http://127.0.0.1:{refusing}/v1"),
            Case(alias="unknown-host", model="small", base="http://nowhere.invalid/v1"),
            Case(alias="no-host", model="small", base=f"http://{'x' * 64}.invalid/v1"),
            Case(alias="dropped", model="small", base=f"http://127.0.0.1:{dropping}/v1", timeout=impatient),
            *(
                Case(alias=f"tls/{name}", model="small", base=f"https://localhost:{port}/v1", route={"retries": 2})
                for name, port in tls.items()
            ),
            Case(alias="silent", model="silent", timeout=impatient),
            Case(alias="stall", model="stall:0", timeout=impatient),
            Case(alias="through-proxy", model="small", base=f"{proxy.url}/v1", timeout=impatient),
        ]


@pytest.mark.parametrize("alias", ["refused", "unknown-host", "no-host"])
def test_f001_no_connection(faulty: Faulty, alias: str) -> None:
    """The next deployment answers at once, the client sees 200; the attempt is `upstream_connect` and bills nothing."""
    with faulty() as run:
        for stream in (False, True):
            assert_fell_back(run, "upstream_connect", stream=stream, alias=alias)

        worst_s = max(asked.first_byte_s for asked in run.asked[-2:])
        run.measure(fault=alias, first_byte_ms=worst_s * 1e3)
        assert run.record(run.asked[-1]).attempts[0].cost_nano_usd == 0
        assert alias != "refused" or worst_s < 0.3


def test_f002_syns_are_dropped(faulty: Faulty) -> None:
    """The connect timeout fires and the next deployment answers."""
    with faulty() as run:
        assert_fell_back(run, "upstream_connect", stream=False, alias="dropped")

        first_byte_s = run.asked[-1].first_byte_s
        run.measure(connect_timeout_ms=CONNECT_S * 1e3, first_byte_ms=first_byte_s * 1e3)
        assert CONNECT_S <= first_byte_s < CONNECT_S + 0.3


@pytest.mark.service("openssl")
@pytest.mark.parametrize("certificate_is", ["untrusted", "elsewhere", "expired"])
def test_f003_tls_that_proves_nothing(faulty: Faulty, certificate_is: str) -> None:
    """Never taken and never tried again on the same deployment: a distinct `upstream_tls`, then the next deployment."""
    with faulty() as run:
        for stream in (False, True):
            assert_fell_back(run, "upstream_tls", stream=stream, alias=f"tls/{certificate_is}")

        run.measure(certificate=certificate_is, first_byte_ms=max(each.first_byte_s for each in run.asked[-2:]) * 1e3)


@pytest.mark.parametrize("alias", ["silent", "stall"])
def test_f004_no_answer_ever(faulty: Faulty, alias: str) -> None:
    """The deadline for the first token fires, the next deployment answers; the attempt is billed as unknown."""
    with faulty() as run:
        for stream in (True, False):
            assert_fell_back(run, "upstream_timeout", stream=stream, alias=alias)
            record = run.record(run.asked[-1])
            assert record.attempts[0].cost_nano_usd is None
            assert record.cost_nano_usd is None
            assert FIRST_TOKEN_S <= run.asked[-1].first_byte_s < FIRST_TOKEN_S + 0.3

        run.measure(fault=alias, deadline_ms=FIRST_TOKEN_S * 1e3, first_byte_ms=run.asked[-1].first_byte_s * 1e3)
        eventually(lambda: run.world.upstream.open_connections <= 2 or None, "the end of the call", 1.0)


def test_f004_a_network_that_swallows_everything(faulty: Faulty, proxy: FaultProxy) -> None:
    """A connection that was fine falls silent: the same; and it is used again once the network is back."""
    with faulty() as run:
        run.ask("through-proxy")
        proxy.break_with(to_client=Faults(is_blackhole=True))
        assert_fell_back(run, "upstream_timeout", stream=True, alias="through-proxy")
        proxy.mend()

        assert run.ask("through-proxy").reply.headers["x-sizewise-attempts"] == "1"
