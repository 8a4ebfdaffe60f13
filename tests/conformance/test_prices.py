"""Each row finds its price under the name its policy file writes, or says that there is none."""

import pytest

from gateway.providers.price_map import PriceMap
from tests.conformance.row import Row
from tests.conformance.rows import ROWS
from tests.conformance.snippet import deployment_of

_PRICES = PriceMap()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_is_priced_by_the_map_or_unpriced_with_the_reason(row: Row) -> None:
    deployment = deployment_of(row, "http://127.0.0.1:9")

    assert (deployment.price is not None) == row.is_priced
    assert (deployment.unpriced or "").startswith("the price map does not know") != row.is_priced


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("bedrock", "converse/amazon.titan-text-express-v1"),
        ("bedrock", "invoke/meta.llama3-8b-instruct-v1:0"),
        ("vertex_ai", "gemini-2.5-flash"),
        ("gemini", "gemini-2.5-flash"),
        ("cohere_chat", "command-r7b-12-2024"),
        ("mistral", "mistral-small-latest"),
        ("watsonx", "ibm/granite-3-8b-instruct"),
        ("azure", "gpt-4o-mini"),
    ],
)
def test_the_prefixes_of_the_map_are_no_business_of_a_policy_file(provider: str, model: str) -> None:
    assert _PRICES(provider, model) is not None


@pytest.mark.parametrize(
    ("provider", "model"), [("vllm", "gpt-4o"), ("ollama", "command-r7b-12-2024"), ("openai", "no")]
)
def test_a_server_of_ones_own_is_not_billed_as_the_model_its_own_is_named_after(provider: str, model: str) -> None:
    assert _PRICES(provider, model) is None
