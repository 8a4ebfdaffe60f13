from decimal import Decimal
from pathlib import Path

import pytest

from gateway.domain.allowances import Limits
from gateway.domain.policy import Deployment
from gateway.domain.price_tiers import Tariff
from gateway.domain.pricing import Price, per_mtok
from gateway.policyfile.loader import load_policies
from tests.unit.policyfile.folder import GOOD, load, problems_of, unknown_prices, write


def with_keys(keys: str) -> str:
    return GOOD.replace("model: s,", f"model: s, {keys},")


def small(directory: Path, keys: str, environment: dict[str, str] | None = None) -> Deployment:
    return load(directory, environment, p=with_keys(keys)).deployments["small-a"]


def test_everything_a_deployment_declares_is_compiled(tmp_path: Path) -> None:
    deployment = small(
        tmp_path,
        "api_base: 'https://${HOST}/v1/', api_key: '${KEY}', context_window: 32768, capabilities: [tools]",
        {"HOST": "llm.example:8443", "KEY": "hush"},
    )

    assert deployment.api_base == "https://llm.example:8443/v1"
    assert deployment.api_key is not None
    assert deployment.api_key.reveal() == "hush"
    assert "hush" not in repr(deployment)
    assert deployment.context_window == 32768
    assert deployment.capabilities == frozenset({"tools"})
    assert deployment.labels == {"residency": "on_prem"}


def test_declaring_no_capability_is_not_the_same_as_not_declaring_any(tmp_path: Path) -> None:
    deployments = load(tmp_path, p=with_keys("capabilities: []")).deployments

    assert deployments["small-a"].capabilities == frozenset()
    assert deployments["large-a"].capabilities is None


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (
            "{input_per_mtok_usd: 0.15, output_per_mtok_usd: 0.60}",
            Price(input_atto_usd=150 * 10**9, output_atto_usd=600 * 10**9),
        ),
        (
            "{input_per_mtok_usd: 2.5, output_per_mtok_usd: 10, cached_input_per_mtok_usd: 1.25}",
            per_mtok(Decimal("2.5"), Decimal(10), Decimal("1.25")),
        ),
        (
            (
                "{input_per_mtok_usd: 3, output_per_mtok_usd: 15, cache_write_per_mtok_usd: 3.75,"
                " cache_write_1h_per_mtok_usd: 6, reasoning_per_mtok_usd: 14, audio_input_per_mtok_usd: 40,"
                " audio_output_per_mtok_usd: 80, image_input_per_mtok_usd: 5, image_output_per_mtok_usd: 30,"
                " search_usd: 0.01, request_usd: 0.002}"
            ),
            Price(
                input_atto_usd=3 * 10**12,
                output_atto_usd=15 * 10**12,
                cache_write_atto_usd=3_750 * 10**9,
                cache_write_1h_atto_usd=6 * 10**12,
                reasoning_atto_usd=14 * 10**12,
                audio_input_atto_usd=40 * 10**12,
                audio_output_atto_usd=80 * 10**12,
                image_input_atto_usd=5 * 10**12,
                image_output_atto_usd=30 * 10**12,
                search_atto_usd=10**16,
                tariff=Tariff(request_atto_usd=2 * 10**15),
            ),
        ),
        (
            "{gpu_hour_usd: 3.60, tokens_per_second: 1000}",
            Price(input_atto_usd=0, output_atto_usd=10**12, source="amortised"),
        ),
    ],
)
def test_a_price_of_the_file_is_taken_to_the_last_digit(tmp_path: Path, price: str, expected: Price) -> None:
    deployment = small(tmp_path, f"price: {price}")

    assert deployment.price == expected
    assert deployment.unpriced is None


def test_limits_are_those_of_the_file_and_no_others(tmp_path: Path) -> None:
    assert small(tmp_path, "limits: {requests_per_minute: 3, tokens_per_day: 100}").limits == Limits(
        requests_per_minute=3, tokens_per_day=100
    )
    assert load(tmp_path, p=GOOD).deployments["small-a"].limits is None


def test_energy_is_kept_a_token_and_rounded_up(tmp_path: Path) -> None:
    assert small(tmp_path, "energy_wh_per_1k_tokens: 0.3").energy_nwh == 300_000
    assert small(tmp_path, "energy_wh_per_1k_tokens: 0.0000001").energy_nwh == 1
    assert load(tmp_path, p=GOOD).deployments["small-a"].energy_nwh is None


def test_a_price_that_is_absent_comes_from_the_price_book(tmp_path: Path) -> None:
    book = {("openai", "s"): per_mtok(Decimal(1), Decimal(2))}

    deployments = load_policies(
        write(tmp_path, p=GOOD), lambda provider, model: book.get((provider, model)), {}
    ).deployments

    assert deployments["small-a"].price == book["openai", "s"]
    assert deployments["large-a"].price is None


def test_an_unknown_price_is_unpriced_with_its_reason_and_never_zero(tmp_path: Path) -> None:
    deployment = load(tmp_path, p=GOOD).deployments["small-a"]

    assert deployment.price is None
    assert deployment.unpriced == "the price map does not know openai/s and the policy file gives no price"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("api_key: '${KEY}'", "api_key: environment variable 'KEY' is not set; set it where the gateway starts"),
        ("api_key: '${EMPTY}'", "api_key: environment variable 'EMPTY' is set but empty"),
        ("api_key: hush-hush", "api_key: must be a reference such as ${OPENAI_API_KEY}; policy files hold no secrets"),
        ("api_base: '${BASE}/v1'", "api_base: environment variable 'BASE' is not set"),
        ("api_base: 'http://${b-c}/v1'", "api_base: holds a '${' that begins no reference"),
        ("api_base: '${SECRET}'", "api_base: the value of its variables is not an http:// or https:// URL"),
        ("api_base: 'localhost:8000/v1'", "api_base: it is not an http:// or https:// URL"),
        ("api_base: 'http://[::1/v1'", "api_base: it is not an http:// or https:// URL"),
        ("api_base: 'http://h:99999/v1'", "api_base: it is not an http:// or https:// URL"),
        ("api_base: 'http://me:hush-hush@h/v1'", "api_base: it holds credentials; use api_key"),
        ("api_base: 'http://h/v1#here'", "api_base: it holds a fragment"),
        ("provider: openai2, provider: '${X}'", "duplicate key 'provider'"),
        ("context_window: 0", "context_window: must be greater than 0"),
    ],
)
def test_a_deployment_that_could_not_be_called_is_refused(tmp_path: Path, keys: str, message: str) -> None:
    environment = {"EMPTY": "", "SECRET": "hush-hush"}

    problems = problems_of(tmp_path, environment, p=with_keys(keys))

    assert message in problems[0]
    assert "hush-hush" not in "".join(problems)


def test_a_variable_where_none_is_replaced_is_refused_rather_than_sent_as_it_stands(tmp_path: Path) -> None:
    text = GOOD.replace("residency: us", "residency: '${REGION}'")

    problems = problems_of(tmp_path, p=text)

    assert "labels, residency: '${REGION}' would not be replaced; only api_base, api_key and" in problems[0]


def test_a_deployment_without_a_key_needs_no_variable(tmp_path: Path) -> None:
    deployments = load_policies(write(tmp_path, p=GOOD), unknown_prices, {}).deployments

    assert deployments["small-a"].api_key is None
