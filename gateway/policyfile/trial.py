"""Decides requests nobody sent, by the functions that serve live traffic: what `test`, `explain` and a reload share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from gateway.domain.decision import Decision, decide
from gateway.domain.facts import NO_BUDGET, WELL, Budget, Facts, Fleet
from gateway.domain.policy import Policy, PolicySet
from gateway.domain.request import Caller, ChatRequest
from gateway.domain.session import Session, carried, named_in, session_key
from gateway.domain.signals import measure
from gateway.domain.walkthrough import Walkthrough, walk_through
from gateway.policyfile.readings import CelReadings
from gateway.ports import Classifier

NOBODY: Final = Caller(key_id="trial")
TRIAL_ID: Final = "trial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is taken to be so besides the request; by default a new conversation, every deployment well, no budget.

    policy    the policy that decides; empty: the one in force for the alias
    measured  signals to take in place of the measured ones, by field
    said      what the classifier is taken to have said, by field
    """

    policy: str = ""
    caller: Caller = NOBODY
    measured: Mapping[str, Any] = field(default_factory=dict)
    said: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    session: Session | None = None
    budget: Budget = NO_BUDGET
    fleet: Fleet = WELL
    at_s: float = 0.0


class Tried(NamedTuple):
    """The facts of a request, and what was decided on them."""

    facts: Facts
    decision: Decision


class Trial:
    """Takes a request body as far as its decision. `parse` reads a body in any dialect."""

    def __init__(self, parse: Callable[[bytes], ChatRequest], classifier: Classifier) -> None:
        self._parse = parse
        self._classifier = classifier

    @property
    def judges_answers(self) -> bool:
        return self._classifier.judges_answers

    def read(self, body: bytes) -> ChatRequest:
        """Raises InvalidRequestError for a body the gateway would refuse."""
        return self._parse(body)

    def decide(self, policies: PolicySet, body: bytes, given: Given) -> Tried:
        """What the gateway would decide.

        Raises InvalidRequestError for a body the gateway would refuse, UnknownModelError where no policy serves the
        model it asks for.
        """
        policy, facts = self._facts(policies, self._parse(body), given)
        return Tried(facts, decide(policy, facts))

    def walk(self, policies: PolicySet, body: bytes, given: Given) -> Walkthrough:
        """What the gateway would decide, and each step there. Raises what `decide` does."""
        policy, facts = self._facts(policies, self._parse(body), given)
        return walk_through(policies, policy, facts, CelReadings())

    def _facts(self, policies: PolicySet, request: ChatRequest, given: Given) -> tuple[Policy, Facts]:
        policy = named(policies, given.policy) or policies.serving(request.alias)
        signals = replace(carried(measure(request), given.session, at_s=given.at_s, is_named=True), **given.measured)
        classification = replace(self._classifier.classify(request, signals, given.caller), **given.said)
        return policy, Facts(
            request=request,
            caller=given.caller,
            signals=signals,
            classification=classification,
            headers={name: value for name, value in given.headers.items() if name in policy.headers},
            request_id=TRIAL_ID,
            session_key=session_key(request, given.caller, named_in(request)),
            session=given.session,
            budget=given.budget,
            fleet=given.fleet,
            at_s=given.at_s,
        )


def named(policies: PolicySet, name: str) -> Policy | None:
    """The policy of that name, in force or being rolled out."""
    return next((each for each in policies.policies if each.name == name), None)
