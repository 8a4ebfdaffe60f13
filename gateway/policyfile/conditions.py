"""The only door to CEL: conditions over the facts of a request, and requirements on a deployment.

CEL reports a failed evaluation (a division by zero, a missing map key) as a value, never as an exception.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from cel_expr_python import cel  # type: ignore[import-untyped]  # ships a stub without the py.typed mark

from gateway.domain.classification import Classification
from gateway.domain.policy import Condition, Constraint, Deployment, Facts, Match, Rule, unmatched
from gateway.domain.request import Caller, ChatRequest
from gateway.domain.signals import Signals
from gateway.policyfile.cel_messages import ConditionProblem, problems_in, without_status

THRESHOLD = "quality.threshold"


class Fact(NamedTuple):
    """A variable of conditions: its CEL type, and where `Facts` holds it."""

    type: Any
    attribute: str


FACTS: Mapping[str, Fact] = {
    "signals.tokens": Fact(cel.Type.INT, "signals.tokens"),
    "signals.ask_tokens": Fact(cel.Type.INT, "signals.ask_tokens"),
    "signals.turns": Fact(cel.Type.INT, "signals.turns"),
    "signals.messages": Fact(cel.Type.INT, "signals.messages"),
    "signals.tools": Fact(cel.Type.INT, "signals.tools"),
    "signals.tool_loop": Fact(cel.Type.BOOL, "signals.tool_loop"),
    "signals.images": Fact(cel.Type.INT, "signals.images"),
    "signals.structured": Fact(cel.Type.BOOL, "signals.structured"),
    "signals.code": Fact(cel.Type.BOOL, "signals.code"),
    "signals.maths": Fact(cel.Type.BOOL, "signals.maths"),
    "signals.max_output_tokens": Fact(cel.Type.INT, "signals.max_output_tokens"),
    "signals.script": Fact(cel.Type.STRING, "signals.script"),
    "signals.sensitivity": Fact(cel.Type.STRING, "signals.sensitivity"),
    "classification.task": Fact(cel.Type.STRING, "classification.task"),
    "classification.small_ok": Fact(cel.Type.DOUBLE, "classification.small_ok"),
    "classification.confidence": Fact(cel.Type.DOUBLE, "classification.confidence"),
    "classification.has_evidence": Fact(cel.Type.BOOL, "classification.has_evidence"),
    "request.alias": Fact(cel.Type.STRING, "request.alias"),
    "request.stream": Fact(cel.Type.BOOL, "request.stream"),
    "key.id": Fact(cel.Type.STRING, "caller.key_id"),
    "key.team": Fact(cel.Type.STRING, "caller.team"),
    "key.app": Fact(cel.Type.STRING, "caller.app"),
}
FACT_TYPES: Mapping[str, Any] = {name: fact.type for name, fact in FACTS.items()} | {THRESHOLD: cel.Type.DOUBLE}
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
        self.samples = [_binder(self.env, FACTS)(facts, 0.5) for facts in _sample_facts()]


class PolicyConditions:
    """The conditions of one policy, and the view of the facts that they need."""

    def __init__(self, facts: FactConditions) -> None:
        self._facts = facts
        self._used: set[str] = set()

    def compile(self, source: str, *, on_error: bool) -> Condition:
        """Compile a condition and run it on sample facts.

        on_error  what `holds` answers where an evaluation fails: True for a constraint, which then applies
                  (fail closed), False for a rule, which then does not match
        Raises ConditionError.
        """
        expression = _compiled(self._facts.env, source, FACT_TYPES)
        for sample in self._facts.samples:
            outcome = expression.eval(sample).value()
            if not isinstance(outcome, bool):
                raise ConditionError([ConditionProblem(0, f"fails on sample facts: {without_status(str(outcome))}")])
        checked = expression.serialize()  # holds the name of every variable the expression refers to
        self._used.update(name for name in FACTS if name.encode() in checked)
        return Condition(source=source, holds=_holds(expression, source, on_error))

    def binder(self) -> Callable[[Facts, float], Any]:
        """What `Policy.bind` is: binds only what the conditions compiled so far ask about, for it runs per request."""
        return _binder(self._facts.env, sorted(self._used))

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
        return frozenset(each.name for each in deployments if expression.eval(self._bind(each)).value() is True)

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


def _binder(env: Any, names: Iterable[str]) -> Callable[[Facts, float], Any]:
    wanted = [*names]
    if len(wanted) < 2:  # attrgetter gives a tuple for two attributes and more
        wanted += ["request.alias", "request.stream"]
    read = attrgetter(*(FACTS[name].attribute for name in wanted))
    activation = env.Activation

    def bind(facts: Facts, threshold: float) -> Any:
        values = dict(zip(wanted, read(facts), strict=True))
        values[THRESHOLD] = threshold
        return activation(values)

    return bind


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


def _holds(expression: Any, source: str, on_error: bool) -> Callable[[Any], bool]:
    evaluate = expression.eval

    def holds(bound: Any) -> bool:
        outcome = evaluate(bound).value()
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
    chain = "".join(f"({rule.when.source}\n) ? {position} : " for position, rule in enumerate(rules))
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
            outcome = evaluate(bound).value()
            if type(outcome) is not int:
                return None
            if outcome > len(rules):
                bits, outcome = divmod(outcome, len(rules) + 1)
                held += tuple(each for bit, each in enumerate(constraints) if bits >> bit & 1)
            if outcome < len(rules):
                return Match(constraints=held, rule=rules[outcome])
        return Match(constraints=held)

    return match


def _sample_facts() -> tuple[Facts, Facts]:
    """A request with nothing of anything, and one with something of everything: both sides of most conditions."""
    return _facts(0, False, 0.0, ""), _facts(1000, True, 1.0, "sample")


def _facts(count: int, flag: bool, share: float, text: str) -> Facts:
    return Facts(
        request=ChatRequest(alias=text, messages=(), payload={}, size_bytes=0, stream=flag),
        caller=Caller(key_id=text, team=text, app=text),
        signals=Signals(
            tokens=count,
            ask_tokens=count,
            turns=count,
            messages=count,
            tools=count,
            tool_loop=flag,
            images=count,
            structured=flag,
            code=flag,
            maths=flag,
            max_output_tokens=count,
            script="other" if flag else "latin",
            sensitivity="secret" if flag else "none",
        ),
        classification=Classification(
            task="legal" if flag else "chat", small_ok=share, confidence=share, has_evidence=flag, model="sample"
        ),
    )
