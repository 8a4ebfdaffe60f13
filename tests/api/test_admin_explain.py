"""`POST /admin/policy/explain` of a running gateway: for the policies in force, and for a draft."""

import json
from typing import Any

from tests.gateway_process import GatewayProcess, Reply, fetch

ASK = {"ask": "Translate to French: good morning", "team": "claims"}
DRAFT = """
deployments:
  - {name: only, tier: small, provider: openai, model: m, api_base: "${SOME_URL}", api_key: "${SOME_KEY}"}
routes: [{name: only-route, try: [only]}]
policies: [{name: draft, serves: [auto], default: only-route}]
"""


def _explain(gateway: GatewayProcess, question: dict[str, Any]) -> Reply:
    body = json.dumps(question).encode()
    return fetch(gateway.admin_url, "POST", "/admin/policy/explain", body, {"content-type": "application/json"})


def test_what_it_says_is_what_then_happens(gateway: GatewayProcess) -> None:
    reply = _explain(gateway, ASK)
    told = reply.json()
    live = gateway.chat({"model": "auto", "messages": [{"role": "user", "content": ASK["ask"]}]})

    assert reply.status == 200
    assert (told["rule"], told["route"]) == (live.headers["x-sizewise-rule"], live.headers["x-sizewise-route"])
    assert told["plan"][0]["deployment"] == live.headers["x-sizewise-deployment"]


def test_a_draft_is_tried_without_being_put_in_force_and_reads_no_variable(gateway: GatewayProcess) -> None:
    reply = _explain(gateway, {**ASK, "policies": {"default.yaml": DRAFT}})

    assert reply.status == 200
    assert (reply.json()["policy"], reply.json()["plan"][0]["deployment"]) == ("draft", "only")
    assert "only-route" not in gateway.admin("/admin/policies").body.decode()


def test_a_bad_draft_is_told_with_every_problem_and_its_place(gateway: GatewayProcess) -> None:
    draft = DRAFT.replace("try: [only]", "try: [onyl]").replace("default: only-route", "default: nowhere")

    reply = _explain(gateway, {**ASK, "policies": {"default.yaml": draft}})

    assert reply.status == 422
    assert [f"{each['file']}:{each['line']}:{each['column']}" for each in reply.json()["detail"]["problems"]] == [
        "default.yaml:4:35",
        "default.yaml:5:51",
    ]
