"""Limits and budgets as OpenAI's own client meets them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI, RateLimitError
from pydantic import SecretStr

from gateway.bootstrap import Assembly, assemble
from gateway.domain.allowances import Allowance, BudgetTerms, Limits
from gateway.domain.request import Caller
from gateway.providers.scripted import ScriptedUpstream
from gateway.settings import Settings

POLICY = """
deployments:
  - {{name: small, tier: small, provider: openai, model: scripted-small, api_base: "{base}",
      price: {{input_per_mtok_usd: 1, output_per_mtok_usd: 1}}}}
  - {{name: large, tier: large, provider: openai, model: scripted-large, api_base: "{base}",
      price: {{input_per_mtok_usd: 1, output_per_mtok_usd: 1}}}}
routes:
  - {{name: cheap, try: [small]}}
  - {{name: dear, try: [large]}}
policies:
  - name: default
    serves: [auto]
    rules:
      - {{name: thrift, when: budget.used_ratio > 0.5, route: cheap}}
    default: dear
"""
MESSAGES: Any = [{"role": "user", "content": "What is the capital of France?"}]


class OneKey:
    """`KeyStore` of one caller."""

    def __init__(self, *allowances: Allowance) -> None:
        self._caller = Caller(key_id="k", team="support", allowances=allowances)

    def authenticate(self, credential: str | None) -> Caller:
        return self._caller


@asynccontextmanager
async def _gateway(directory: Path, *allowances: Allowance) -> AsyncIterator[tuple[AsyncOpenAI, Assembly]]:
    async with ScriptedUpstream() as upstream:
        (directory / "policy.yaml").write_text(POLICY.format(base=f"{upstream.url}/v1"), encoding="utf-8")
        settings = Settings(policies=directory, database_url=SecretStr(f"sqlite:///{directory}/records.db"))
        assembly = assemble(settings, environment={}, keys=OneKey(*allowances))
        assembly.start()
        transport = httpx.ASGITransport(app=assembly.data_plane)
        async with httpx.AsyncClient(transport=transport) as http:
            yield AsyncOpenAI(base_url="http://gateway/v1", api_key="any", max_retries=0, http_client=http), assembly
        await assembly.aclose()


async def _ask(client: AsyncOpenAI, **options: Any) -> httpx.Response:
    told = await client.chat.completions.with_raw_response.create(
        model="auto", messages=MESSAGES, max_tokens=200, **options
    )
    answer: httpx.Response = told.http_response
    return answer


def test_answers_tell_what_is_left_and_the_one_too_many_is_a_429_with_the_time_to_wait(tmp_path: Path) -> None:
    async def main() -> tuple[list[httpx.Response], RateLimitError, bytes]:
        limited = Allowance(owner="key:k", limits=Limits(requests_per_minute=2, tokens_per_day=10_000))
        async with _gateway(tmp_path, limited) as (client, assembly):
            answers = [await _ask(client), await _ask(client, stream=True)]
            with pytest.raises(RateLimitError) as caught:
                await _ask(client)
            assembly.rejected("other")
            exposed = (await client._client.get("http://gateway/metrics")).content
        return answers, caught.value, exposed

    answers, error, exposed = asyncio.run(main())

    assert [each.headers["x-ratelimit-remaining-requests"] for each in answers] == ["1", "0"]
    assert answers[0].headers["x-ratelimit-limit-requests"] == "2"
    assert int(answers[0].headers["x-ratelimit-remaining-tokens"]) < 10_000
    assert (error.code, error.type) == ("rate_limit_exceeded", "rate_limit_error")
    assert "the limit of 2 requests a minute of key 'k' is used up" in error.message
    assert 28_000 < int(error.response.headers["retry-after-ms"]) <= 30_000
    assert error.response.headers["retry-after"] in ("29", "30")
    assert error.response.headers["x-ratelimit-remaining-requests"] == "0"
    assert "x-should-retry" not in error.response.headers
    assert b'sizewise_rejected_total{code="rate_limit_exceeded"} 1.0' in exposed
    assert b'sizewise_allowance_refusals_total{limit="requests_per_minute"} 1.0' in exposed


def test_a_policy_routes_down_before_the_budget_is_spent_and_then_no_client_tries_again(tmp_path: Path) -> None:
    """Each answer costs far less than its hold: what is settled decides how many there are."""

    async def main() -> tuple[list[str], RateLimitError]:
        budget = Allowance(owner="team:support", budgets=(BudgetTerms(period="month", limit_nano_usd=1_000_000),))
        served: list[str] = []
        async with _gateway(tmp_path, budget) as (client, _):
            for _ in range(100):
                try:
                    answer = await _ask(client)
                except RateLimitError as error:
                    return served, error
                served.append(answer.headers["x-sizewise-deployment"])
        raise AssertionError("the budget was never spent")

    served, error = asyncio.run(main())

    assert served[0] == "large"
    assert served[-1] == "small"
    assert len(served) > 4  # four holds alone would have filled it
    assert (error.code, error.type) == ("budget_exceeded", "insufficient_quota")
    assert "of team 'support' has no room for this request" in error.message
    assert error.response.headers["x-should-retry"] == "false"
    assert int(error.response.headers["retry-after"]) > 0


def test_a_caller_without_allowances_is_told_of_no_limits(tmp_path: Path) -> None:
    async def main() -> httpx.Response:
        async with _gateway(tmp_path) as (client, _):
            return await _ask(client)

    assert not [name for name in asyncio.run(main()).headers if name.startswith("x-ratelimit")]
