"""Every shipped policy directory loads on its own and decides as its comment says."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain.decision import Decision, decide
from gateway.domain.policy import Facts, PolicySet
from gateway.domain.pricing import Price
from gateway.domain.request import Caller, Message
from gateway.policyfile.loader import load_policies
from tests.builders import a_classification, a_request, some_facts

POLICIES = Path(__file__).parents[2] / "policies"
DIRECTORIES = [POLICIES / "demo", *sorted((POLICIES / "examples").iterdir())]
URLS = (
    "SIZEWISE_DEMO_UPSTREAM",
    "VLLM_BASE",
    "AZURE_OPENAI_BASE",
    "OLLAMA_BASE",
    "LLAMACPP_BASE",
    "LMSTUDIO_BASE",
    "GPT4ALL_BASE",
)
KEYS = ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "VLLM_API_KEY")
ENVIRONMENT = dict.fromkeys(URLS, "http://127.0.0.1:9/v1") | dict.fromkeys(KEYS, "key")

EASY = some_facts(classification=a_classification(0.95))
HARD = some_facts(classification=a_classification(0.1))
BLANK = some_facts(classification=a_classification(0.95, has_evidence=False))
LEGAL = some_facts(classification=a_classification(0.95, task="legal"))
PERSONAL = some_facts(a_request("Write to jane.doe@example.com, please"), a_classification(0.1))
AGENT = some_facts(
    a_request(messages=(Message(role="user", text="go"), Message(role="tool", text="done"))), a_classification(0.95)
)
CODE = some_facts(a_request("def f(): pass"), a_classification(0.95))
LONG = some_facts(a_request("word " * 21_000), a_classification(0.95))
TOOLS = some_facts(a_request(tools=2), a_classification(0.95))
LEGAL_TEAM = replace(EASY, caller=Caller(key_id="k", team="legal"))
LEGAL_TEAM_PERSONAL = replace(PERSONAL, caller=Caller(key_id="k", team="legal"))


def unknown_prices(provider: str, model: str) -> Price | None:
    return None


def loaded(name: str) -> PolicySet:
    return load_policies(POLICIES / name, unknown_prices, ENVIRONMENT)


def decided(name: str, facts: Facts, alias: str = "auto") -> Decision:
    return decide(loaded(name).by_alias[alias], facts, {})


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda directory: directory.name)
def test_every_directory_loads_and_serves_auto(directory: Path) -> None:
    policies = load_policies(directory, unknown_prices, ENVIRONMENT)

    assert "auto" in policies.by_alias
    assert policies.by_alias["auto"].baseline is not None


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda directory: directory.name)
def test_without_evidence_no_directory_goes_small(directory: Path) -> None:
    policies = load_policies(directory, unknown_prices, ENVIRONMENT)

    plan = decide(policies.by_alias["auto"], BLANK, {}).plan

    assert {deployment.tier for deployment in plan} == {"large"}


@pytest.mark.parametrize(
    ("name", "facts", "rule", "plan"),
    [
        ("demo", EASY, "easy goes small", ["scripted-small", "scripted-large"]),
        ("demo", HARD, "default", ["scripted-large"]),
        ("demo", LEGAL, "legal and medical go large", ["scripted-large"]),
        ("demo", AGENT, "agents go large", ["scripted-large"]),
        ("demo", PERSONAL, "personal data is answered at home", ["scripted-small"]),
        ("demo", TOOLS, "easy goes small", ["scripted-small", "scripted-large"]),
        ("examples/openai", EASY, "easy goes small", ["gpt-small", "gpt-large"]),
        ("examples/openai", HARD, "default", ["gpt-large"]),
        ("examples/openai", LEGAL, "legal and medical go large", ["gpt-large"]),
        ("examples/openai", AGENT, "agents go large", ["gpt-large"]),
        ("examples/onprem-and-azure", EASY, "easy goes small", ["mistral-onprem", "gpt-azure"]),
        ("examples/onprem-and-azure", HARD, "default", ["gpt-azure"]),
        ("examples/onprem-and-azure", PERSONAL, "personal data is answered at home", ["mistral-onprem"]),
        ("examples/onprem-and-azure", LONG, "long conversations go large", ["gpt-azure"]),
        ("examples/onprem-and-azure", LEGAL_TEAM, "easy goes small", ["gpt-azure"]),
        ("examples/onprem-and-azure", LEGAL_TEAM_PERSONAL, "personal data is answered at home", []),
        ("examples/ollama", EASY, "easy goes small", ["llama-3b", "qwen-14b"]),
        ("examples/ollama", CODE, "code and maths go large", ["qwen-14b"]),
        ("examples/ollama", HARD, "default", ["qwen-14b"]),
        ("examples/local-servers", EASY, "easy goes small", ["llamacpp", "lmstudio", "gpt4all", "vllm"]),
        ("examples/local-servers", TOOLS, "easy goes small", ["llamacpp", "lmstudio", "vllm"]),
        ("examples/local-servers", HARD, "default", ["vllm"]),
    ],
)
def test_an_example_decides_as_it_says(name: str, facts: Facts, rule: str, plan: list[str]) -> None:
    decision = decided(name, facts)

    assert decision.rule == rule
    assert [deployment.name for deployment in decision.plan] == plan


@pytest.mark.parametrize(("alias", "plan"), [("small", ["scripted-small"]), ("large", ["scripted-large"])])
def test_in_the_demo_a_tier_can_be_asked_for(alias: str, plan: list[str]) -> None:
    assert [deployment.name for deployment in decided("demo", HARD, alias).plan] == plan


def test_in_the_demo_asking_for_the_large_tier_does_not_take_personal_data_out() -> None:
    assert decided("demo", PERSONAL, "large").plan == ()


def test_the_demo_is_priced_without_a_price_map() -> None:
    deployments: Any = loaded("demo").deployments.values()

    assert all(deployment.price is not None for deployment in deployments)
