"""What goes wrong before the first byte is mended out of the client's sight; what cannot be mended is told plainly."""

from typing import Any

import openai
import pytest
from openai import OpenAI

from gateway.domain.record import RequestRecord
from gateway.providers.scripted import ScriptedUpstream
from tests.gateway_process import GatewayProcess, call_of, models_called

MENDED = {
    "error-503": "upstream_unavailable",
    "error-401": "upstream_credentials",
    "refused": "upstream_connect",
    "reset:0": "upstream_interrupted",
    "html": "upstream_invalid_answer",
    "empty": "upstream_invalid_answer",
    "error-in-body": "upstream_invalid_answer",
    "redirect": "upstream_invalid_answer",
    "gzip-bomb:1": "upstream_invalid_answer",
    "rate-limit:7": "upstream_rate_limit",
    "context-overflow": "context_length_exceeded",
    "slow:60000": "upstream_timeout",
    "silent": "upstream_timeout",
}
MENDED_WHOLE = {
    **MENDED,
    "cut:3": "upstream_interrupted",
    "reset:3": "upstream_interrupted",
    "stall:3": "upstream_timeout",
    "wrong-length": "upstream_interrupted",
    "malformed:3": "upstream_invalid_answer",
}
MENDED_STREAMED = {
    **MENDED,
    "error-in-stream:1": "upstream_interrupted",
    "error-event:1": "upstream_interrupted",
}
"""Scripted model → the code of the first attempt."""


