from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from gateway.policyfile.items import TIERS
from gateway.policyfile.json_schema import DESCRIPTIONS, policy_file_schema
from gateway.policyfile.schema import NESTED, SECTIONS, keys_of

POLICIES = Path(__file__).parents[3] / "policies"
FILES = sorted(POLICIES.rglob("*.yaml"))
ONPREM = POLICIES / "examples" / "default" / "default.yaml"


def _validator() -> Any:
    return jsonschema.Draft202012Validator(policy_file_schema())


def _document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(ONPREM.read_text(encoding="utf-8"))
    return document


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(policy_file_schema())

    assert set(policy_file_schema()["properties"]) == {*SECTIONS, TIERS}


@pytest.mark.parametrize("model", [*SECTIONS.values(), *NESTED.values()])
def test_every_key_says_what_it_means(model: Any) -> None:
    assert list(DESCRIPTIONS[model]) == keys_of(model)


@pytest.mark.parametrize(
    "file", [each for each in FILES if not each.stem.endswith(".cases")], ids=lambda file: file.parent.name
)
def test_every_shipped_file_is_valid(file: Path) -> None:
    errors = [each.message for each in _validator().iter_errors(yaml.safe_load(file.read_text(encoding="utf-8")))]

    assert errors == []


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("deployments", "tear", "small"),
        ("deployments", "context_window", 0),
        ("deployments", "capabilities", ["sight"]),
        ("deployments", "labels", {"zone": ["a"]}),
        ("deployments", "price", {"gpu_hour_usd": "2.10", "tokens_per_second": 9}),
        ("deployments", "price", {"gpu_hour_usd": -1, "tokens_per_second": 9}),
        ("routes", "try", []),
        ("routes", "first", ["gpt-azure"]),
        ("routes", "timeout", {"total_s": 0}),
        ("policies", "quality", {"threshold": 1.5}),
        ("policies", "rules", [{"name": "no route", "when": "true"}]),
    ],
)
def test_what_the_loader_refuses_in_form_is_invalid(section: str, key: str, value: Any) -> None:
    changed = deepcopy(_document())
    changed[section][0][key] = value

    assert _validator().is_valid(_document())
    assert not _validator().is_valid(changed)
