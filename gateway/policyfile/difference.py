"""What changed in meaning between two compiled sets: not in their files' layout, order, spacing or comments.

Names identify deployments, routes, policies, constraints and rules. No value of a secret is ever told.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeVar

from msgspec.structs import replace

from gateway.domain.allowances import Limits
from gateway.domain.policy import (
    Check,
    Concurrency,
    Constraint,
    Deployment,
    KeepText,
    Label,
    Policy,
    PolicySet,
    Route,
    Rule,
    Secret,
)
from gateway.domain.pricing import ATTO_PER_USD, Price, price_version
from gateway.policyfile.expressions import normal_form
from gateway.policyfile.schema import EVERY_TEAM, REFUSE

_NWH_IN_1K: Final = 10**6
"""Nano-watt-hours a token, where a thousand take one watt-hour."""

T = TypeVar("T")
Conditioned = TypeVar("Conditioned", Constraint, Rule)
Kind = Literal["added", "removed", "changed"]


class Written(NamedTuple):
    """Text as its author wrote it, and what it has in common with all that means the same."""

    meaning: str
    text: str


Words = Mapping[str, str | Written | None]
"""Part → what it says, None or absent where there is nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change in meaning.

    of      what it belongs to: "deployment 'small-a'", "policy 'default'", "tiers" or "aliases"
    part    what of it: "context_window", "rule 'easy goes small', condition"; empty where it is all of it
    before  in words; None where there was nothing
    after   in words; None where there is nothing any more
    """

    of: str
    part: str
    before: str | None
    after: str | None

    @property
    def kind(self) -> Kind:
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


def difference(before: PolicySet, after: PolicySet) -> tuple[Change, ...]:
    """Every change, by the order of the language: tiers, deployments, routes, aliases, policies."""
    return (
        *_changes("tiers", _tiers(before), _tiers(after)),
        *_of_named("deployment", before.deployments, after.deployments, _said_by(_deployment), _in_short_deployment),
        *_of_named("route", before.routes, after.routes, _said_by(_route), _in_short_route),
        *_changes("aliases", _aliases(before), _aliases(after)),
        *_of_named("policy", _by_name(before), _by_name(after), _of_policy, _in_short_policy),
    )


def _tiers(policies: PolicySet) -> Words:
    return {"order": ", ".join(policies.tiers) or None}


def _aliases(policies: PolicySet) -> Words:
    beside = {f"{alias} (being rolled out)": policy.name for alias, policy in policies.candidates.items()}
    return {alias: policy.name for alias, policy in policies.by_alias.items()} | beside


def _by_name(policies: PolicySet) -> Mapping[str, Policy]:
    return {policy.name: policy for policy in policies.policies}


def _of_named(
    noun: str,
    before: Mapping[str, T],
    after: Mapping[str, T],
    compare: Callable[[str, T, T], Iterable[Change]],
    in_short: Callable[[T], str],
) -> Iterator[Change]:
    for name in dict.fromkeys((*sorted(before), *sorted(after))):
        of = f"{noun} {name!r}"
        old, new = before.get(name), after.get(name)
        if old is not None and new is not None:
            yield from compare(of, old, new)
        elif old is not None:
            yield Change(of=of, part="", before=in_short(old), after=None)
        elif new is not None:
            yield Change(of=of, part="", before=None, after=in_short(new))


def _said_by(say: Callable[[T], Words]) -> Callable[[str, T, T], Iterator[Change]]:
    """What compares two values by what is said of them."""
    return lambda of, before, after: _changes(of, say(before), say(after))


def _changes(of: str, before: Words, after: Words, within: str = "") -> Iterator[Change]:
    for part in dict.fromkeys((*before, *after)):
        old, new = before.get(part), after.get(part)
        if _meaning(old) != _meaning(new):
            yield Change(of=of, part=f"{within}{part}", before=_text(old), after=_text(new))


def _meaning(said: str | Written | None) -> str | None:
    return said.meaning if isinstance(said, Written) else said


def _text(said: str | Written | None) -> str | None:
    return said.text if isinstance(said, Written) else said


def _deployment(each: Deployment) -> Words:
    """`rank` follows from the tiers, `unpriced` from the price."""
    return {
        "tier": each.tier,
        "provider": each.provider,
        "model": each.model,
        "api_base": None if each.api_base is None else Written(each.api_base, _address(each.api_base)),
        "api_key": None if each.api_key is None else "set",
        **{f"provider_options.{key}": _label(value) for key, value in sorted(each.provider_options.items())},
        "context_window": _said(each.context_window),
        "capabilities": None if each.capabilities is None else _listed(sorted(each.capabilities)),
        "concurrency": None if each.concurrency is None else _limited(each.concurrency),
        **({} if each.limits is None else _limits(each.limits)),
        "price": None if each.price is None else _priced(each.price),
        "energy_wh_per_1k_tokens": None if each.energy_nwh is None else f"{each.energy_nwh / _NWH_IN_1K:g}",
        **{f"labels.{key}": _label(value) for key, value in sorted(each.labels.items())},
    }


def _in_short_deployment(each: Deployment) -> str:
    return f"{each.provider}/{each.model}, tier {each.tier}"


def _route(each: Route) -> Words:
    total = sum(each.weights.values())
    shares = {f"weights.{name}": f"{100 * weight / total:.6g}%" for name, weight in sorted(each.weights.items())}
    return {
        "try": _listed(deployment.name for deployment in each.first),
        "then": _listed(deployment.name for deployment in each.then) if each.then else None,
        "strategy": each.strategy,
        **shares,
        **{f"then, {name} only after": _listed(sorted(kinds)) for name, kinds in sorted(each.triggers.items())},
        "retries": _said(each.retries),
        "timeout.connect_s": _said(each.timeouts.connect_s),
        "timeout.first_token_s": _said(each.timeouts.first_token_s),
        "timeout.idle_s": _said(each.timeouts.idle_s),
        "timeout.total_s": _said(each.timeouts.total_s),
        "max_latency_ms": None if each.max_latency_ms is None else _said(each.max_latency_ms),
        **({} if each.check is None else _check(each.check)),
        "when_all_rest": "call" if each.insists else "refuse",
    }


def _check(each: Check) -> Words:
    tests = {f"check.{name}": "on" for name in each.wanted.__struct_fields__ if getattr(each.wanted, name)}
    score = {} if each.min_score is None else {"check.min_score": _said(each.min_score)}
    return {**tests, **score, "check.buffer_kb": _said(each.buffer_bytes / 1024)}


def _limited(each: Concurrency) -> str:
    waiting = f", {each.queue} more wait up to {each.queue_s:g} s" if each.queue else ""
    return f"{each.calls} calls{waiting}"


def _limits(each: Limits) -> Words:
    given = {name: getattr(each, name) for name in each.__struct_fields__}
    return {f"limits.{name}": _said(limit) for name, limit in given.items() if limit is not None}


def _in_short_route(each: Route) -> str:
    then = f", then {_listed(deployment.name for deployment in each.then)}" if each.then else ""
    return f"{each.strategy} {_listed(deployment.name for deployment in each.first)}{then}"


def _of_policy(of: str, before: Policy, after: Policy) -> Iterator[Change]:
    yield from _changes(of, _policy(before), _policy(after))
    yield from _of_sequence(of, "constraint", before.constraints, after.constraints, _constraint)
    yield from _of_sequence(of, "rule", before.rules, after.rules, _rule)


def _policy(each: Policy) -> Words:
    """Of its aliases the set's `by_alias` tells."""
    return {
        "default": each.default.name,
        "quality.threshold": _said(each.threshold),
        "baseline": None if each.baseline is None else each.baseline.name,
        **{f"headers.{header}": "read" for header in sorted(each.headers)},
        "timezone": each.timezone,
        "on_unrecordable": REFUSE if each.needs_record else "continue",
        **_keep_text(each.keep_text),
        "session.affinity": "on" if each.affinity.is_on else "off",
        "session.idle_s": _said(each.affinity.idle_s),
        "session.cache_s": _said(each.affinity.cache_s),
        "rollout": f"canary {100 * each.rollout.share:g}%" if each.rollout.mode == "canary" else each.rollout.mode,
    }


