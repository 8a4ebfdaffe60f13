"""One request's whole story in plain words, from its record or from a walkthrough of it. Never prompt text."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from gateway.domain.classification import Classification
from gateway.domain.decision import DEFAULT_RULE
from gateway.domain.outline import Outline, passed_over
from gateway.domain.pricing import usd
from gateway.domain.record import AttemptRecord, CheckResult, Origin, Outcome, RequestRecord
from gateway.domain.rollout import Beside
from gateway.domain.sensitivity import Kind
from gateway.domain.signals import Signals
from gateway.domain.usage import MoreUsage, Usage

TOP_CONTRIBUTIONS = 5

_ENDED: dict[Outcome, str] = {
    "ok": "answered",
    "refused": "refused: no deployment may serve it",
    "failed": "failed: no upstream gave an answer",
    "interrupted": "interrupted: the answer broke off after its first byte",
    "client_disconnected": "not delivered: the client had gone",
    "unknown": "unknown: the gateway itself stopped before it was over",
}

_ORIGINS: dict[Origin, str] = {
    "first": "",
    "retry": ", tried again",
    "fallback": ", in place of one that could not answer",
    "escalation": ", in place of one whose answer failed its check",
}

_USED: dict[str, str] = {
    "cache_write_tokens": "written to a cache",
    "cache_write_1h_tokens": "written to a cache for an hour",
    "audio_input_tokens": "sound asked",
    "image_input_tokens": "pictures asked",
    "cached_audio_input_tokens": "cached sound",
    "reasoning_tokens": "thought",
    "audio_output_tokens": "sound answered",
    "image_output_tokens": "pictures answered",
    "citation_tokens": "citations",
    "searches": "searches of the web",
}

_FOUND: dict[Kind, str] = {
    "secret": "a secret (key or token) found",
    "personal": "personal data found",
    "health": "a matter of health",
    "financial": "a matter of money",
    "legal": "a matter of law",
}


def explain(record: RequestRecord, outline: Outline | None = None) -> tuple[str, ...]:
    """Lines of `Heading: what was so` in order of events; below a heading, indented, what belongs to it.

    outline  the policy that decided, as it was; with it, what was asked in vain is told too
    """
    return (
        *_request(record),
        *measured(record.signals),
        *classified(record.classification, record.threshold),
        *decided(
            f"{record.policy}@{record.policy_version}", record.rule, record.route, record.reasons, record.excluded
        ),
        *(() if outline is None else passed_over(record, outline)),
        *rolled_out(record.beside),
        *_attempts(record.attempts),
        *_money(record),
        _time(record),
    )


def _request(record: RequestRecord) -> Iterator[str]:
    when = datetime.fromtimestamp(record.received_at, UTC)
    yield f"Request: {record.id}, {when:%Y-%m-%d %H:%M:%S} UTC"
    owner = "".join(f", {word} {name!r}" for word, name in (("team", record.team), ("app", record.app)) if name)
    streamed = ", streamed" if record.stream else ""
    yield f"Asked: key {record.key_id!r}{owner} asked for model alias {record.alias!r}{streamed}"
    by = " by " if record.outcome == "ok" else "; the deployment was "
    served = f"{by}{record.deployment} (tier {record.tier}, model {record.model})" if record.deployment else ""
    unsent = "what the client saw is not known" if record.outcome == "unknown" else "no HTTP status was sent"
    status = unsent if record.status is None else f"HTTP {record.status}"
    code = "" if record.error_code is None else f", error {record.error_code}"
    yield f"Outcome: {_ENDED[record.outcome]}{served}; {status}{code}"


def measured(signals: Signals | None) -> Iterator[str]:
    if signals is None:
        yield "Measured: nothing, the request did not come to that"
        return
    facts = [f"about {_count(signals.tokens, 'input token')} in {_count(signals.messages, 'message')}"]
    if signals.ask_tokens != signals.tokens:
        facts.append(f"the last ask about {_count(signals.ask_tokens, 'token')}")
    facts.extend(words for is_telling, words in _telling(signals) if is_telling)
    yield f"Measured: {'; '.join(facts)}"


def _telling(signals: Signals) -> tuple[tuple[bool, str], ...]:
    return (
        (signals.turns > 1, f"{signals.turns} turns"),
        (signals.asked_tokens > 0, f"an answer of about {_count(signals.asked_tokens, 'token')} asked for"),
        (signals.max_output_tokens > 0, f"at most {_count(signals.max_output_tokens, 'output token')} wanted"),
        (signals.tools > 0, _count(signals.tools, "tool")),
        (signals.tool_loop, "an agent is at work (a tool's result came last)"),
        (signals.images > 0, _count(signals.images, "image")),
        (signals.structured, "the answer must be JSON"),
        (signals.code, f"code in {signals.code_language}" if signals.code_language else "code"),
        (signals.maths, "mathematics"),
        (signals.script != "latin", f"script {signals.script}"),
        (signals.language not in ("en", "und"), f"language {signals.language}"),
        (signals.trivial, "nothing but a courtesy"),
        *((kind == signals.sensitivity or kind in signals.sensitive, found) for kind, found in _FOUND.items()),
    )


def classified(classification: Classification | None, threshold: float | None) -> Iterator[str]:
    if classification is None:
        yield "Classified: not at all, the request did not come to that"
        return
    bar = "" if threshold is None else f" (the policy asks for {threshold:.1%})"
    yield (
        f"Classified: as {classification.task} by {classification.model}; the small tier is good enough with"
        f" probability {classification.small_ok:.1%}{bar}, confidence {classification.confidence:.1%}"
    )
    if not classification.has_evidence:
        yield "  too little in the request is known or speaks for the small tier for that to count"
    weightiest = sorted(classification.contributions, key=lambda each: -abs(each.log_odds))
    for each in weightiest[:TOP_CONTRIBUTIONS]:
        side = "speaks for small" if each.log_odds > 0 else "speaks for large"
        yield f"  {side} {each.log_odds:+.1f}: {each.feature}"
    if len(weightiest) > TOP_CONTRIBUTIONS:
        yield f"  and {_count(len(weightiest) - TOP_CONTRIBUTIONS, 'lesser reason')}"
    if (history := classification.history) is not None:
        share = history.right / history.requests
        yield f"  the small model was right in {share:.0%} of {history.requests:,} labelled requests of like score"


def decided(policy: str, rule: str, route: str, reasons: Sequence[str], excluded: Mapping[str, str]) -> Iterator[str]:
    """The lines on a decision, made or only tried; `policy` with its version."""
    how = "no rule matched, so its default" if rule == DEFAULT_RULE else _ruled(rule)
    yield f"Decided: policy {policy}; {how} chose route {route!r}"
    for reason in reasons:
        yield f"  because of {reason}" if reason.startswith(("rule ", "constraint ")) else f"  {reason}"
    for deployment, why in excluded.items():
        yield f"  left out {deployment}: {why}"


def rolled_out(beside: Beside | None) -> Iterator[str]:
    """The line on what the other policy would have decided, while one is being rolled out."""
    if beside is None:
        return
    whose = f"which is being rolled out ({beside.mode})" if beside.was_candidate else "which is in force"
    first = "refused it" if beside.deployment is None else f"tried {beside.deployment} first"
    compared = "unlike" if beside.differs else "as"
    yield (
        f"Roll-out: policy {beside.policy}@{beside.policy_version}, {whose}, would have {first} by"
        f" {_ruled(beside.rule)}, route {beside.route!r}, {compared} the policy that decided"
    )


def _ruled(rule: str) -> str:
    return "its default" if rule == DEFAULT_RULE else f"its rule {rule!r}"


def _attempts(attempts: tuple[AttemptRecord, ...]) -> Iterator[str]:
    if not attempts:
        yield "Attempts: none, nothing was sent to any upstream"
        return
    yield f"Attempts: {len(attempts)}"
    for each in attempts:
        yield f"  {each.number}. {'; '.join(_attempt(each))}"


def _attempt(attempt: AttemptRecord) -> Iterator[str]:
    code = "" if attempt.error_code is None else f" ({attempt.error_code})"
    status = "" if attempt.status is None else f", HTTP {attempt.status}"
    why = "" if attempt.origin is None else _ORIGINS[attempt.origin]
    yield f"{attempt.deployment} (tier {attempt.tier}, model {attempt.model}){why}: {attempt.outcome}{code}{status}"
    first = "" if attempt.first_byte_ms is None else f", first byte at {attempt.first_byte_ms:.1f} ms"
    yield f"took {attempt.ended_ms - attempt.started_ms:.1f} ms from {attempt.started_ms:.1f} ms on{first}"
    if attempt.checked is not None:
        yield _checked(attempt.checked)
    if attempt.usage is not None:
        yield _tokens(attempt.usage)
    priced_by = "" if attempt.price_version is None else f" by price version {attempt.price_version}"
    yield f"cost {_amount(attempt.cost_nano_usd, attempt.unpriced)}{priced_by}"


def _checked(checked: CheckResult) -> str:
    of = "its answer" if checked.is_whole else "the beginning of its answer"
    score = "" if checked.score is None else f", right with probability {checked.score:.1%}"
    if checked.passed:
        return f"{of} passed the check{score}"
    return f"{of} failed the check: {', '.join(checked.failures)}{score}"


def _money(record: RequestRecord) -> Iterator[str]:
    tokens = "" if record.usage is None else f" for {_tokens(record.usage)}"
    yield f"Cost: {_amount(record.cost_nano_usd, record.unpriced)}{tokens}"
    if record.energy_uwh is not None:
        yield f"Energy: {record.energy_uwh / 1_000_000:.6g} Wh, as the deployments declare it"
    if record.baseline is None:
        yield "Saving: not measured, the policy declares no baseline"
        return
    saving = record.saving_nano_usd
    would = _amount(record.baseline_cost_nano_usd, None)
    if saving is None or record.baseline_cost_nano_usd is None:
        yield f"Saving: unknown; baseline {record.baseline} would have cost {would}"
        return
    share = f" ({saving / record.baseline_cost_nano_usd:.1%})" if record.baseline_cost_nano_usd else ""
    words = f"{dollars(saving)}{share}" if saving >= 0 else f"none, it cost {dollars(-saving)} more"
    yield f"Saving: {words}; baseline {record.baseline} would have cost {would} for the same tokens"
    low, high = record.saving_low_nano_usd, record.saving_high_nano_usd
    if low is not None and high is not None and low != high:
        yield f"  between {_signed(low)} and {_signed(high)}: it would have answered at a length of its own"


def _time(record: RequestRecord) -> str:
    first = "" if record.ttft_ms is None else f", first token after {record.ttft_ms:.1f} ms"
    return (
        f"Time: {record.total_ms:.1f} ms in all{first}; {record.upstream_ms:.1f} ms waiting for upstreams,"
        f" {record.overhead_ms:.1f} ms in the gateway"
    )


def _tokens(usage: Usage) -> str:
    cached = f" ({usage.cached_input_tokens} of them cached)" if usage.cached_input_tokens else ""
    estimated = ", estimated" if usage.estimated else ""
    more = "" if usage.more is None else "".join(f", {words}" for words in _more(usage.more))
    return f"{usage.input_tokens} input{cached} and {usage.output_tokens} output tokens{estimated}{more}"


def _more(more: MoreUsage) -> Iterator[str]:
    """What else was used, in the order of its fields."""
    for name, what in _USED.items():
        if number := getattr(more, name):
            yield f"{what} {number}"
    if more.service_tier is not None:
        yield f"served at the {more.service_tier} tier"


def _amount(nano_usd: int | None, why_unpriced: str | None) -> str:
    if nano_usd is not None:
        return dollars(nano_usd)
    return "unknown" if why_unpriced is None else f"unknown ({why_unpriced})"


def dollars(nano_usd: int) -> str:
    return f"${usd(nano_usd)}"


def _signed(nano_usd: int) -> str:
    return dollars(nano_usd) if nano_usd >= 0 else f"-{dollars(-nano_usd)}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
