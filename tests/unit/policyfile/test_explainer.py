from typing import Any

import msgspec
import pytest

from gateway.api.dialects import parse_any
from gateway.domain.errors import InvalidRequestError
from gateway.domain.policy import PolicySet
from gateway.domain.walkthrough import UnexplainableError, Walkthrough
from gateway.policyfile.explainer import AdminExplainer, Explainer
from gateway.policyfile.problems import PolicyError
from gateway.policyfile.trial import Trial
from tests.builders import a_classification
from tests.fakes import FakeClassifier, FakePolicies
from tests.unit.policyfile.folder import GOOD, load, unknown_prices

NOW_S = 1795185000.0
BODY = {"model": "auto", "messages": [{"role": "user", "content": "hello"}]}
DRAFT = GOOD.replace("name: default", "name: draft")


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> PolicySet:
    return load(tmp_path_factory.mktemp("policies"), p=GOOD)


def _explainer() -> Explainer:
    return Explainer(Trial(parse_any, FakeClassifier(a_classification(0.9))), now=lambda: NOW_S)


def _walked(policies: PolicySet, body: bytes | None = None, **asked: Any) -> Walkthrough:
    return _explainer().walk(policies, asked, body)


def _problems(policies: PolicySet, body: bytes | None = None, **asked: Any) -> str:
    with pytest.raises(PolicyError) as caught:
        _walked(policies, body, **asked)
    return str(caught.value)


def _answered(policies: PolicySet, /, **asked: Any) -> dict[str, Any]:
    return AdminExplainer(_explainer(), FakePolicies(policies), unknown_prices)(asked)


def _refused(policies: PolicySet, /, **asked: Any) -> list[dict[str, Any]]:
    with pytest.raises(UnexplainableError) as caught:
        _answered(policies, **asked)
    return [dict(problem) for problem in caught.value.problems]


def test_a_text_a_request_and_bytes_are_the_same_question(policies: PolicySet) -> None:
    answers = [
        _walked(policies, ask="hello"),
        _walked(policies, request=BODY),
        _walked(policies, msgspec.json.encode(BODY)),
    ]

    assert {each.decision.rule for each in answers} == {"easy goes small"}
    assert len({each.facts.session_key for each in answers}) == 1


def test_circumstances_are_taken_as_json_says_them(policies: PolicySet) -> None:
    answer = _walked(
        policies,
        ask="hello",
        team="claims",
        app="a",
        tags=["eu"],
        budget={"used_ratio": 0.9},
        resting=["small-a"],
        latency_ms={"large-a": 12.5},
        classification={"small_ok": 0.1},
        session={"route": "small-first", "age_s": 1.5},
    )

    facts = answer.facts
    assert (facts.caller.team, facts.caller.app, facts.caller.tags) == ("claims", "a", ("eu",))
    assert (facts.budget.used_ratio, facts.fleet.latency_ms) == (0.9, {"large-a": 12.5})
    assert facts.classification.small_ok == 0.1
    assert facts.session is not None
    assert facts.session.seen_at_s == NOW_S - 1.5


def test_a_question_that_says_no_time_is_asked_now(policies: PolicySet) -> None:
    assert _walked(policies, ask="hello").facts.at_s == NOW_S
    assert _walked(policies, ask="hello", at="2026-11-20").facts.at_s < NOW_S


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({}, "question: needs 'ask' (a text) or 'request'"),
        ({"ask": "a", "request": {}}, "question: needs 'ask' (a text) or 'request'"),
        ({"request": []}, "question: request: must be a mapping of keys to values"),
        ({"ask": "a", "taem": "x"}, "question: unknown key 'taem'; did you mean 'team'?"),
        ({"ask": "a", "resting": ["smal-a"]}, "question: resting, 0: unknown deployment 'smal-a'; did you mean"),
        ({"ask": "a", "policy": "defalt"}, "question: policy: unknown policy 'defalt'; did you mean 'default'?"),
        ({"ask": "a", "policy": "default", "alias": "x"}, "question: alias: unknown model alias 'x'; known are auto"),
        ({"ask": "a", "headers": {"x-a": "b"}}, "question: headers, x-a: unknown header of the policy 'x-a'; there is"),
        ({"ask": "a", "session": {"route": "x"}}, "question: session, route: unknown route 'x'; known are"),
        ({"ask": "a", "classification": {"task": "legl"}}, "question: classification, task: unknown value 'legl'"),
        ({"ask": "\udcff"}, "question: ask: must be a valid string"),
    ],
)
def test_what_is_wrong_with_a_question_is_said_where(policies: PolicySet, asked: dict[str, Any], problem: str) -> None:
    assert _problems(policies, **asked).startswith(problem)


