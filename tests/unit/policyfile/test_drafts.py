import os
from collections.abc import Mapping

import pytest

from gateway.policyfile.drafts import MOST_DRAFT_BYTES, load_texts, stand_ins
from gateway.policyfile.problems import PolicyError
from tests.unit.policyfile.folder import DEPLOYMENTS, GOOD, POLICIES, ROUTES, unknown_prices

WITH_KEY = GOOD.replace("model: l,", "model: l, api_base: '${BASE}/v1', api_key: '${API_KEY}',")


def _problems(files: Mapping[str, str], environment: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load_texts(files, unknown_prices, environment or {})
    return [str(problem) for problem in caught.value.problems]


def test_texts_are_what_a_directory_of_them_would_be() -> None:
    policies = load_texts({"a.yaml": DEPLOYMENTS, "b.yml": ROUTES, "c.yaml": POLICIES}, unknown_prices, {})

    assert policies.by_alias["auto"].default.name == "large-only"


def test_the_version_changes_with_the_text() -> None:
    versions = {load_texts({"a.yaml": text}, unknown_prices, {}).version for text in (GOOD, GOOD, f"{GOOD}\n# more")}

    assert len(versions) == 2


def test_every_problem_has_its_place_in_its_file() -> None:
    problems = _problems({"a.yaml": DEPLOYMENTS + ROUTES, "b.yaml": POLICIES.replace("large-only", "none")})

    assert problems == ["b.yaml:8:14: policy 'default': unknown route 'none'; known routes: small-first, large-only"]


def test_yaml_that_cannot_be_read_is_all_that_is_reported() -> None:
    (problem,) = _problems({"a.yaml": "policies: [", "b.yaml": POLICIES})

    assert problem.startswith("a.yaml:2:1: not valid YAML")


@pytest.mark.parametrize("files", [{}, {"a.yaml": ""}, {"a.cases.yaml": "cases: []"}, {"a.yaml": DEPLOYMENTS}])
def test_a_draft_without_a_policy_is_none(files: dict[str, str]) -> None:
    assert _problems(files) == ["draft: no policy in these files; write one under 'policies'"]


@pytest.mark.parametrize("name", ["../a.yaml", "/etc/a.yaml", "a.json", ".a.yaml", "", "a\n.yaml", "a" * 200 + ".yaml"])
def test_a_name_must_be_that_of_a_policy_file(name: str) -> None:
    (problem,) = _problems({name: GOOD})

    assert "is not the name of a policy file; such as 'default.yaml'" in problem


def test_cases_beside_a_draft_are_not_looked_at() -> None:
    policies = load_texts({"a.yaml": GOOD, "a.cases.yaml": "cases: 3"}, unknown_prices, {})

    assert "auto" in policies.by_alias


def test_a_draft_is_bounded() -> None:
    (problem,) = _problems({"a.yaml": GOOD, "b.yaml": "#" * MOST_DRAFT_BYTES})

    assert "more than 1048576; give only the files it needs" in problem


def test_a_text_that_is_not_unicode_is_a_problem_and_no_crash() -> None:
    (problem,) = _problems({"a.yaml": "policies: \udcff"})

    assert problem.startswith("a.yaml")


def test_stand_ins_fit_their_place_and_take_nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "API_KEY", "from the environment")

    large = load_texts({"a.yaml": WITH_KEY}, unknown_prices, stand_ins([WITH_KEY])).deployments["large-a"]

    assert large.api_base == "https://assumed.invalid/v1/v1"
    assert large.api_key is not None
    assert "environment" not in large.api_key.reveal()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("api_base: ${NAME}", "https://assumed.invalid/v1"),
        ("api_base: ${NAME}://host/v1", "https"),
        ("api_base: http://host:${NAME}/v1", "443"),
        ("api_base: http://${NAME}/v1", "assumed"),
    ],
)
def test_a_stand_in_makes_a_url_of_what_is_around_it(text: str, value: str) -> None:
    assert stand_ins([text]) == {"NAME": value}


def test_many_references_in_one_long_line_are_found_in_time() -> None:
    assert len(stand_ins(["".join(f"${{N{number}}}" for number in range(100_000))])) == 100_000
