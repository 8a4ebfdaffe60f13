"""Answers `policy explain` and `POST /admin/policy/explain`: one question, under the policies in force or a draft."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
from pydantic import Field

from gateway.domain.errors import GatewayError
from gateway.domain.policy import PolicySet
from gateway.domain.request import Caller
from gateway.domain.walkthrough import UnexplainableError, Walkthrough, as_document
from gateway.policyfile.circumstances import given_by, names_in
from gateway.policyfile.deployments import PriceBook
from gateway.policyfile.drafts import load_texts, stand_ins
from gateway.policyfile.nodes import Location, Node
from gateway.policyfile.problems import Place, PolicyError, Problems
from gateway.policyfile.questions import Question, body_of
from gateway.policyfile.trial import NOBODY, Trial
from gateway.policyfile.validation import check_name, validated
from gateway.ports import PolicySource

_QUESTION: Final = Place("question")
_DEEPEST: Final = 4
"""How far into a question its values are looked at; nothing of it but `request` is deeper."""
DRAFT: Final = "policies"
_LONGEST_NAME: Final = 100


class AdminQuestion(Question):
    """A question as a program asks it."""

    team: str = ""
    app: str = ""
    tags: list[str] = Field(default_factory=list)


class Explainer:
    """Walks a question through policies. `now`: Unix time in seconds, for questions that say no time."""

    def __init__(self, trial: Trial, *, now: Callable[[], float]) -> None:
        self._trial = trial
        self._now = now

    def walk(self, policies: PolicySet, asked: Mapping[str, Any], body: bytes | None = None) -> Walkthrough:
        """The answer.

        asked  a question in plain values, as JSON gives them; what may stand in it: AdminQuestion
        body   the bytes of the request, in place of the question's `ask` or `request`
        Raises PolicyError with every problem of the question, GatewayError where the gateway would refuse the request.
        """
        problems = Problems()
        request = asked.get("request") if body is None else {}
        # The request is for the wire format's own checks: here it only matters that there is one.
        plain = {**asked, "request": {}} if isinstance(request, dict) else asked
        node = _node(plain, ())
        question = validated(AdminQuestion, node, "", problems)
        if question is None:
            problems.raise_if_any()
            raise AssertionError("what is not valid has a problem")
        if body is None:
            body = msgspec.json.encode(request if isinstance(request, dict) else body_of(question, policies))
        alias = self._trial.read(body).alias
        alias_at = ("alias",) if question.request is None else ("request", "model")
        for name in names_in(question, alias, alias_at, policies):
            if name.noun != "model alias" or question.policy is not None:  # else the gateway's own words will do
                check_name(name, node, ", ".join(map(str, name.loc)), problems)
        problems.raise_if_any()
        caller = Caller(key_id=NOBODY.key_id, team=question.team, app=question.app, tags=tuple(question.tags))
        return self._trial.walk(policies, body, given_by(question, caller, policies, now_s=self._now()))


class AdminExplainer:
    """What `api.policy_explain` asks: a question in, the document of the answer out. Blocks while a draft compiles.

    Nothing of a draft is looked up outside it, but for prices that are bundled.
    """

    def __init__(
        self,
        explainer: Explainer,
        policies: PolicySource,
        prices: PriceBook,
        *,
        after_draft: Callable[[], None] = lambda: None,
    ) -> None:
        """Wire it.

        prices       for deployments of drafts that give none
        after_draft  called after each compilation, to let go of what only that needs
        """
        self._explainer = explainer
        self._policies = policies
        self._prices = prices
        self._after_draft = after_draft

    def __call__(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The answer under the policies in force, or under the draft the question brings.

        Raises UnexplainableError with every problem of the draft or of the question.
        """
        question = {key: value for key, value in asked.items() if key != DRAFT}
        try:
            policies = self._draft(asked[DRAFT]) if asked.get(DRAFT) is not None else self._policies.current()
            return as_document(self._explainer.walk(policies, question))
        except PolicyError as error:
            raise UnexplainableError([_plain(problem) for problem in error.problems]) from error
        except GatewayError as error:
            refused = {"file": "question", "path": "request", "message": error.message}
            raise UnexplainableError([refused]) from error

    def check(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What is in the draft that is asked about, and nothing else. Raises UnexplainableError."""
        try:
            for name in asked.keys() - {DRAFT}:
                problems = Problems()
                problems.add(_QUESTION, name[:_LONGEST_NAME], "nobody reads it", f"give {DRAFT!r} alone")
                problems.raise_if_any()
            policies = self._draft(asked.get(DRAFT))
        except PolicyError as error:
            raise UnexplainableError([_plain(problem) for problem in error.problems]) from error
        return {
            "version": policies.version,
            "deployments": sorted(policies.deployments),
            "routes": sorted(policies.routes),
            "policies": [policy.name for policy in policies.policies],
            "aliases": sorted(policies.by_alias),
        }

    def _draft(self, files: Any) -> PolicySet:
        if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
            problems = Problems()
            problems.add(_QUESTION, DRAFT, "must be a mapping of file names to texts", "such as {'default.yaml': '…'}")
            problems.raise_if_any()
        try:
            return load_texts(files, self._prices, stand_ins(files.values()))
        finally:
            self._after_draft()


def _plain(problem: Any) -> dict[str, Any]:
    return {key: value for key, value in msgspec.to_builtins(problem).items() if value not in (None, "")}


def _node(value: Any, loc: Location) -> Node:
    """A plain value as what a file would hold."""
    content: Any = Decimal(str(value)) if isinstance(value, float) else value
    keys: dict[str, Place] = {}
    if len(loc) >= _DEEPEST:
        content = None
    elif isinstance(value, dict):
        content = {str(key): _node(each, (*loc, str(key))) for key, each in value.items()}
        keys = dict.fromkeys(content, _QUESTION)
    elif isinstance(value, list):
        content = [_node(each, (*loc, index)) for index, each in enumerate(value)]
    return Node(place=_QUESTION, loc=loc, content=content, keys=keys)
