"""The only door to CEL: conditions over the facts of a request, and requirements on a deployment.

CEL reports a failed evaluation (a division by zero, a missing map key) as a value; but one whose loops take more than
10,000 steps in all is stopped with an exception. `_outcome` makes a value of that too.
"""

import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from cel_expr_python import cel  # type: ignore[import-untyped]  # ships a stub without the py.typed mark

from gateway.domain.facts import Facts
from gateway.domain.policy import Condition, Constraint, Deployment, Match, Rule, unmatched
from gateway.policyfile.cel_messages import ConditionProblem, failed_on_sample, problems_in
from gateway.policyfile.problems import did_you_mean
from gateway.policyfile.variables import FACT_TYPES, FACTS, binder, sample_facts

_HEADER = re.compile(
    r"""request\.headers(?:\[\s*["']([^"']*)["']\s*\]|\.(\w+))|["']([^"']*)["']\s+in\s+request\.headers"""
)
_SESSION_KNOWN: Final = "session.known"
DEPLOYMENT_TYPES: Mapping[str, Any] = {
    "labels": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "deployment.name": cel.Type.STRING,
    "deployment.tier": cel.Type.STRING,
    "deployment.provider": cel.Type.STRING,
    "deployment.model": cel.Type.STRING,
}

_log = logging.getLogger(__name__)


class ConditionError(Exception):
    """An expression does not compile, is no condition, or fails on sample facts."""

    def __init__(self, problems: Iterable[ConditionProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))


class FactConditions:
    """The environment of conditions over the facts of a request; costly to make, so one serves all policies."""

    def __init__(self) -> None:
        self.env = cel.NewEnv(variables=dict(FACT_TYPES))
        self.samples = [binder(self.env, FACTS)(facts, 0.5) for facts in sample_facts()]


class PolicyConditions:
    """The conditions of one policy, and the view of the facts that they need."""

    def __init__(self, facts: FactConditions, *, headers: Collection[str] = (), timezone: str = "UTC") -> None:
        self._facts = facts
        self._headers = headers
        self._zone = ZoneInfo(timezone)
        self._used: set[str] = set()

    def compile(self, source: str, *, on_error: bool, in_session: bool = False) -> Condition:
        """Compile a condition and run it on sample facts.

        on_error  what `holds` answers where an evaluation fails: True for a constraint, which then applies
                  (fail closed), False for a rule, which then does not match
        in_session  it holds only where a session is known
        Raises ConditionError.
        """
        expression = _compiled(self._facts.env, source, FACT_TYPES)
        if unread := _unread(source, self._headers):
            raise ConditionError(unread)
        for sample in self._facts.samples:
            outcome = _outcome(expression.eval, sample)
            if not isinstance(outcome, bool):
                raise ConditionError([failed_on_sample(source, str(outcome))])
        if in_session:
            expression = _compiled(self._facts.env, in_session_only(source), FACT_TYPES)
        checked = expression.serialize()  # holds the name of every variable it refers to, with its length before it
        reads = frozenset(name for name in FACTS if bytes([len(name)]) + name.encode() in checked)
        self._used |= reads
        return Condition(source=source, holds=_holds(expression, source, on_error), reads=reads)

    @property
    def reads(self) -> frozenset[str]:
        """The facts that the conditions compiled so far ask about."""
        return frozenset(self._used)

    def binder(self) -> Callable[[Facts, float], Any]:
        """What `Policy.bind` is: binds only what the conditions compiled so far ask about, for it runs per request."""
        return binder(self._facts.env, sorted(self._used), self._zone)

    def matcher(self, constraints: Sequence[Constraint], rules: Sequence[Rule]) -> Callable[[Any], Match | None]:
        """What `Policy.match` is, for conditions compiled here: one evaluation costs little more than a condition's."""
        return _matcher(_programs(self._facts.env, tuple(constraints), tuple(rules)))


class Requirements:
    """What a constraint may require of a deployment; decided at load, once for each deployment."""

    def __init__(self) -> None:
        self._env = cel.NewEnv(variables=dict(DEPLOYMENT_TYPES))

    def permitted(self, source: str, deployments: Iterable[Deployment]) -> frozenset[str]:
        """Names of the deployments that plainly meet the requirement; one without the label it asks for does not.

        Raises ConditionError.
        """
        expression = _compiled(self._env, source, DEPLOYMENT_TYPES)
        return frozenset(each.name for each in deployments if _outcome(expression.eval, self._bind(each)) is True)

    def _bind(self, deployment: Deployment) -> Any:
        return self._env.Activation(
            {
                "labels": dict(deployment.labels),
                "deployment.name": deployment.name,
                "deployment.tier": deployment.tier,
                "deployment.provider": deployment.provider,
                "deployment.model": deployment.model,
            }
        )


