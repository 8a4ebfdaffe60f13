from pathlib import Path

import pytest

from gateway.domain.request import Caller
from gateway.policyfile.cases import Case, cases_in, read_cases
from gateway.policyfile.problems import PolicyError, Problems
from gateway.policyfile.source import read_case_files
from tests.unit.policyfile.folder import GOOD, load

ASK = "cases:\n  - name: a case\n    ask: hello\n    expect: {route: small-first}\n"


def _read(directory: Path, text: str = "", **others: str) -> tuple[Case, ...]:
    """The cases in `p.cases.yaml` beside a good policy file, and in NAME.cases.yaml for each keyword."""
    policies = load(directory, p=GOOD)
    for name, content in {"p": text, **others}.items():
        (directory / f"{name}.cases.yaml").write_text(content, encoding="utf-8")
    return read_cases(directory, policies)


def _problems(directory: Path, text: str, **others: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        _read(directory, text, **others)
    return [str(problem).removeprefix(f"{directory}/") for problem in caught.value.problems]


def test_an_ask_is_a_request_of_one_message_to_auto(tmp_path: Path) -> None:
    (case,) = _read(tmp_path, ASK)

    assert case.request == {"model": "auto", "messages": [{"role": "user", "content": "hello"}]}
    assert (case.name, case.place.line, case.place.column) == ("a case", 2, 5)
    assert case.expect.route == "small-first"


def test_a_whole_request_is_passed_on_as_json_would_say_it(tmp_path: Path) -> None:
    request = "{model: auto, temperature: 0.5, n: 1, stop: [a], messages: [{role: user, content: hello}]}"

    (case,) = _read(tmp_path, ASK.replace("ask: hello", f"request: {request}"))

    assert case.request["temperature"] == 0.5
    assert isinstance(case.request["temperature"], float)
    assert case.request["messages"] == [{"role": "user", "content": "hello"}]


def test_a_case_can_say_what_the_classifier_said_and_whose_key_it_was(tmp_path: Path) -> None:
    extra = "ask: hello\n    classification: {task: legal, small_ok: 1}\n    key: {team: legal, tags: [eu]}"

    (case,) = _read(tmp_path, ASK.replace("ask: hello", extra))

    assert case.given.said == {"task": "legal", "small_ok": 1.0}
    assert case.given.caller == Caller(key_id="case", team="legal", tags=("eu",))


@pytest.mark.parametrize(
    ("written", "expected"),
    [("[large-a]", {"large-a": ""}), ("{large-a: cooldown}", {"large-a": "cooldown"})],
)
def test_the_excluded_are_names_or_names_with_reasons(tmp_path: Path, written: str, expected: dict[str, str]) -> None:
    (case,) = _read(tmp_path, ASK.replace("route: small-first", f"excluded: {written}"))

    assert case.expect.excluded == expected


def test_a_case_says_what_is_so_besides_its_request(tmp_path: Path) -> None:
    extra = """ask: hello
    tools: [look_up]
    metadata: {project: x}
    signals: {tokens: 9000}
    budget: {used_ratio: 0.9}
    resting: [large-a]
    session: {route: small-first}
    at: 2026-11-20 14:30"""

    (case,) = _read(tmp_path, ASK.replace("ask: hello", extra))

    assert [tool["function"]["name"] for tool in case.request["tools"]] == ["look_up"]
    assert case.request["metadata"] == {"project": "x"}
    assert case.given.measured == {"tokens": 9000}
    assert case.given.budget.used_ratio == 0.9
    assert list(case.given.fleet.cooling) == ["large-a"]
    assert case.given.session is not None
    assert (case.given.session.deployment, case.given.session.seen_at_s) == ("small-a", case.given.at_s)


def test_a_case_can_be_for_a_policy_that_is_only_being_rolled_out(tmp_path: Path) -> None:
    candidate = "policies:\n  - {name: next, serves: [auto], rollout: shadow, default: small-first}\n"
    policies = load(tmp_path, p=GOOD, q=candidate)
    (tmp_path / "p.cases.yaml").write_text(ASK.replace("ask: hello", "ask: hello\n    policy: next"), "utf-8")

    (case,) = read_cases(tmp_path, policies)

    assert case.given.policy == "next"


def test_files_already_read_hold_the_same_cases_as_their_directory(tmp_path: Path) -> None:
    read = _read(tmp_path, ASK)

    again = cases_in(read_case_files(tmp_path, Problems()), load(tmp_path, p=GOOD))

    assert len(again) == 1
    assert again == read


def test_a_directory_without_cases_has_none(tmp_path: Path) -> None:
    assert read_cases(tmp_path, load(tmp_path, p=GOOD)) == ()


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_file_has_none(tmp_path: Path, text: str) -> None:
    assert _read(tmp_path, text) == ()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("cases:", "casess:", "1:1: a file of cases is a mapping with 'cases'"),
        (ASK, "cases: 3\n", "1:8: cases: must be a list"),
        ("cases:", "policies: []\ncases:", "1:1: unknown key 'policies'; a file of cases holds 'cases'"),
        ("ask: hello", "aks: hello", "3:5: case 'a case': unknown key 'aks'; did you mean 'ask'?"),
        ("ask: hello", "alias: auto", "2:5: case 'a case': needs 'ask' (a text) or 'request'"),
        ("ask: hello", "ask: hello\n    request: {}", "2:5: case 'a case': needs 'ask' (a text) or 'request'"),
        ("ask: hello", "request: {}\n    system: s", "2:5: case 'a case': 'system' goes with 'ask'"),
        ("ask: hello", "ask: 3", "3:10: case 'a case', ask: must be text; put it in quotes"),
        ("{route: small-first}", "~", "4:13: case 'a case', expect: has no value; write one"),
        ("name: a case\n    ask", "ask", "2:5: case 1: 'name' is missing"),
        ("route: small-first", "", "4:13: case 'a case', expect: expects nothing; write any of route, rule,"),
        ("route: small", "rout: small", "4:14: case 'a case': unknown key 'rout'; did you mean 'route'?"),
        ("small-first", "smal-first", "4:21: case 'a case': unknown route 'smal-first'; did you mean 'small-first'?"),
        ("route: small-first", "rule: easy", "4:20: case 'a case': unknown rule 'easy'; known are default, easy goes"),
        ("route: small-first", "plan: [small]", "4:21: case 'a case': unknown deployment 'small'; did you mean"),
        ("route: small-first", "excluded: {big: a}", "4:25: case 'a case': unknown deployment 'big'; known are"),
        ("route: small-first", "excluded: 3", "4:24: case 'a case', expect, excluded: must be a list of deployments"),
        ("ask: hello", "ask: hello\n    alias: other", "4:12: case 'a case': unknown model alias 'other'; known are"),
        ("ask: hello", "request: {model: aut}", "3:22: case 'a case': unknown model alias 'aut'; did you mean 'auto'?"),
        ("ask: hello", "ask: hello\n    policy: defalt", "4:13: case 'a case': unknown policy 'defalt'; did you mean"),
        ("ask: hello", "ask: hello\n    resting: [big]", "4:15: case 'a case': unknown deployment 'big'; known are"),
        ("ask: hello", "ask: hello\n    latency_ms: {larg-a: 1}", "4:18: case 'a case': unknown deployment 'larg-a';"),
        ("ask: hello", "ask: hello\n    headers: {x-a: b}", "4:15: case 'a case': unknown header of the policy 'x-a';"),
        ("ask: hello", "ask: hello\n    session: {rout: a}", "4:15: case 'a case': unknown key 'rout'; did you mean"),
        ("ask: hello", "ask: hello\n    session: {}", "4:14: case 'a case', session: 'route' is missing"),
        ("ask: hello", "ask: hello\n    at: noon", "4:9: case 'a case', at: must be a time such as 2026-11-20 14:30"),
        ("ask: hello", "ask: hello\n    signals: {token: 1}", "4:15: case 'a case': unknown key 'token'; did you mean"),
        ("ask: hello", "ask: hello\n    signals: {code: 1}", "4:21: case 'a case', signals, code: must be a valid"),
        ("route: small-first", "tier: smal", "4:20: case 'a case': unknown tier 'smal'; did you mean 'small'?"),
        ("route: small-first", "excluded: [big]", "4:25: case 'a case': unknown deployment 'big'; known are"),
        ("ask: hello", "request: {}\n    session: {route: gone}", "4:22: case 'a case': unknown route 'gone'; known"),
        (
            "ask: hello",
            "ask: hello\n    classification: {task: legale}",
            "4:28: case 'a case', classification, task: unknown value 'legale'",
        ),
        (
            "ask: hello",
            "ask: hello\n    classification: {small_ok: 2}",
            "4:32: case 'a case', classification, small_ok: must be less than or equal to 1",
        ),
    ],
)
def test_a_mistake_is_reported_at_its_place_with_the_next_step(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    problems = _problems(tmp_path, ASK.replace(old, new, 1))

    assert any(each.startswith(f"p.cases.yaml:{problem}") for each in problems), problems


def test_all_problems_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    wrong = ASK.replace("small-first", "none")

    problems = _problems(tmp_path, wrong + wrong.removeprefix("cases:\n").replace("a case", "another"), q="cases: [\n")

    assert [problem.split(":")[0] for problem in problems] == ["p.cases.yaml", "p.cases.yaml", "q.cases.yaml"]


def test_two_cases_of_one_name_are_one_too_many(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, ASK, q=ASK)

    assert problem.startswith("q.cases.yaml:2:11: case 'a case': this name is already taken; it is first used in ")
