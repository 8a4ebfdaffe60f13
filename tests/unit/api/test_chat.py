"""The chat endpoint with everything real behind it but the upstream, which is a value."""

import asyncio
from collections.abc import AsyncIterator, Awaitable

import orjson
import pytest

from gateway.api.chat import ChatCompletions
from gateway.api.load import Load
from gateway.api.unknown_keys import UnknownKeys
from gateway.bootstrap.recording import SystemClock
from gateway.counters.allowance_watch import AllowanceWatch
from gateway.counters.allowances_memory import MemoryAllowances
from gateway.counters.guesses import MemoryGuesses
from gateway.counters.health import MemoryHealthBoard
from gateway.counters.memory import MemorySessions
from gateway.domain.errors import UpstreamInterruptedError
from gateway.domain.intent import Intent
from gateway.domain.kept_text import Said
from gateway.domain.policy import Deployment, Timeouts
from gateway.domain.record import RequestRecord
from gateway.domain.request import ChatRequest
from gateway.domain.usage import Usage
from gateway.pipeline import Gateway
from gateway.ports import Completion
from gateway.store.static_keys import StaticKeys
from tests.attempts import attempts_over
from tests.fakes import FakeClassifier
from tests.unit.api.asgi_client import KEY, FixedPolicies, Wire, leave, scope

USAGE = Usage(input_tokens=10, output_tokens=2)
EVENT = b'data: {"choices":[{}]}\n\n'


class Events:
    """`UpstreamStream` of two events, then the end, an interruption or a fault of the gateway's own."""

    usage: Usage | None = USAGE
    output_events = 2

    def __init__(self, last: Exception | None) -> None:
        self._last = last

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield EVENT
        yield EVENT
        if self._last is not None:
            raise self._last

    async def aclose(self) -> None:
        return


