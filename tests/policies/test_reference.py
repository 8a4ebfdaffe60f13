"""policies/README.md is complete, and what it shows loads and decides as it says."""

import re
from collections.abc import Mapping, Set
from pathlib import Path
from typing import get_args

import pytest

from gateway.cli.assumed_environment import assumed_environment
from gateway.cli.policy_trial import trial
from gateway.domain.classification import Task
from gateway.domain.code import CodeLanguage
from gateway.domain.errors import Trigger
from gateway.domain.policy import Strategy
from gateway.domain.rollout import Mode
from gateway.domain.sensitivity import Kind
from gateway.domain.signals import Script
from gateway.policyfile.case_runner import check_all
from gateway.policyfile.cases import Expected, RawCase, RawKey, read_cases
from gateway.policyfile.circumstances import RawBudget, RawPast, RawSaid
from gateway.policyfile.conditions import DEPLOYMENT_TYPES
from gateway.policyfile.gate import FIGURES, Gate
from gateway.policyfile.items import TIERS
from gateway.policyfile.loader import load_policies
from gateway.policyfile.schema import NESTED, SECTIONS, keys_of
from gateway.policyfile.variables import FACT_TYPES
from gateway.providers.price_map import PriceMap

FILE = Path(__file__).parents[2] / "policies" / "README.md"
REFERENCE = FILE.read_text(encoding="utf-8")
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
ROW = re.compile(r"^\| `([^`]+)` \| (\w*)", re.MULTILINE)
BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)


def section(title: str) -> str:
    """The text below the heading that begins so, up to the next one."""
    headings = list(SECTION.finditer(REFERENCE))
    places = [heading.start() for heading in headings] + [len(REFERENCE)]
    return next(
        REFERENCE[heading.end() : after]
        for heading, after in zip(headings, places[1:], strict=True)
        if heading[1].startswith(title)
    )


def tables(text: str, headed: str = "") -> list[list[str]]:
    """The words in the first column of each table of that heading, or of any."""
    found = re.findall(r"^\| (.*?) ?\|.*\n\|---.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [re.findall(r"^\| `([^`]+)`", rows, re.MULTILINE) for head, rows in found if headed in head]


def keys_in(text: str) -> Set[str]:
    """All that stands there as code, words of a longer piece each."""
    return {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"[\w.]+", code)}


def variables() -> Mapping[str, str]:
    """Each variable → the type the reference says it has."""
    return dict(ROW.findall(section("Conditions")))


@pytest.mark.parametrize("name", SECTIONS)
def test_the_table_of_a_section_has_its_keys_and_no_other(name: str) -> None:
    first, *_ = tables(section(f"`{name}`"))

    assert sorted(first) == sorted(keys_of(SECTIONS[name]))


@pytest.mark.parametrize(("heading", "words"), [("`strategy`", get_args(Strategy)), ("`after`", get_args(Trigger))])
def test_the_table_of_words_has_each_and_no_other(heading: str, words: tuple[str, ...]) -> None:
    (table,) = tables(section("`routes`"), headed=heading)

    assert table == [*words]


def test_every_key_of_a_file_is_explained_in_its_section() -> None:
    holders = {"price": "deployments", "concurrency": "deployments", "limits": "deployments"} | dict.fromkeys(
        ("timeout", "then", "check"), "routes"
    )

    for name, model in NESTED.items():
        title = "Versions" if name == "rollout" else f"`{holders.get(name, 'policies')}`"
        assert set(keys_of(model)) <= keys_in(section(title)), name
    assert TIERS in keys_in(section("A directory"))


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Versions", get_args(Mode)),
        ("Conditions", get_args(Task)),
        ("Conditions", get_args(Kind)),
        ("Conditions", get_args(Script)),
    ],
)
def test_every_word_a_key_or_a_variable_may_have_is_listed(title: str, words: tuple[str, ...]) -> None:
    assert set(words) <= keys_in(section(title))


def test_the_languages_of_code_that_are_named_exist() -> None:
    named = re.findall(r"`(\w+)`", next(line for line in REFERENCE.splitlines() if "`signals.code_language`" in line))

    assert set(named[1:]) <= set(get_args(CodeLanguage))


def test_the_reference_has_every_variable_with_its_type_and_no_other() -> None:
    types = {**FACT_TYPES, **DEPLOYMENT_TYPES}

    assert variables() == {
        name: kind.name().lower().partition("(")[0].partition("<")[0] for name, kind in types.items()
    }


def test_the_reference_has_every_key_of_a_case() -> None:
    testing = section("Testing")
    rows = [key for key, _ in ROW.findall(testing)]

    assert rows == [*dict.fromkeys(rows)]
    assert set(rows) == {*keys_of(RawCase), *keys_of(Expected)}
    for model in (RawKey, RawBudget, RawPast, RawSaid):
        assert set(keys_of(model)) <= keys_in(testing), model


def test_the_yaml_of_the_reference_is_a_directory_that_loads_and_whose_cases_hold(tmp_path: Path) -> None:
    blocks = BLOCK.findall(REFERENCE)
    for number, block in enumerate(blocks):
        kind = "cases.yaml" if block.startswith("cases:") else "yaml"
        (tmp_path / f"{number}.{kind}").write_text(block, encoding="utf-8")

    policies = load_policies(tmp_path, PriceMap(), assumed_environment(tmp_path))

    check_all(read_cases(tmp_path, policies), policies, trial())
    assert len(blocks) >= 5
    assert {policy.name for policy in policies.policies} == {"default", "default-next"}


def test_the_gate_it_shows_is_one() -> None:
    (source,) = re.findall(r"--fail-if '([^']+)'", section("Replaying"))

    assert set(Gate(source).reads) <= set(FIGURES)


def test_links_inside_lead_somewhere() -> None:
    anchors = {_anchor(title) for title in re.findall(r"^##+ (.+)$", REFERENCE, re.MULTILINE)}

    for target in re.findall(r"\]\(([^)]+)\)", REFERENCE):
        assert target.removeprefix("#") in anchors if target.startswith("#") else (FILE.parent / target).exists(), (
            target
        )


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
