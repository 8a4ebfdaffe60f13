"""A policy's unit tests: `<name>.cases.yaml`, requests with the decision each must lead to."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PlainValidator, ValidationError, model_validator

from gateway.domain.classification import Task
from gateway.domain.decision import DEFAULT_RULE
from gateway.domain.policy import PolicySet
from gateway.policyfile.items import message_of
from gateway.policyfile.nodes import Node, parse
from gateway.policyfile.problems import Place, Problems, did_you_mean
from gateway.policyfile.schema import Alias, Raw, Sentence, Share, keys_of
from gateway.policyfile.source import read_case_files

_SHORT_FORM = ("alias", "system", "tool_loop")


def _names_or_reasons(value: Any) -> Mapping[str, str]:
    names = (
        dict.fromkeys(value, "") if isinstance(value, list) and all(isinstance(each, str) for each in value) else value
    )
    if not isinstance(names, dict) or not all(isinstance(each, str) for each in names.values()):
        raise ValueError("must be a list of deployments, or a mapping of deployments to a part of the reason")
    return names


class RawSaid(Raw):
    """What the classifier is taken to have said; a key left out stays what it says."""

    task: Task | None = None
    small_ok: Share | None = None
    confidence: Share | None = None
    has_evidence: bool | None = None


class RawKey(Raw):
    id: str = "case"
    team: str = ""
    app: str = ""


class Expected(Raw):
    """What must be so of the decision; None: anything goes.

    deployment  the first of the plan
    excluded    deployment → a part of the reason it is left out for; each must be, others may be
    reason      a part of one of the decision's reasons
    refused     whether the plan is empty
    """

    route: str | None = None
    rule: str | None = None
    deployment: str | None = None
    plan: list[str] | None = None
    excluded: Annotated[Mapping[str, str], PlainValidator(_names_or_reasons)] | None = None
    reason: Annotated[str, Field(min_length=1)] | None = None
    refused: bool | None = None

    @model_validator(mode="after")
    def _expects_something(self) -> "Expected":
        if all(value is None for _, value in self):
            raise ValueError(f"expects nothing; write any of {', '.join(keys_of(Expected))}")
        return self


class RawCase(Raw):
    name: Sentence
    ask: Annotated[str, Field(min_length=1)] | None = None
    alias: Alias = "auto"
    system: str | None = None
    tool_loop: bool = False
    request: dict[str, Any] | None = None
    key: RawKey = RawKey()
    classification: RawSaid = RawSaid()
    expect: Expected

    @model_validator(mode="after")
    def _asks_once(self) -> "RawCase":
        if (self.ask is None) == (self.request is None):
            raise ValueError("needs 'ask' (a text) or 'request' (an OpenAI chat body), and not both")
        if self.request is not None and (stray := self.model_fields_set.intersection(_SHORT_FORM)):
            raise ValueError(f"{min(stray)!r} goes with 'ask'; say it inside 'request'")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case.

    request  the OpenAI chat body, ready for JSON
    said     what the classifier is taken to have said, by the field's name; else it is asked
    """

    name: str
    place: Place
    request: Mapping[str, Any]
    expect: Expected
    key: RawKey = field(default_factory=RawKey)
    said: Mapping[str, Any] = field(default_factory=dict)


def read_cases(directory: Path, policies: PolicySet) -> tuple[Case, ...]:
    """The cases of the directory's `*.cases.yaml`, file by file.

    policies  what their names must refer to
    Raises PolicyError with every problem found.
    """
    problems = Problems()
    documents = [parse(file, problems) for file in read_case_files(directory, problems)]
    cases = []
    taken: dict[str, Place] = {}
    for node in _elements(filter(None, documents), problems):
        raw = _validated(node, problems)
        if raw is not None:
            _check_unique(raw.name, node, taken, problems)
            cases.append(_case(raw, node))
            _check_names(cases[-1], node, policies, problems)
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


def _validated(node: Node, problems: Problems) -> RawCase | None:
    try:
        return RawCase.model_validate(node.plain())
    except ValidationError as error:
        for each in error.errors(include_url=False, include_input=False):
            _report(node, each, problems)
    return None