def test_all_that_is_wrong_is_said_at_once(policies: PolicySet) -> None:
    assert len(_problems(policies, ask="a", resting=["x", "y"], policy="z").splitlines()) == 3


def test_bytes_the_gateway_would_refuse_are_refused_in_its_words(policies: PolicySet) -> None:
    with pytest.raises(InvalidRequestError, match="not valid JSON"):
        _walked(policies, b"{")


def test_a_program_is_answered_under_the_policies_in_force(policies: PolicySet) -> None:
    answer = _answered(policies, ask="hello")

    assert (answer["policy"], answer["rule"]) == ("default", "easy goes small")


def test_a_draft_is_asked_in_place_of_them(policies: PolicySet) -> None:
    answer = _answered(policies, ask="hello", policies={"default.yaml": DRAFT})

    assert answer["policy"] == "draft"
    assert policies.by_alias["auto"].name == "default"


def test_a_drafts_problems_come_with_their_places(policies: PolicySet) -> None:
    draft = DRAFT.replace("default: large-only", "default: larg-only")

    (problem,) = _refused(policies, ask="hello", policies={"default.yaml": draft})

    assert problem == {
        "file": "default.yaml",
        "line": 16,
        "column": 14,
        "path": "policy 'draft'",
        "message": "unknown route 'larg-only'",
        "suggestion": "did you mean 'large-only'?",
    }


def test_a_draft_never_learns_what_a_variable_stands_for(policies: PolicySet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_HOST", "not an URL at all")
    draft = DRAFT.replace("model: l,", "model: l, api_base: 'https://${SECRET_HOST}/v1',")

    assert _answered(policies, ask="hello", policies={"default.yaml": draft})["policy"] == "draft"


def test_a_draft_is_checked_without_a_question(policies: PolicySet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_HOST", "not an URL at all")
    draft = DRAFT.replace("model: l,", "model: l, api_base: 'https://${SECRET_HOST}/v1', api_key: '${SECRET_KEY}',")
    explainer = AdminExplainer(_explainer(), FakePolicies(policies), unknown_prices)

    told = explainer.check({"policies": {"default.yaml": draft}})

    assert (told["policies"], told["aliases"]) == (["draft"], ["auto"])
    assert told["deployments"] == ["large-a", "small-a"]
    assert policies.by_alias["auto"].name == "default"


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({}, "must be a mapping of file names to texts"),
        ({"policies": None}, "must be a mapping of file names to texts"),
        ({"policies": {"a.yaml": GOOD}, "ask": "hello"}, "nobody reads it"),
        ({"policies": {"../a.yaml": GOOD}}, "'../a.yaml' is not the name of a policy file"),
        ({"policies": {"a.yaml": DRAFT.replace("default: large-only", "default: x")}}, "unknown route 'x'"),
    ],
)
def test_a_draft_that_is_not_good_is_told_why(policies: PolicySet, asked: dict[str, Any], problem: str) -> None:
    explainer = AdminExplainer(_explainer(), FakePolicies(policies), unknown_prices)

    with pytest.raises(UnexplainableError) as caught:
        explainer.check(asked)

    assert [each["message"] for each in caught.value.problems] == [problem]


def test_what_only_a_draft_needs_is_let_go_of_whether_it_compiles_or_not(policies: PolicySet) -> None:
    told: list[str] = []
    explainer = AdminExplainer(
        _explainer(), FakePolicies(policies), unknown_prices, after_draft=lambda: told.append("let go")
    )

    explainer({"ask": "hello"})
    explainer({"ask": "hello", "policies": {"a.yaml": GOOD}})
    with pytest.raises(UnexplainableError):
        explainer({"ask": "hello", "policies": {"a.yaml": "policies: 3"}})

    assert len(told) == 2


@pytest.mark.parametrize("draft", [3, [], {"a.yaml": 3}])
def test_a_draft_is_a_mapping_of_texts(policies: PolicySet, draft: Any) -> None:
    (problem,) = _refused(policies, ask="hello", policies=draft)

    assert (problem["path"], problem["message"]) == ("policies", "must be a mapping of file names to texts")


@pytest.mark.parametrize(
    ("asked", "path", "message"),
    [
        ({"ask": "a", "alias": "aut"}, "request", "no policy serves the model 'aut'; did you mean 'auto'?"),
        ({"request": {"model": "auto"}}, "request", "you must provide 'messages'"),
        ({"ask": "a", "resting": ["x"]}, "resting, 0", "unknown deployment 'x'"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(
    policies: PolicySet, asked: dict[str, Any], path: str, message: str
) -> None:
    (problem,) = _refused(policies, **asked)

    assert (problem["file"], problem["path"], problem["message"]) == ("question", path, message)
