"""The small model answers, the check decides, the large one answers what fails: as a client and an operator see it."""

import json

import pytest
from openai import OpenAI

from gateway.providers.scripted import ScriptedUpstream
from tests.gateway_process import GatewayProcess, models_called

ASK = {"role": "user", "content": "Name three rivers of France."}


def test_a_refusal_is_never_seen_and_both_answers_are_billed(
    gateway: GatewayProcess, upstream: ScriptedUpstream
) -> None:
    reply = gateway.chat({"model": "demo-cascade", "messages": [ASK]})

    record = gateway.record(reply.headers["x-request-id"])
    refused, answered = record.attempts
    assert reply.json()["model"] == "scripted-large"
    assert models_called(upstream) == ["refuses", "scripted-large"]
    assert (refused.error_code, refused.checked and refused.checked.failures) == ("failed_check", ("refused",))
    assert (answered.outcome, answered.checked) == ("ok", None)
    assert record.cost_nano_usd == (refused.cost_nano_usd or 0) + (answered.cost_nano_usd or 0)
    assert min(refused.cost_nano_usd or 0, answered.cost_nano_usd or 0) > 0
    assert reply.headers["x-sizewise-deployment"] == "scripted-large"


def test_the_large_model_gets_the_original_request(gateway: GatewayProcess, upstream: ScriptedUpstream) -> None:
    gateway.chat({"model": "demo-cascade", "messages": [ASK], "seed": 7})

    first, second = (each.json() for each in upstream.ledger.received)
    assert {**first, "model": ""} == {**second, "model": ""}
    assert second["messages"] == [ASK]


def test_a_stream_shows_nothing_of_the_answer_that_failed(client: OpenAI) -> None:
    chunks = [*client.chat.completions.create(model="demo-cascade", messages=[ASK], stream=True)]  # type: ignore[list-item]

    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert {chunk.model for chunk in chunks} == {"scripted-large"}
    assert said.startswith("This is a scripted answer from scripted-large")
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("stream", [False, True])
def test_checks_are_counted(gateway: GatewayProcess, stream: bool) -> None:
    line = 'sizewise_checks_total{deployment="scripted-refusing",result="refused"}'

    def counted() -> float:
        page = gateway.admin("/metrics").body.decode()
        return float(next((each.split()[-1] for each in page.splitlines() if each.startswith(line)), "0"))

    before = counted()
    reply = gateway.chat({"model": "demo-cascade", "messages": [ASK], "stream": stream})
    gateway.record(reply.headers["x-request-id"])

    assert counted() == before + 1


def test_the_story_of_a_cascade_is_told(gateway: GatewayProcess) -> None:
    reply = gateway.chat({"model": "demo-cascade", "messages": [ASK]})
    record = gateway.record(reply.headers["x-request-id"])

    told = json.loads(gateway.admin(f"/admin/decisions/{record.id}").body)

    assert "its answer failed the check: refused" in json.dumps(told)