def in_session_only(source: str) -> str:
    """The expression of a rule that keeps what the session has: it needs one."""
    return f"({source}\n) && {_SESSION_KNOWN}"


def _unread(source: str, headers: Collection[str]) -> list[ConditionProblem]:
    """The headers an expression names that its policy does not list."""
    problems = []
    for match in _HEADER.finditer(source):
        name = next(filter(None, match.groups()), "")
        if name not in headers:
            near = did_you_mean(name, headers) or "list it under the policy's 'headers', in lower case"
            problems.append(ConditionProblem(match.start(), f"the policy reads no header {name!r}", near))
    return problems


def _compiled(env: Any, source: str, names: Mapping[str, Any]) -> Any:
    """The expression, sure to give a bool."""
    try:
        expression = env.compile(source)
    except RuntimeError as error:
        raise ConditionError(problems_in(source, str(error), names)) from error
    result = expression.return_type()
    if result != cel.Type.BOOL:
        message = f"a condition is true or false, this one is {result.name().lower()}"
        raise ConditionError([ConditionProblem(0, message, "compare it with something: '… == …'")])
    return expression


def _outcome(evaluate: Callable[[Any], Any], bound: Any) -> Any:
    """What an expression gives; where it fails, something that is neither a bool nor an integer and prints why."""
    try:
        return evaluate(bound).value()
    except RuntimeError as error:
        return error


def _holds(expression: Any, source: str, on_error: bool) -> Callable[[Any], bool]:
    evaluate = expression.eval

    def holds(bound: Any) -> bool:
        outcome = _outcome(evaluate, bound)
        if outcome is True or outcome is False:
            return outcome
        _log.warning("condition %r failed on a request; taken as %s", source, on_error)
        return on_error

    return holds


class _Program(NamedTuple):
    """Some conditions of a policy as one expression.

    evaluate  gives an integer, unless a condition fails: the position of the first rule that holds (their number where
              none does), and one bit above it for each constraint that holds, `len(rules) + 1` being the first
    """

    evaluate: Callable[[Any], Any]
    constraints: tuple[Constraint, ...]
    rules: tuple[Rule, ...]


def _programs(env: Any, constraints: tuple[Constraint, ...], rules: tuple[Rule, ...]) -> list[_Program] | None:
    """As few as CEL's limit on nesting allows, constraints first; None where a condition is at the limit by itself."""
    # The line ends close a condition's comment, if it ends with one.
    asked = [rule.when.source if rule.route is not None else in_session_only(rule.when.source) for rule in rules]
    chain = "".join(f"({source}\n) ? {position} : " for position, source in enumerate(asked))
    bits = "".join(
        f" + (({constraint.when.source}\n) ? {(len(rules) + 1) << bit} : 0)"
        for bit, constraint in enumerate(constraints)
    )
    try:
        return [_Program(env.compile(f"({chain}{len(rules)}){bits}").eval, constraints, rules)]
    except RuntimeError:
        half = (len(constraints) + len(rules)) // 2
        if half == 0:
            return None
    rules_from = max(half - len(constraints), 0)
    first = _programs(env, constraints[:half], rules[:rules_from])
    then = _programs(env, constraints[half:], rules[rules_from:])
    return None if first is None or then is None else first + then


def _matcher(programs: Sequence[_Program] | None) -> Callable[[Any], Match | None]:
    if programs is None:
        return unmatched

    def match(bound: Any) -> Match | None:
        held: tuple[Constraint, ...] = ()
        for evaluate, constraints, rules in programs:
            outcome = _outcome(evaluate, bound)
            if type(outcome) is not int:
                return None
            if outcome > len(rules):
                bits, outcome = divmod(outcome, len(rules) + 1)
                held += tuple(each for bit, each in enumerate(constraints) if bits >> bit & 1)
            if outcome < len(rules):
                return Match(constraints=held, rule=rules[outcome])
        return Match(constraints=held)

    return match