def _keep_text(each: KeepText | None) -> Words:
    if each is None:
        return {}
    return {
        "keep_text.teams": EVERY_TEAM if each.teams is None else ", ".join(sorted(each.teams)),
        "keep_text.days": _said(each.days),
        "keep_text.answers": "kept" if each.answers else "not kept",
        "keep_text.max_bytes": _said(each.max_bytes),
    }


def _in_short_policy(each: Policy) -> str:
    return (
        f"serves {_listed(each.serves)}; constraints: {len(each.constraints)}, rules: {len(each.rules)},"
        f" default {each.default.name}"
    )


def _of_sequence(
    of: str, noun: str, before: Sequence[Conditioned], after: Sequence[Conditioned], say: Callable[[Conditioned], Words]
) -> Iterator[Change]:
    """What was added, removed, renamed, moved or changed among constraints, or among rules."""
    old, new = {each.name: each for each in before}, {each.name: each for each in after}
    renamed = dict(_renamed(old, new, say))
    for name, each in old.items():
        if name not in new and name not in renamed:
            yield Change(of=of, part=f"{noun} {name!r}", before=_in_short(say(each)), after=None)
    for name, each in new.items():
        if name not in old and name not in renamed.values():
            yield Change(of=of, part=f"{noun} {name!r}", before=None, after=_in_short(say(each)))
    for name, now in renamed.items():
        yield Change(of=of, part=f"{noun} {name!r}, name", before=name, after=now)
    for name in [name for name in old if name in new]:
        yield from _changes(of, say(old[name]), say(new[name]), f"{noun} {name!r}, ")
    counting = [renamed.get(name, name) for name, each in old.items() if _is_in_order(each)]
    yield from _moved(of, noun, counting, [name for name, each in new.items() if _is_in_order(each)])