class Answering:
    """`Provider` that answers at once; or never."""

    def __init__(self, *, last: Exception | None = None, is_silent: bool = False) -> None:
        self._last = last
        self._is_silent = is_silent

    async def complete(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> Completion:
        if self._is_silent:
            await asyncio.Event().wait()
        return Completion(body=b'{"choices": []}', usage=USAGE)

    async def stream(self, deployment: Deployment, request: ChatRequest, timeouts: Timeouts) -> Events:
        return Events(self._last)

    async def aclose(self) -> None:
        return


class Endpoint:
    """The endpoint, with what it recorded and rejected."""

    def __init__(self, provider: Answering | None = None, *, is_broken: bool = False) -> None:
        self.records: list[RequestRecord] = []
        self.rejected: list[str] = []
        self.begins = 0
        self.retries = 0
        clock, health = SystemClock(), MemoryHealthBoard()
        answering = provider or Answering()
        gateway = Gateway(
            keys=StaticKeys([KEY]),
            policies=FixedPolicies(),
            admission=MemoryAllowances(clock, AllowanceWatch()),
            sessions=MemorySessions(),
            classifier=FakeClassifier(ZeroDivisionError() if is_broken else None),
            health=health,
            attempts=attempts_over(lambda _: answering, health=health, clock=clock),
            recorder=self,
            clock=clock,
        )
        self.load = Load(max_requests=1, max_body_bytes=10_000)
        self._app = ChatCompletions(
            gateway,
            max_body_bytes=1_000,
            load=self.load,
            unknown_keys=UnknownKeys(MemoryGuesses(per_network=1), clock.monotonic),
            rejected=self.rejected.append,
            retried=self._retried,
        )

    def _retried(self) -> None:
        self.retries += 1

    def keep_text(self, said: Said) -> None:
        raise AssertionError("no policy here has text kept")

    @property
    def can_record(self) -> bool:
        return True

    def begun(self, intent: Intent) -> Awaitable[bool] | None:
        self.begins += 1
        return None

    def record(self, record: RequestRecord) -> None:
        self.records.append(record)

    def call(self, wire: Wire, method: str = "POST", key: str = KEY, *, leaves: bool = False, **headers: str) -> Wire:
        """`leaves`: the client does, a moment after its request was read."""

        async def run() -> None:
            request = scope(method, authorization=f"Bearer {key}", **headers)
            if leaves:
                asyncio.get_running_loop().call_later(0.01, leave, request)
            await asyncio.wait_for(self._app(request, wire.receive, wire.send), 10)

        asyncio.run(run())
        return wire


def ask(**fields: object) -> bytes:
    return orjson.dumps({"model": "auto", "messages": [{"role": "user", "content": "hi"}], **fields})


def test_an_answer_is_sent_whole_with_its_headers() -> None:
    endpoint = Endpoint()

    wire = endpoint.call(Wire(ask()))

    assert (wire.status, wire.body, wire.is_ended) == (200, b'{"choices": []}', True)
    assert wire.headers["content-length"] == str(len(wire.body))
    assert wire.headers["x-request-id"] == endpoint.records[0].id
    assert wire.headers["x-sizewise-cost-usd"] == "0.0000027"
    assert (endpoint.begins, endpoint.rejected) == (1, [])


def test_a_stream_is_sent_event_by_event() -> None:
    endpoint = Endpoint()

    wire = endpoint.call(Wire(ask(stream=True)))

    assert [message.get("body") for message in wire.sent[1:]] == [EVENT, EVENT, b""]
    assert wire.is_ended
    assert endpoint.records[0].usage == USAGE


@pytest.mark.parametrize(
    ("method", "key", "body", "status", "code"),
    [
        ("GET", KEY, b"", 405, "method_not_allowed"),
        ("POST", "wrong", ask(), 401, "invalid_api_key"),
        ("POST", KEY, b"{", 400, "invalid_request"),
        ("POST", KEY, b" " * 1_001, 413, "body_too_large"),
        ("POST", KEY, ask(model="other"), 404, "model_not_found"),
    ],
)
def test_a_request_that_is_not_accepted_is_counted_and_leaves_no_record(
    method: str, key: str, body: bytes, status: int, code: str
) -> None:
    endpoint = Endpoint()

    wire = endpoint.call(Wire(body), method, key)

    assert (wire.status, wire.error["code"]) == (status, code)
    assert endpoint.rejected == [code]
    assert (endpoint.begins, endpoint.records) == (0, [])


def test_a_stream_that_breaks_off_ends_with_an_error_event() -> None:
    endpoint = Endpoint(Answering(last=UpstreamInterruptedError("it broke off")))

    wire = endpoint.call(Wire(ask(stream=True)))

    assert wire.body.startswith(EVENT + EVENT + b'data: {"error":{"message":"it broke off"')
    assert wire.is_ended
    assert endpoint.records[0].outcome == "interrupted"


def test_a_client_that_leaves_in_its_body_is_counted_and_not_answered() -> None:
    endpoint = Endpoint()

    wire = endpoint.call(Wire(b"{", leaves=True))

    assert (wire.sent, endpoint.rejected, endpoint.begins) == ([], ["client_gone"], 0)


def test_a_client_that_leaves_while_it_waits_is_recorded() -> None:
    endpoint = Endpoint(Answering(is_silent=True))

    wire = endpoint.call(Wire(ask()), leaves=True)

    assert wire.sent == []
    assert [record.outcome for record in endpoint.records] == ["client_disconnected"]


def test_a_full_process_refuses_at_once_and_reads_nothing() -> None:
    endpoint = Endpoint()
    endpoint.load.enter()

    wire = endpoint.call(Wire(ask()))

    assert (wire.status, wire.headers["retry-after"], wire.received) == (503, "1", 0)
    assert (endpoint.rejected, endpoint.load.requests) == (["overloaded"], 1)


@pytest.mark.parametrize("body", [ask(), ask(stream=True), b"{", b" " * 1_001])
def test_nothing_is_held_of_a_request_that_is_over(body: bytes) -> None:
    endpoint = Endpoint()

    endpoint.call(Wire(body))

    assert (endpoint.load.requests, endpoint.load.body_bytes) == (0, 0)


def test_what_the_client_says_it_has_sent_before_is_counted() -> None:
    endpoint = Endpoint()

    for count in ("0", "1", "2"):
        endpoint.call(Wire(ask()), x_stainless_retry_count=count)

    assert endpoint.retries == 2


def test_a_fault_of_ours_is_a_500_that_gives_nothing_away(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = Endpoint(is_broken=True)

    wire = endpoint.call(Wire(ask()))

    assert (wire.status, wire.error["code"]) == (500, "internal_error")
    assert "ZeroDivision" not in wire.error["message"]
    assert [record.error_code for record in endpoint.records] == ["internal_error"]
    assert wire.headers["x-request-id"] in caplog.text


def test_a_fault_of_ours_within_a_stream_is_its_last_event(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = Endpoint(Answering(last=ZeroDivisionError()))

    wire = endpoint.call(Wire(ask(stream=True)))

    assert wire.body.startswith(EVENT + EVENT + b'data: {"error":')
    assert wire.is_ended
    assert len(endpoint.records) == 1
    assert "ZeroDivisionError" in caplog.text


def test_cancelling_the_server_is_not_swallowed() -> None:
    endpoint = Endpoint(Answering(is_silent=True))

    async def run() -> None:
        wire = Wire(ask())
        task = asyncio.create_task(endpoint._app(scope(authorization=f"Bearer {KEY}"), wire.receive, wire.send))
        await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert len(endpoint.records) == 1


def test_one_unknown_key_too_many_is_told_to_wait_and_a_good_one_is_served() -> None:
    endpoint, body = Endpoint(), orjson.dumps({"model": "auto", "messages": [{"role": "user", "content": "hi"}]})

    wires = [endpoint.call(Wire(body), key=key) for key in ("wrong", "worse", KEY)]

    assert [wire.status for wire in wires] == [401, 429, 200]
    assert wires[1].error["code"] == "too_many_unknown_keys"
    assert (wires[1].headers["retry-after"], wires[1].headers["x-should-retry"]) == ("60", "false")
    assert endpoint.rejected == ["invalid_api_key", "too_many_unknown_keys"]
