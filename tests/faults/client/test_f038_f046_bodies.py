"""Bodies that are too large, malformed or merely strange."""

import contextlib
import json
import re

import pytest

from gateway.providers.scripted import ScriptedUpstream
from tests.api.test_bad_input import MALFORMED, WRONG_FIELDS, with_content, with_field
from tests.faults.client.raw import HI, connect, error_of, head, statuses, until_closed
from tests.gateway_process import GatewayProcess, Reply


def assert_refused(reply: Reply, param: str | None = None) -> None:
    assert reply.status == 400, reply.body[:500]
    assert list(reply.json()) == ["error"]
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["param"]) == ("invalid_request", param)


@pytest.mark.parametrize("declares", [True, False], ids=["declared", "in chunks"])
def test_f038_a_body_over_the_limit_is_a_413_before_it_is_all_there(gateway: GatewayProcess, declares: bool) -> None:
    size, before_mb = 200 << 20, gateway.rss_mb()
    piece = b" " * (1 << 20)
    with connect(gateway.url) as wire:
        with contextlib.suppress(OSError):
            if declares:
                wire.sendall(head(f"Content-Length: {size}") + b"\r\n")
            else:
                wire.sendall(head("Transfer-Encoding: chunked") + b"\r\n%x\r\n" % size)
            for _ in range(7):
                wire.sendall(piece)
        answer = until_closed(wire)

    assert statuses(answer) == [413]
    assert error_of_any(answer)["code"] == "body_too_large"
    assert gateway.rss_mb() - before_mb < 32


def error_of_any(answer: bytes) -> dict[str, object]:
    return error_of(answer[answer.rindex(b"HTTP/1.1 ") :])


@pytest.mark.parametrize("body", [b"", b"{", b"model=small", b"[]", b"null", HI[:-1]])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
def test_f039_what_is_no_json_object_is_a_400_in_openai_shape(
    gateway: GatewayProcess, body: bytes, content_type: str
) -> None:
    assert_refused(gateway.chat(body, {"Content-Type": content_type}))


@pytest.mark.parametrize("opening", ["[", '{"a":'], ids=["arrays", "objects"])
@pytest.mark.parametrize("depth", [64, 1_000, 100_000])
def test_f040_deep_nesting_is_a_400_at_one_depth_for_all(gateway: GatewayProcess, opening: str, depth: int) -> None:
    closing = "]" if opening == "[" else "}"
    inner = "" if opening == "[" else "1"

    assert_refused(gateway.chat(with_field("x", opening * depth + inner + closing * depth)))
    assert gateway.chat(with_field("x", opening * 63 + inner + closing * 63)).status == 200


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize("field", ["temperature", "x"])
def test_f041_numbers_that_are_none_are_a_400(gateway: GatewayProcess, field: str, number: str) -> None:
    assert_refused(gateway.chat(with_field(field, number)))


@pytest.mark.parametrize("name", [name for name in WRONG_FIELDS if "twice" in name])
def test_f042_a_name_that_stands_twice_is_a_400(gateway: GatewayProcess, name: str) -> None:
    body, param = WRONG_FIELDS[name]

    assert_refused(gateway.chat(body), param)


def test_f042_the_body_that_was_judged_is_the_one_that_is_forwarded(
    gateway: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    sent = b' {"messages" : [ {"role":"user", "content":"h\\u0069"} ],\n "model" : "small"} '

    gateway.chat(sent)

    received = upstream.ledger.last_received.body
    assert received != sent
    assert b'"content":"hi"' in received
    assert json.loads(received) == {**json.loads(sent), "model": "scripted-small"}


@pytest.mark.parametrize("text", [r'"\ud800"', r'"\udc00x"', r'"\ud83d"', r'"\ude42\ud83d"'])
def test_f043_a_lone_surrogate_is_a_400(gateway: GatewayProcess, text: str) -> None:
    assert_refused(gateway.chat(with_content(text)))


@pytest.mark.parametrize("number", ["9" * 5_000, "-" + "9" * 5_000, str(2**64)], ids=["long", "negative", "2**64"])
def test_f044_an_integer_that_no_upstream_reads_alike_is_a_400(gateway: GatewayProcess, number: str) -> None:
    assert_refused(gateway.chat(with_field("seed", number)))


STRANGE = {
    "NUL": "a\u0000b",
    "control characters": "\u001b[31m\u0007\r\n",
    "bidi": "\u202e\u2066\u200b",
    "a megabyte of marks": "e" + "\u0301" * 500_000,
}


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE.keys())
def test_f045_strange_text_is_content_like_any_other_and_harms_no_log_and_no_record(
    gateway: GatewayProcess, upstream: ScriptedUpstream, text: str
) -> None:
    model = "only/usage-in-last"  # its window is not known, so no text is too long for it
    body = {"model": model, "messages": [{"role": "user", "content": text}], "metadata": {"k": text[:100]}}

    reply = gateway.chat(body, {"x-session-id": "plain"})

    assert reply.status == 200, reply.body
    assert upstream.ledger.last_received.json()["messages"][0]["content"] == text
    assert gateway.record(reply.headers["x-request-id"]).outcome == "ok"
    assert re.search("[\x00-\x09\x0b-\x1f\u202e]", gateway.log()) is None


@pytest.mark.parametrize("name", [name for name in WRONG_FIELDS if "twice" not in name])
def test_f046_a_wrong_field_is_a_400_that_names_it(gateway: GatewayProcess, name: str) -> None:
    body, param = WRONG_FIELDS[name]

    assert_refused(gateway.chat(body), param)


@pytest.mark.parametrize("model", ["../../x", "a/../../etc/passwd", "x\u0000y"])
def test_f046_a_model_is_looked_up_and_never_a_path(gateway: GatewayProcess, model: str) -> None:
    reply = gateway.chat(json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}).encode())

    assert (reply.status, reply.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("field", "value"),
    [("max_tokens", "0"), ("max_completion_tokens", "0"), ("seed", "-9007199254740991"), ("x_new", '{"a": [1]}')],
)
def test_f046_what_the_sdks_send_passes_unchanged(
    gateway: GatewayProcess, upstream: ScriptedUpstream, field: str, value: str
) -> None:
    assert gateway.chat(with_field(field, value)).status == 200
    assert upstream.ledger.last_received.json()[field] == json.loads(value)


def test_f039_no_malformed_body_is_ever_our_fault(gateway: GatewayProcess) -> None:
    assert {gateway.chat(body).status for body in MALFORMED.values()} == {400}
