"""Compiles routes: the order of deployments, what each takes over on, the timeouts, the check on answers."""

from typing import Any, Final

from msgspec.structs import replace

from gateway.domain.answer import Checks
from gateway.domain.policy import STICKY, Check, Deployment, Route, Timeouts
from gateway.policyfile.items import Item
from gateway.policyfile.problems import Problems
from gateway.policyfile.references import References
from gateway.policyfile.schema import REFUSE, RawCheck, RawRoute, RawTimeout

_TESTS: Final = Checks.__struct_fields__


def compile_route(item: Item[RawRoute], raw: RawRoute, references: References, problems: Problems) -> Route:
    """The route, without the deployments that are not there; what is wrong with it is added to the problems."""
    listed = [("try", item.at("try", index).place, name) for index, name in enumerate(raw.first)]
    for index, then in enumerate(raw.then):
        listed += [("then", item.at("then", index, "try", at).place, name) for at, name in enumerate(then.names)]
    plan: dict[str, list[Deployment]] = {"try": [], "then": []}
    seen: set[str] = set()
    for key, place, name in listed:
        if name in seen:
            message = f"deployment {name!r} is listed twice"
            problems.add(place, item.path(), message, "use 'retries' to try one again")
        elif (deployment := references.deployment(item.path(), place, name)) is not None:
            plan[key].append(deployment)
        seen.add(name)
    if raw.check is not None and not any(then.after is None or "failed_check" in then.after for then in raw.then):
        message = "nobody answers where an answer fails the check"
        problems.add(item.at("check").place, item.path(), message, "add 'then', on failed_check or on any failure")
    if raw.name in (STICKY, REFUSE):
        problems.add(item.at("name").place, item.path(), f"the name {raw.name!r} is reserved")
    return Route(
        name=raw.name,
        first=tuple(plan["try"]),
        then=tuple(plan["then"]),
        strategy=raw.strategy,
        weights={name: float(weight) for name, weight in (raw.weights or {}).items()},
        triggers={name: frozenset(then.after) for then in raw.then if then.after is not None for name in then.names},
        retries=raw.retries,
        timeouts=_timeouts(raw.timeout),
        max_latency_ms=None if raw.max_latency_ms is None else float(raw.max_latency_ms),
        check=None if raw.check is None else _check(raw.check),
        insists=raw.when_all_rest == "call",
    )


def _check(raw: RawCheck) -> Check:
    """A least score is of all tests and the classifier together, so with one every test is made that is not refused."""
    wanted = {name: raw.min_score is not None if (said := getattr(raw, name)) is None else said for name in _TESTS}
    check = Check(wanted=Checks(**wanted), min_score=None if raw.min_score is None else float(raw.min_score))
    return check if raw.buffer_kb is None else replace(check, buffer_bytes=raw.buffer_kb * 1024)


def _timeouts(raw: RawTimeout) -> Timeouts:
    given: dict[str, Any] = {key: float(value) for key, value in raw if value is not None}
    return Timeouts(**given)
