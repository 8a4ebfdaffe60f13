"""Fault 75: a client that would spend without end is stopped before a call is made, not told of afterwards."""

from pathlib import Path
from typing import Any

import pytest

from gateway.domain.allowances import BudgetTerms, Limits
from gateway.providers.scripted import ScriptedUpstream
from tests.gateway_process import Reply
from tests.keyed_gateways import ASK, BUDGET, KeyedGateways

GROWING = "And then? " * 20_000


@pytest.mark.parametrize(
    "asks",
    [{"n": 128}, {"max_tokens": 100_000}, {"messages": [{"role": "user", "content": GROWING}]}],
    ids=["many answers", "an endless answer", "a context that grew"],
)
def test_f075_what_could_cost_more_than_is_left_is_never_sent(
    tmp_path: Path, upstream: ScriptedUpstream, asks: dict[str, Any]
) -> None:
    """A hard budget is held for the most a request can cost, and nobody is told to try again."""
    keyed = KeyedGateways(tmp_path, upstream, budgets=(BUDGET,))

    with keyed.gateway() as gateway:
        refused: Reply = gateway.chat({**ASK, **asks}, {"Authorization": f"Bearer {keyed.key}"})

    assert (refused.status, refused.json()["error"]["code"]) == (429, "budget_exceeded")
    assert refused.headers["x-should-retry"] == "false"
    assert upstream.ledger.calls == ()


def test_f075_an_agent_in_a_loop_comes_to_its_end(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """However often it asks, it spends no more than its budget, and its team no more than the team's tokens."""
    terms = BudgetTerms(period="day", limit_nano_usd=600_000)
    keyed = KeyedGateways(tmp_path, upstream, budgets=(terms,), limits=Limits(tokens_per_day=5_000))

    with keyed.gateway() as gateway:
        statuses = [keyed.ask(gateway).status for _ in range(40)]

    spent = sum(call.prompt_tokens + call.completion_tokens for call in upstream.ledger.calls) * 1_000
    assert statuses.index(429) > 0
    assert set(statuses[statuses.index(429) :]) == {429}
    assert spent <= terms.limit_nano_usd
