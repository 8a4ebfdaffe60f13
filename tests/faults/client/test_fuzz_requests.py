"""Bytes that were a request once: each connection is answered or closed in time, never with a 500."""

import json
import time
from contextlib import ExitStack

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from gateway.providers.scripted import ScriptedUpstream
from tests.faults.client.raw import HI, connect, exchange, head, request, statuses
from tests.gateway_process import KEY, GatewayProcess, models_called

CHUNKED = head("Transfer-Encoding: chunked") + b"\r\n%x;a=b\r\n%b\r\n5\r\n     \r\n0\r\nX: y\r\n\r\n" % (len(HI), HI)
VALID = (
    request(),
    CHUNKED,
    request() + request(),
    head("Expect: 100-continue", f"Content-Length: {len(HI)}") + b"\r\n" + HI,
    request(HI[:-1] + b', "stream": true, "stream_options": {"include_usage": true}}'),
    b"GET /v1/models HTTP/1.1\r\nHost: a\r\nX-Api-Key: k\r\n\r\n",
    head("Connection: Upgrade", "Upgrade: h2c", f"Content-Length: {len(HI)}") + b"\r\n" + HI,
)
SPICES = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\x00",
        b" ",
        b"\t",
        b":",
        b";",
        b",",
        b"0",
        b"-1",
        b"%",
        b"\xff",
        b"{",
        b"]",
        b'"',
        b"\\ud800",
    ),
    *(b"Host: b\r\n", b"Content-Length: 7\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n"),
    *(b"Upgrade: x\r\n", b"HTTP/1.0", b"CONNECT", b"HEAD", b"0\r\n\r\n", b"1e999", b"\xed\xa0\x80"),
)

UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""Every failing example waits for its deadlines."""


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A valid request, mended in up to six places: bytes put in, taken out, repeated, moved or replaced."""
    sent = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(len(sent) - 1, 0)))
        end = at + draw(st.integers(0, 12))
        change = draw(st.sampled_from(("put", "take", "repeat", "replace", "cut", "lines")))
        spice = draw(st.one_of(st.sampled_from(SPICES), st.binary(max_size=8)))
        if change == "put":
            sent[at:at] = spice
        elif change == "take":
            del sent[at:end]
        elif change == "repeat":
            sent[at:at] = sent[at:end] * draw(st.integers(1, 50))
        elif change == "replace":
            sent[at:end] = spice
        elif change == "cut":
            del sent[at:]
        else:
            lines = bytes(sent).split(b"\r\n")
            sent = bytearray(b"\r\n".join(draw(st.permutations(lines)) if len(lines) < 12 else lines[::-1]))
    assume(sent.strip(b"\r\n"))  # who says nothing may be silent for as long as connections are kept
    return bytes(sent)


def outcome(url: str, sent: list[bytes]) -> list[bytes | None]:
    """What each of these got on a connection of its own; None: neither an answer nor an end, in good time."""
    got: list[bytes | None] = []
    with ExitStack() as stack:
        wires = [stack.enter_context(connect(url)) for _ in sent]
        for wire, each in zip(wires, sent, strict=True):
            wire.sendall(each)
        until_s = time.monotonic() + 6.0
        for wire in wires:
            wire.settimeout(max(until_s - time.monotonic(), 0.01))
            try:
                answer = wire.recv(1 << 16)
                if statuses(answer) == [100]:
                    answer = wire.recv(1 << 16)
                got.append(answer)
            except ConnectionResetError:
                got.append(b"")
            except TimeoutError:
                got.append(None)
    return got


@settings(max_examples=30, deadline=None, phases=UNSHRUNK, suppress_health_check=list(HealthCheck))
@given(sent=st.lists(mutants(), min_size=8, max_size=16))
def test_a_request_gone_wrong_is_answered_or_closed_in_time_and_never_with_a_500(
    impatient: GatewayProcess, sent: list[bytes]
) -> None:
    for each, answer in zip(sent, outcome(impatient.url, sent), strict=True):
        assert answer is not None, each
        assert 500 not in statuses(answer), each
    assert impatient.chat(HI).status == 200
    assert '"level":"error"' not in impatient.log()


@settings(max_examples=10, deadline=None, phases=UNSHRUNK, suppress_health_check=list(HealthCheck))
@given(sent=st.lists(mutants(), min_size=8, max_size=16))
def test_so_it_is_on_the_admin_port(impatient: GatewayProcess, sent: list[bytes]) -> None:
    asked = [each.replace(b"/v1/chat/completions", b"/admin/policy/explain") for each in sent]

    for each, answer in zip(asked, outcome(impatient.admin_url, asked), strict=True):
        assert answer is not None, each
        assert 500 not in statuses(answer), each
    assert impatient.admin("/livez").status == 200


