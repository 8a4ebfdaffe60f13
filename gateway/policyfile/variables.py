"""The variables of conditions: what each is called, its CEL type, and how it is read off the facts of a request."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from operator import attrgetter
from typing import Any, Final, NamedTuple

from cel_expr_python import cel  # type: ignore[import-untyped]  # ships a stub without the py.typed mark

from gateway.domain.classification import Classification
from gateway.domain.facts import Budget, Facts
from gateway.domain.request import Caller, ChatRequest
from gateway.domain.signals import Signals

THRESHOLD = "quality.threshold"


class Fact(NamedTuple):
    """A variable of conditions: its CEL type, and where `Facts` holds it."""

    type: Any
    attribute: str


_STRINGS: Final = cel.Type.List(cel.Type.STRING)
_STRING_BY_NAME: Final = cel.Type.Map(cel.Type.STRING, cel.Type.STRING)

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
    "signals.sensitive": Fact(_STRINGS, "signals.sensitive"),
    "signals.language": Fact(cel.Type.STRING, "signals.language"),
    "signals.code_language": Fact(cel.Type.STRING, "signals.code_language"),
    "signals.asked_tokens": Fact(cel.Type.INT, "signals.asked_tokens"),
    "signals.trivial": Fact(cel.Type.BOOL, "signals.trivial"),
    "classification.task": Fact(cel.Type.STRING, "classification.task"),
    "classification.small_ok": Fact(cel.Type.DOUBLE, "classification.small_ok"),
    "classification.confidence": Fact(cel.Type.DOUBLE, "classification.confidence"),
    "classification.has_evidence": Fact(cel.Type.BOOL, "classification.has_evidence"),
    "request.alias": Fact(cel.Type.STRING, "request.alias"),
    "request.stream": Fact(cel.Type.BOOL, "request.stream"),
    "request.tools": Fact(_STRINGS, "request.tool_names"),
    "request.metadata": Fact(_STRING_BY_NAME, "request.metadata"),
    "request.headers": Fact(_STRING_BY_NAME, "headers"),
    "key.id": Fact(cel.Type.STRING, "caller.key_id"),
    "key.team": Fact(cel.Type.STRING, "caller.team"),
    "key.app": Fact(cel.Type.STRING, "caller.app"),
    "key.tags": Fact(_STRINGS, "caller.tags"),
    "session.known": Fact(cel.Type.BOOL, "has_session"),
    "session.deployment": Fact(cel.Type.STRING, "session_deployment"),
    "session.tier": Fact(cel.Type.STRING, "session_tier"),
    "budget.exists": Fact(cel.Type.BOOL, "budget.exists"),
    "budget.used_ratio": Fact(cel.Type.DOUBLE, "budget.used_ratio"),
    "health.resting": Fact(_STRINGS, "fleet.cooling"),
    "health.latency_ms": Fact(cel.Type.Map(cel.Type.STRING, cel.Type.DOUBLE), "fleet.latency_ms"),
    "time.hour": Fact(cel.Type.INT, "at_s"),
    "time.minute": Fact(cel.Type.INT, "at_s"),
    "time.weekday": Fact(cel.Type.STRING, "at_s"),
    "time.date": Fact(cel.Type.STRING, "at_s"),
}
FACT_TYPES: Mapping[str, Any] = {name: fact.type for name, fact in FACTS.items()} | {THRESHOLD: cel.Type.DOUBLE}
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_AT: Final[Mapping[str, Callable[[datetime], Any]]] = {
    "time.hour": lambda at: at.hour,
    "time.minute": lambda at: at.minute,
    "time.weekday": lambda at: WEEKDAYS[at.weekday()],
    "time.date": lambda at: at.date().isoformat(),
}
_LISTS: Final = frozenset(name for name, fact in FACTS.items() if fact.type is _STRINGS)


def binder(env: Any, names: Iterable[str], zone: tzinfo = UTC) -> Callable[[Facts, float], Any]:
    """What makes an activation of these variables, and the threshold, from the facts of a request."""
    wanted = [*names]
    if len(wanted) < 2:  # attrgetter gives a tuple for two attributes and more
        wanted += ["request.alias", "request.stream"]
    read = attrgetter(*(FACTS[name].attribute for name in wanted))
    activation = env.Activation
    lists = [name for name in wanted if name in _LISTS]
    times = [(name, _AT[name]) for name in wanted if name in _AT]

    def bind(facts: Facts, threshold: float) -> Any:
        values = dict(zip(wanted, read(facts), strict=True))
        values[THRESHOLD] = threshold
        for name in lists:  # CEL takes no tuple
            values[name] = list(values[name])
        if times:
            at = datetime.fromtimestamp(facts.at_s, zone)
            values.update((name, part(at)) for name, part in times)
        return activation(values)

    return bind


def sample_facts() -> tuple[Facts, Facts]:
    """A request with nothing of anything, and one with something of everything: both sides of most conditions."""
    return _facts(0, False, 0.0, ""), _facts(1000, True, 1.0, "sample")


def _facts(count: int, flag: bool, share: float, text: str) -> Facts:
    return Facts(
        request=ChatRequest(alias=text, messages=(), payload={}, size_bytes=0, stream=flag),
        caller=Caller(key_id=text, team=text, app=text, tags=(text,) if flag else ()),
        budget=Budget(exists=flag, used_ratio=share),
        at_s=float(count) * 1e6,
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
            code_language="python" if flag else "",
            language="und" if flag else "en",
            asked_tokens=count,
            trivial=flag,
            sensitive=("secret", "personal", "health") if flag else (),
        ),
        classification=Classification(
            task="legal" if flag else "chat", small_ok=share, confidence=share, has_evidence=flag, model="sample"
        ),
    )