def _is_in_order(each: Constraint | Rule) -> bool:
    """Whether its place matters: of the constraints that hold, the first that names a route decides on it."""
    return isinstance(each, Rule) or each.instead is not None


def _renamed(
    old: Mapping[str, Conditioned], new: Mapping[str, Conditioned], say: Callable[[Conditioned], Words]
) -> Iterator[tuple[str, str]]:
    """Former name → name now, of what is otherwise the same."""
    left = {name: _meanings(say(each)) for name, each in new.items() if name not in old}
    for name, each in old.items():
        if name in new:
            continue
        meanings = _meanings(say(each))
        now = next((other for other, said in left.items() if said == meanings), None)
        if now is not None:
            del left[now]
            yield name, now


def _meanings(said: Words) -> Mapping[str, str | None]:
    return {part: _meaning(each) for part, each in said.items()}


def _moved(of: str, noun: str, before: Sequence[str], after: Sequence[str]) -> Iterator[Change]:
    """As few moves as explain the new order of those that stayed."""
    stayed = [name for name in before if name in after]
    places = [after.index(name) for name in stayed]
    still = _longest_rise(places)
    for name, place in zip(stayed, places, strict=True):
        if place not in still:
            old, new = before.index(name) + 1, place + 1
            yield Change(of=of, part=f"{noun} {name!r}, place", before=f"number {old}", after=f"number {new}")


def _longest_rise(numbers: Sequence[int]) -> Sequence[int]:
    """The longest subsequence of different numbers that only rises."""
    best: list[list[int]] = []
    for at, number in enumerate(numbers):
        ends = (rise for rise in best[:at] if rise[-1] < number)
        best.append([*max(ends, key=len, default=[]), number])
    return max(best, key=len, default=[])


def _constraint(each: Constraint) -> Words:
    return {
        "condition": _expression(each.when.source),
        "requires": _expression(each.requires),
        **{f"permits {name}": "yes" for name in sorted(each.permitted)},
        "on_unavailable": REFUSE if each.instead is None else each.instead.name,
    }


def _rule(each: Rule) -> Words:
    return {"condition": _expression(each.when.source), "route": each.goes_to}


def _in_short(said: Words) -> str:
    condition, *others = (_text(each) or "" for part, each in said.items() if not part.startswith("permits "))
    return f"{condition} → {', '.join(others)}"


def _expression(source: str) -> Written:
    meaning = normal_form(source)
    return Written(meaning, meaning if "//" in source else " ".join(source.split()))


def _said(value: float | None) -> str | None:
    return None if value is None else f"{value:.12g}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _label(value: Label | Secret) -> str:
    if isinstance(value, Secret):
        return "set"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _address(url: str) -> str:
    """The address without its query, which may hold what is nobody's business."""
    address, mark, _ = url.partition("?")
    return f"{address}?…" if mark else address


def _priced(price: Price) -> str:
    """Without a price of their own, cached tokens cost what the others do. What else it prices, its version tells."""
    cached = None if price.cached_input_atto_usd == price.input_atto_usd else price.cached_input_atto_usd
    parts = {"input": price.input_atto_usd, "output": price.output_atto_usd, "cached input": cached}
    said = ", ".join(f"{what} ${_per_mtok(atto)}" for what, atto in parts.items() if atto is not None)
    plain = Price(
        input_atto_usd=price.input_atto_usd,
        output_atto_usd=price.output_atto_usd,
        cached_input_atto_usd=price.cached_input_atto_usd,
    )
    whole = replace(price, source=plain.source)
    more = "" if whole == plain else f"; and more, price version {price_version(whole)}"
    return f"{said} per million tokens{more}"


def _per_mtok(atto_usd: int) -> str:
    text = f"{Decimal(atto_usd) * 1_000_000 / ATTO_PER_USD:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