METHODS = ("POST", "POST", "POST", "GET", "HEAD", "OPTIONS", "PUT", "post", "PATCH", "TRACE")
PATHS = (
    *("/v1/chat/completions",) * 4,
    *("/chat/completions", "/v1/models", "/v1//chat/completions", "/v1/chat/completions/", "/v1/chat%2fcompletions"),
    *(
        "/V1/chat/completions",
        "/v1/../v1/chat/completions",
        "/v1/chat/completions?model=small",
        "/livez",
        "/admin/keys",
    ),
)
CREDENTIALS = (
    "Authorization",
    "X-Api-Key",
    "Api-Key",
    "Proxy-Authorization",
    "Cookie",
    "X-Authorization",
    "Authorization ",
)
NEARLY = (
    f"Bearer {KEY}x",
    f"Bearer {KEY[:-1]}",
    f"Bearer  {KEY.upper()}",
    f"Basic {KEY}",
    "Bearer",
    "",
    f"Bearer\x00{KEY}",
)
ODD_HEADERS = (
    *(
        "X-Forwarded-For: 127.0.0.1",
        "X-Sizewise-Team: a",
        "Content-Type: text/xml",
        "Accept: */*",
        "Expect: 100-continue",
    ),
    *(
        "Content-Encoding: identity",
        "X-Stainless-Retry-Count: 3",
        "X-Sizewise-Session: a",
        "Range: bytes=0-1",
        "TE: trailers",
    ),
)
FIELD_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=8), each, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "n",
    "tools",
    "metadata",
    "temperature",
    "user",
    "x",
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[bool, bytes]:
    """Whether it has a valid key, and a request that is valid HTTP, of any method, path, headers and body."""
    has_key = draw(st.booleans())
    lines = [f"Authorization: Bearer {KEY}"] if has_key else []
    if not has_key and draw(st.booleans()):
        lines.append(f"{draw(st.sampled_from(CREDENTIALS))}: {draw(st.sampled_from(NEARLY))}")
    lines += draw(st.lists(st.sampled_from(ODD_HEADERS), max_size=4, unique=True))
    payload = json.loads(HI) | draw(st.dictionaries(st.sampled_from(FIELDS), FIELD_VALUES, max_size=2))
    payload["model"] = draw(st.sampled_from(("small", "small", payload["model"])))
    body = draw(st.one_of(st.just(json.dumps(payload).encode()), st.just(HI), st.binary(max_size=30)))
    shown = [f"{draw(st.sampled_from(METHODS))} {draw(st.sampled_from(PATHS))} HTTP/1.1", "Host: localhost", *lines]
    shown += [f"Content-Length: {len(body)}", "Connection: close"]
    return has_key, "".join(f"{line}\r\n" for line in shown).encode("latin-1") + b"\r\n" + body


def recorded(gateway: GatewayProcess) -> int:
    page = gateway.admin("/metrics").body.decode()
    lines = [line for line in page.splitlines() if line.startswith("sizewise_requests_total{")]
    return round(sum(float(line.rpartition(" ")[2]) for line in lines))


@settings(max_examples=40, deadline=None, phases=UNSHRUNK, suppress_health_check=list(HealthCheck))
@given(asked=st.lists(requests(), min_size=10, max_size=25))
def test_each_accepted_request_has_one_record_and_none_is_accepted_without_a_key(
    gateway: GatewayProcess, upstream: ScriptedUpstream, asked: list[tuple[bool, bytes]]
) -> None:
    before, called = recorded(gateway), len(models_called(upstream))
    accepted: list[str] = []
    for has_key, sent in asked:
        answer = exchange(gateway.url, sent)
        final = [status for status in statuses(answer) if status != 100]
        assert len(final) == 1, (sent, answer)
        assert final[0] < 500, (sent, answer)
        if b"\r\nx-sizewise-policy: " in answer:
            assert has_key, sent
            accepted.append(answer.partition(b"x-request-id: ")[2][:32].decode())
        elif final == [200]:
            assert b" /livez" in sent or (has_key and b" /v1/models" in sent), sent

    assert recorded(gateway) - before == len(accepted)
    assert len(set(accepted)) == len(accepted)
    for request_id in accepted:
        assert gateway.record(request_id).id == request_id
    assert len(models_called(upstream)) - called <= len(accepted)
    assert '"level":"error"' not in gateway.log()
