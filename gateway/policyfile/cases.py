"""A policy's unit tests: `<name>.cases.yaml`, requests with the decision each must lead to."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PlainValidator, model_validator

from gateway.domain.policy import Policy, PolicySet
from gateway.domain.request import Caller
from gateway.policyfile.circumstances import NESTED, Named, deciding, given_by, names_in, rules_of
from gateway.policyfile.nodes import Node, parse
from gateway.policyfile.problems import Place, Problems
from gateway.policyfile.questions import Question, body_of
from gateway.policyfile.schema import Raw, Sentence, keys_of
from gateway.policyfile.source import SourceFile, read_case_files
from gateway.policyfile.trial import Given
from gateway.policyfile.validation import check_name, validated


def _names_or_reasons(value: Any) -> Mapping[str, str]:
    names = (
        dict.fromkeys(value, "") if isinstance(value, list) and all(isinstance(each, str) for each in value) else value
    )
    if not isinstance(names, dict) or not all(isinstance(each, str) for each in names.values()):
        raise ValueError("must be a list of deployments, or a mapping of deployments to a part of the reason")
    return names


class RawKey(Raw):
    id: str = "case"
    team: str = ""
    app: str = ""
    tags: list[str] = Field(default_factory=list)


class Expected(Raw):
    """What must be so of the decision; None: anything goes.

    deployment  the first of the plan; tier  that deployment's
    excluded    deployment → a part of the reason it is left out for; each must be, others may be
    reason      a part of one of the decision's reasons
    refused     whether the plan is empty
    """

    route: str | None = None
    rule: str | None = None
    deployment: str | None = None
    tier: str | None = None
    plan: list[str] | None = None
    excluded: Annotated[Mapping[str, str], PlainValidator(_names_or_reasons)] | None = None
    reason: Annotated[str, Field(min_length=1)] | None = None
    refused: bool | None = None

    @model_validator(mode="after")
    def _expects_something(self) -> "Expected":
        if all(value is None for _, value in self):
            raise ValueError(f"expects nothing; write any of {', '.join(keys_of(Expected))}")
        return self


class RawCase(Question):
    name: Sentence
    key: RawKey = RawKey()
    expect: Expected


_NESTED: Mapping[str, type[Raw]] = {**NESTED, "key": RawKey, "expect": Expected}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case.

    request  the chat body, OpenAI's or Anthropic's, ready for JSON
    given    what is taken to be so besides
    """

    name: str
    place: Place
    request: Mapping[str, Any]
    given: Given
    expect: Expected


def read_cases(directory: Path, policies: PolicySet) -> tuple[Case, ...]:
    """The cases of the directory's `*.cases.yaml`, file by file.

    policies  what their names must refer to
    Raises PolicyError with every problem found.
    """
    problems = Problems()
    return _cases(read_case_files(directory, problems), policies, problems)


def cases_in(files: Iterable[SourceFile], policies: PolicySet) -> tuple[Case, ...]:
    """The cases of files already read; else as `read_cases`."""
    return _cases(files, policies, Problems())


def _cases(files: Iterable[SourceFile], policies: PolicySet, problems: Problems) -> tuple[Case, ...]:
    documents = [parse(file, problems) for file in files]
    cases: list[Case] = []
    taken: dict[str, Place] = {}
    for node in _elements(filter(None, documents), problems):
        raw = validated(RawCase, node, _path(node), problems, _NESTED)
        if raw is not None:
            _check_unique(raw.name, node, taken, problems)
            cases.extend(_case(raw, node, policies, problems))
    problems.raise_if_any()
    return tuple(cases)


def _elements(documents: Iterable[Node], problems: Problems) -> Iterator[Node]:
    for document in documents:
        if not isinstance(document.content, dict) or "cases" not in document.content:
            problems.add(document.place, "", "a file of cases is a mapping with 'cases', a list")
            continue
        for key, place in document.keys.items():
            if key != "cases":
                problems.add(place, "", f"unknown key {key!r}", "a file of cases holds 'cases' and nothing else")
        cases = document.content["cases"]
        if isinstance(cases.content, list):
            yield from cases.content
        else:
            problems.add(cases.place, "cases", "must be a list", "write it as lines that begin with '- '")


def _path(case: Node) -> str:
    name = case.at("name").content
    return f"case {name!r}" if isinstance(name, str) else f"case {int(case.loc[-1]) + 1}"


def _check_unique(name: str, node: Node, taken: dict[str, Place], problems: Problems) -> None:
    place = node.at("name").place
    first = taken.setdefault(name, place)
    if first is not place:
        problems.add(place, _path(node), "this name is already taken", f"it is first used in {first.file}:{first.line}")


def _case(raw: RawCase, node: Node, policies: PolicySet, problems: Problems) -> Iterator[Case]:
    """The case, if every name in it is known."""
    before = len(problems)
    body = _json(body_of(raw, policies))
    for name in _names(raw, body.get("model"), policies):
        check_name(name, node, _path(node), problems)
    if len(problems) == before:
        key = raw.key
        caller = Caller(key_id=key.id, team=key.team, app=key.app, tags=tuple(key.tags))
        given = given_by(raw, caller, policies)
        yield Case(name=raw.name, place=node.place, request=body, given=given, expect=raw.expect)


def _json(value: Any) -> Any:
    """What a file holds as what JSON can say: its numbers with a point are floats."""
    if isinstance(value, Mapping):
        return {key: _json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_json(each) for each in value]
    return float(value) if isinstance(value, Decimal) else value


def _names(raw: RawCase, alias: Any, policies: PolicySet) -> Iterator[Named]:
    """Each name the case refers to. A request without a model is for the gateway to refuse."""
    asked = alias if isinstance(alias, str) else None
    yield from names_in(raw, asked, ("alias",) if raw.request is None else ("request", "model"), policies)
    yield from _names_expected(raw.expect, deciding(raw, asked, policies), policies)


def _names_expected(expect: Expected, policy: Policy | None, policies: PolicySet) -> Iterator[Named]:
    if expect.route is not None:
        yield Named("route", expect.route, ("expect", "route"), policies.routes)
    if expect.rule is not None and policy is not None:
        yield Named("rule", expect.rule, ("expect", "rule"), rules_of(policy))
    if expect.tier is not None:
        yield Named("tier", expect.tier, ("expect", "tier"), policies.tiers)
    if expect.deployment is not None:
        yield Named("deployment", expect.deployment, ("expect", "deployment"), policies.deployments)
    for index, name in enumerate(expect.plan or ()):
        yield Named("deployment", name, ("expect", "plan", index), policies.deployments)
    for name in expect.excluded or ():
        yield Named("deployment", name, ("expect", "excluded", name), policies.deployments, is_key=True)