def ask(model: str, text: str = "hi", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def assert_fallback(record: RequestRecord, model: str, code: str) -> None:
    first, second = record.attempts
    assert (record.outcome, record.status, record.error_code, record.deployment) == ("ok", 200, None, "spare")
    assert (first.number, first.model, first.outcome, first.error_code) == (1, model, "failed", code)
    assert (second.number, second.deployment, second.outcome, second.error_code) == (2, "spare", "ok", None)
    assert second.started_ms >= first.ended_ms
    assert record.usage == second.usage


@pytest.mark.parametrize(("model", "code"), MENDED_WHOLE.items(), ids=MENDED_WHOLE.keys())
def test_a_failed_call_is_followed_by_the_next_deployment_and_the_client_sees_its_answer(
    gateway: GatewayProcess, model: str, code: str
) -> None:
    reply = gateway.chat(ask(f"first/{model}"))

    assert reply.status == 200, reply.body
    assert reply.json()["model"] == "spare"
    assert reply.headers["x-sizewise-attempts"] == "2"
    assert reply.headers["x-sizewise-deployment"] == "spare"
    assert_fallback(gateway.record(reply.headers["x-request-id"]), model, code)


@pytest.mark.parametrize(("model", "code"), MENDED_STREAMED.items(), ids=MENDED_STREAMED.keys())
def test_a_stream_that_fails_before_its_first_byte_is_followed_by_the_next_deployments(
    gateway: GatewayProcess, model: str, code: str
) -> None:
    reply = gateway.chat(ask(f"second/{model}", stream=True))

    assert reply.status == 200, reply.body
    assert reply.body.endswith(b"data: [DONE]\n\n")
    assert b'"model":"spare"' in reply.body
    assert b'"error"' not in reply.body
    assert reply.headers["x-sizewise-attempts"] == "2"
    assert_fallback(gateway.record(reply.headers["x-request-id"]), model, code)


def test_an_upstream_that_answered_with_an_error_bills_nothing_so_the_cost_is_the_spares(
    gateway: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    reply = gateway.chat(ask("first/error-503"))

    record = gateway.record(reply.headers["x-request-id"])
    call = call_of(upstream, "spare")
    assert [attempt.cost_nano_usd for attempt in record.attempts] == [0, record.cost_nano_usd]
    assert record.cost_nano_usd == call.prompt_tokens * 150 + call.completion_tokens * 600


def test_a_call_that_may_have_been_billed_makes_the_whole_request_unpriced_never_cheap(gateway: GatewayProcess) -> None:
    reply = gateway.chat(ask("first/reset:0"))

    record = gateway.record(reply.headers["x-request-id"])
    assert record.cost_nano_usd is None
    assert record.unpriced is not None
    assert record.unpriced.startswith("attempt 1:")


def test_a_redirect_is_never_followed(gateway: GatewayProcess, upstream: ScriptedUpstream) -> None:
    gateway.chat(ask("first/redirect"))

    assert [request.target for request in upstream.ledger.received] == ["/v1/chat/completions"] * 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_rate_limit_of_the_only_deployment_stays_one_with_its_retry_after(client: OpenAI, stream: bool) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(
            model="only/rate-limit:7", messages=[{"role": "user", "content": "hi"}], stream=stream
        )

    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.code == "upstream_rate_limit"
    assert caught.value.type == "rate_limit_error"


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("error-503", 502, "upstream_unavailable"),
        ("refused", 502, "upstream_connect"),
        ("html", 502, "upstream_invalid_answer"),
        ("silent", 504, "upstream_timeout"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_without_a_fallback_the_client_is_told_what_happened(
    gateway: GatewayProcess, model: str, status: int, code: str, stream: bool
) -> None:
    reply = gateway.chat(ask(f"only/{model}", stream=stream))

    record = gateway.record(reply.headers["x-request-id"])
    assert reply.status == status
    assert reply.json()["error"]["code"] == code
    assert reply.headers["x-sizewise-attempts"] == "1"
    assert (record.outcome, record.status, record.deployment) == ("failed", status, None)
    assert [attempt.error_code for attempt in record.attempts] == [code]


def test_the_record_names_the_error_that_the_client_saw(gateway: GatewayProcess) -> None:
    reply = gateway.chat(ask("only/error-503"))

    record = gateway.record(reply.headers["x-request-id"])
    assert record.error_code == reply.json()["error"]["code"]


def test_a_request_the_upstream_rejects_is_not_tried_elsewhere(
    gateway: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    reply = gateway.chat(ask("first/error-400"))

    assert reply.status == 400
    assert models_called(upstream) == ["error-400"]


@pytest.mark.parametrize("model", ["missing-usage", "missing-done"])
def test_what_is_merely_incomplete_is_delivered(gateway: GatewayProcess, model: str) -> None:
    assert gateway.chat(ask(f"first/{model}")).headers["x-sizewise-attempts"] == "1"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_usage_that_no_upstream_reported_is_estimated_and_says_so(gateway: GatewayProcess, stream: bool) -> None:
    reply = gateway.chat(ask("only/missing-usage", stream=stream))

    usage = gateway.record(reply.headers["x-request-id"]).usage
    assert usage is not None
    assert usage.estimated
    assert usage.output_tokens > 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_personal_data_never_goes_abroad_even_when_home_fails(
    gateway: GatewayProcess, upstream: ScriptedUpstream, stream: bool
) -> None:
    reply = gateway.chat(ask("guarded", "Write to jane.doe@example.org", stream=stream))

    record = gateway.record(reply.headers["x-request-id"])
    assert reply.status == 502
    assert set(models_called(upstream)) == {"error-500"}
    assert record.excluded["abroad"] == "constraint 'personal data stays home'"


def test_what_is_not_personal_may_go_abroad_when_home_fails(
    gateway: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    reply = gateway.chat(ask("guarded", "Write to the mayor"))

    assert reply.status == 200
    assert reply.json()["model"] == "abroad"


@pytest.mark.parametrize(
    "content",
    [
        "card 4111 1111 1111 1111",
        "IBAN DE89 3702 0502 0001 2345 67 or DE89370400440532013000",
        "key sk-" + "a1" * 12,
        [{"type": "text", "text": "hi"}, {"type": "text", "text": "mail: jane.doe@example.org"}],
    ],
)
def test_no_deployment_that_may_see_it_means_nothing_is_called(
    gateway: GatewayProcess, upstream: ScriptedUpstream, content: Any
) -> None:
    reply = gateway.chat({"model": "abroad-only", "messages": [{"role": "user", "content": content}]})

    assert reply.status == 403  # no status that a client would retry
    assert reply.json()["error"]["code"] == "no_deployment"
    assert upstream.ledger.received == ()
    assert gateway.record(reply.headers["x-request-id"]).outcome == "refused"


def test_personal_data_in_an_earlier_message_counts_too(gateway: GatewayProcess, upstream: ScriptedUpstream) -> None:
    earlier = {"role": "user", "content": "I am jane.doe@example.org"}
    messages = [earlier, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "Who am I?"}]

    reply = gateway.chat({"model": "abroad-only", "messages": messages})

    assert reply.status == 403
    assert upstream.ledger.received == ()
