from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from gateway.policyfile.case_schema import DESCRIPTIONS, case_file_schema
from gateway.policyfile.schema import keys_of

FILES = sorted((Path(__file__).parents[3] / "policies").rglob("*.cases.yaml"))
EASY = {"name": "easy", "ask": "hello", "expect": {"rule": "easy goes small"}}


def _validator() -> Any:
    return jsonschema.Draft202012Validator(case_file_schema())


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(case_file_schema())

    assert set(case_file_schema()["$defs"]) == {model.__name__ for model in DESCRIPTIONS}


@pytest.mark.parametrize("model", DESCRIPTIONS)
def test_every_key_says_what_it_means(model: Any) -> None:
    assert list(DESCRIPTIONS[model]) == keys_of(model)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_every_shipped_file_is_valid(file: Path) -> None:
    errors = [each.message for each in _validator().iter_errors(yaml.safe_load(file.read_text(encoding="utf-8")))]

    assert errors == []


@pytest.mark.parametrize(
    "added",
    [
        {"at": "2026-11-20 14:30"},
        {"budget": {"used_ratio": 1.25}, "latency_ms": {"small-a": 90.5}},
        {"expect": {"excluded": ["small-a"]}},
        {"expect": {"excluded": {"small-a": "cooldown"}}},
    ],
)
def test_what_the_loader_takes_is_valid(added: dict[str, Any]) -> None:
    assert _validator().is_valid({"cases": [EASY | added]})


@pytest.mark.parametrize(
    "wrong",
    [
        {"asks": "hello"},
        {"turns": 0},
        {"at": 14},
        {"classification": {"task": "baking"}},
        {"classification": {"small_ok": 1.5}},
        {"signals": {"sensitive": ["dull"]}},
        {"expect": {"excluded": "small-a"}},
        {"expect": {"root": "large-only"}},
    ],
)
def test_what_the_loader_refuses_in_form_is_invalid(wrong: dict[str, Any]) -> None:
    assert _validator().is_valid({"cases": [EASY]})
    assert not _validator().is_valid({"cases": [EASY | wrong]})


def test_a_case_asks_for_something() -> None:
    assert not _validator().is_valid({"cases": [{key: EASY[key] for key in ("name", "expect")}]})
