"""The only door to CEL: conditions over the facts of a request, and requirements on a deployment.

CEL reports a failed evaluation (a division by zero, a missing map key) as a value; but one whose loops take more than
10,000 steps in all is stopped with an exception. `_outcome` makes a value of that too.
"""

import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from cel_expr_python import cel  # type: ignore[import-untyped]  # ships a stub without the py.typed mark

from gateway.domain.facts import Facts
from gateway.domain.policy import Condition, Constraint, Deployment, Match, Rule, unmatched
from gateway.policyfile.cel_messages import ConditionProblem, failed_on_sample, problems_in, without_status
from gateway.policyfile.comprehensions import too_much_looping
from gateway.policyfile.expressions import asked_keys, calls, keys
from gateway.policyfile.problems import did_you_mean
from gateway.policyfile.variables import FACT_TYPES, FACTS, binder, sample_facts

_HEADERS: Final = "request.headers"
_METADATA: Final = "request.metadata"
_SESSION_KNOWN: Final = "session.known"
DEPLOYMENT_TYPES: Mapping[str, Any] = {
    "labels": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "deployment.name": cel.Type.STRING,
    "deployment.tier": cel.Type.STRING,
    "deployment.provider": cel.Type.STRING,
    "deployment.model": cel.Type.STRING,
}

_LOGGED_EVERY_S: Final = 60.0
"""How often at most a condition that fails again and again is logged."""
_NO_MEMORY: Final = "it takes more memory than there is"

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

    def __init__(
        self,
        facts: FactConditions,
        *,
        policy: str = "",
        headers: Collection[str] = (),
        timezone: str = "UTC",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`policy`: its name, for the log. `now`: seconds, for how often a failure is logged."""
        self._facts = facts
        self._policy = policy
        self._now = now
        self._headers = headers
        self._zone = ZoneInfo(timezone)
        self._used: set[str] = set()
        self._metadata: set[str] = set()

    def compile(self, source: str, *, on_error: bool, in_session: bool = False, of: str = "condition") -> Condition:
        """Compile a condition and run it on sample facts.

        of        the constraint or the rule, for the log
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
            expression = _compiled(self._facts.env, _in_session_only(source), FACT_TYPES)
        checked = expression.serialize()  # holds the name of every variable it refers to, with its length before it
        reads = frozenset(name for name in FACTS if bytes([len(name)]) + name.encode() in checked)
        self._used |= reads
        self._metadata |= keys(source, _METADATA)
        return Condition(
            source=source,
            holds=self._holds(expression, on_error, of),
            reads=reads,
            failure=lambda bound: _failure(_outcome(expression.eval, bound)),
        )

    def _holds(self, expression: Any, on_error: bool, of: str) -> Callable[[Any], bool]:
        evaluate = expression.eval
        quiet_until_s = -math.inf

        def holds(bound: Any) -> bool:
            nonlocal quiet_until_s
            outcome = _outcome(evaluate, bound)
            if outcome is True or outcome is False:
                return outcome
            if self._now() >= quiet_until_s:
                quiet_until_s = self._now() + _LOGGED_EVERY_S
                why = _failure(outcome)
                _log.warning("policy %r, %s failed on a request, taken as %s: %s", self._policy, of, on_error, why)
            return on_error

        return holds

    @property
    def reads(self) -> frozenset[str]:
        """The facts that the conditions compiled so far ask about."""
        return frozenset(self._used)

    @property
    def metadata(self) -> frozenset[str]:
        """The keys of the body's metadata that the conditions compiled so far name."""
        return frozenset(self._metadata)

    def binder(self) -> Callable[[Facts, float], Any]:
        """What `Policy.bind` is: binds only what the conditions compiled so far ask about, for it runs per request."""
        return binder(self._facts.env, sorted(self._used), self._zone)

    def matcher(self, constraints: Sequence[Constraint], rules: Sequence[Rule]) -> Callable[[Any], Match | None]:
        """What `Policy.match` is, for conditions compiled here: one evaluation costs little more than a condition's."""
        return _matcher(_programs(self._facts.env, tuple(constraints), tuple(rules)))


def _failure(outcome: Any) -> str:
    return "" if isinstance(outcome, bool) else without_status(str(outcome))


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


def asked(rule: Rule) -> str:
    """The expression that decides whether the rule matches: one that keeps what the session has needs a session."""
    return rule.when.source if rule.route is not None else _in_session_only(rule.when.source)


def _in_session_only(source: str) -> str:
    return f"({source}\n) && {_SESSION_KNOWN}"


def _unread(source: str, headers: Collection[str]) -> list[ConditionProblem]:
    """The headers an expression names that its policy does not list."""
    problems = []
    for name, at in asked_keys(source, _HEADERS):
        if name is not None and name not in headers:
            near = did_you_mean(name, headers) or "list it under the policy's 'headers', in lower case"
            problems.append(ConditionProblem(at, f"the policy reads no header {name!r}", near))
    return problems


def _bad_patterns(env: Any, source: str) -> list[ConditionProblem]:
    """Literal patterns that are none: a sample may not reach them, a request will."""
    problems = []
    for call in calls(source):
        if call.name != "matches" or (pattern := call.literal) is None:
            continue
        outcome = _outcome(env.compile(f'"".matches({pattern.text})').eval, env.Activation({}))
        if not isinstance(outcome, bool):
            problems.append(ConditionProblem(pattern.at, without_status(str(outcome)), "write an RE2 expression"))
    return problems


def _compiled(env: Any, source: str, names: Mapping[str, Any]) -> Any:
    """The expression, sure to give a bool and to take little memory."""
    if (problem := too_much_looping(source)) is not None:
        raise ConditionError([problem])
    try:
        expression = env.compile(source)
    except RuntimeError as error:
        raise ConditionError(problems_in(source, str(error), names)) from error
    if bad := _bad_patterns(env, source):
        raise ConditionError(bad)
    result = expression.return_type()
    if result != cel.Type.BOOL:
        message = f"a condition is true or false, this one is {result.name().lower()}"
        raise ConditionError([ConditionProblem(0, message, "compare it with something: '… == …'")])
    return expression


def _outcome(evaluate: Callable[[Any], Any], bound: Any) -> Any:
    """What an expression gives; where it fails, something that is neither a bool nor an integer and prints why."""
    try:
        return evaluate(bound).value()
    except MemoryError:
        return _NO_MEMORY
    except RuntimeError as error:
        return error


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
    chain = "".join(f"({asked(rule)}\n) ? {position} : " for position, rule in enumerate(rules))
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