def _report(case: Node, error: Any, problems: Problems) -> None:
    *above, last = error["loc"] or ("",)
    holder, node = case.at(*above), case.at(*error["loc"])
    path = ", ".join([_path(case), *map(str, node.loc[len(case.loc) :])])
    if error["type"] == "extra_forbidden":
        known = keys_of(_MODELS.get(str(above[-1]) if above else "", RawCase))
        suggestion = did_you_mean(str(last), known) or f"known are {', '.join(known)}"
        problems.add(holder.keys[str(last)], _path(case), f"unknown key {last!r}", suggestion)
    elif error["type"] == "missing":
        problems.add(node.place, path, f"{last!r} is missing")
    else:
        problems.add(node.place, path, *message_of(node, error))


_MODELS: Mapping[str, type[Raw]] = {"key": RawKey, "classification": RawSaid, "expect": Expected}


def _path(case: Node) -> str:
    name = case.at("name").content
    return f"case {name!r}" if isinstance(name, str) else f"case {int(case.loc[-1]) + 1}"


def _check_unique(name: str, node: Node, taken: dict[str, Place], problems: Problems) -> None:
    place = node.at("name").place
    first = taken.setdefault(name, place)
    if first is not place:
        problems.add(place, _path(node), "this name is already taken", f"it is first used in {first.file}:{first.line}")


def _case(raw: RawCase, node: Node) -> Case:
    said = {name: float(value) if isinstance(value, Decimal) else value for name, value in raw.classification}
    return Case(
        name=raw.name,
        place=node.place,
        request=chat_body(raw.ask, raw.alias, raw.system, tool_loop=raw.tool_loop)
        if raw.ask is not None
        else _json(raw.request),
        expect=raw.expect,
        key=raw.key,
        said={name: value for name, value in said.items() if value is not None},
    )


def chat_body(ask: str, alias: str, system: str | None = None, *, tool_loop: bool = False) -> dict[str, Any]:
    """The OpenAI chat body of one ask; `tool_loop` lets a tool's result follow it."""
    messages: list[dict[str, Any]] = [] if system is None else [{"role": "system", "content": system}]
    messages.append({"role": "user", "content": ask})
    if tool_loop:
        call = {"id": "call-1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": "call-1", "content": "done"})
    return {"model": alias, "messages": messages}


def _json(value: Any) -> Any:
    """What a file holds as what JSON can say: its numbers with a point are floats."""
    if isinstance(value, dict):
        return {key: _json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_json(each) for each in value]
    return float(value) if isinstance(value, Decimal) else value


def _check_names(case: Case, node: Node, policies: PolicySet, problems: Problems) -> None:
    """A misspelt name would fail its case for ever, and say nothing of why."""
    for noun, name, place, known in _names(case, node, policies):
        if name not in known:
            suggestion = did_you_mean(name, known) or f"known are {', '.join(sorted(known))}"
            problems.add(place, _path(node), f"unknown {noun} {name!r}", suggestion)


def _names(case: Case, node: Node, policies: PolicySet) -> Iterator[tuple[str, str, Place, Collection[str]]]:
    """Each name the case refers to: of what kind, where it stands, and what there is of that kind."""
    expect, policy = case.expect, None
    alias = case.request.get("model")
    if isinstance(alias, str):
        where = node.at("request", "model") if "request" in node.keys else node.at("alias")
        yield "model alias", alias, where.place, policies.by_alias
        policy = policies.by_alias.get(alias)
    if expect.route is not None:
        yield "route", expect.route, node.at("expect", "route").place, policies.routes
    if expect.rule is not None and policy is not None:
        rules = (DEFAULT_RULE, *(rule.name for rule in policy.rules))
        yield "rule", expect.rule, node.at("expect", "rule").place, rules
    if expect.deployment is not None:
        yield "deployment", expect.deployment, node.at("expect", "deployment").place, policies.deployments
    for index, name in enumerate(expect.plan or ()):
        yield "deployment", name, node.at("expect", "plan", index).place, policies.deployments
    excluded = node.at("expect", "excluded")
    for index, name in enumerate(expect.excluded or ()):
        yield "deployment", name, excluded.keys.get(name, excluded.at(index).place), policies.deployments
