"""policies/README.md is complete."""

from pathlib import Path

import pytest

from gateway.policyfile.conditions import DEPLOYMENT_TYPES, FACT_TYPES
from gateway.policyfile.schema import NESTED, SECTIONS, keys_of

REFERENCE = (Path(__file__).parents[2] / "policies" / "README.md").read_text(encoding="utf-8")
KEYS = sorted({key for model in (*SECTIONS.values(), *NESTED.values()) for key in keys_of(model)} | set(SECTIONS))


@pytest.mark.parametrize("key", KEYS)
def test_the_reference_explains_every_key(key: str) -> None:
    assert f"`{key}`" in REFERENCE


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind.name()) for name, kind in {**FACT_TYPES, **DEPLOYMENT_TYPES}.items()]
)
def test_the_reference_explains_every_variable_with_its_type(name: str, kind: str) -> None:
    assert f"| `{name}` | {kind.lower().partition('(')[0].partition('<')[0]} |" in REFERENCE
