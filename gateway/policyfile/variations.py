"""What a request may be like, as far as conditions ask: for each group of variables, the values they take together.

Variables that depend on each other are in one group, so that no combination of variations contradicts itself.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from typing import Any, Final

from gateway.domain.language import LANGUAGES
from gateway.domain.sensitivity import highest
from gateway.domain.session import KINDS
from gateway.policyfile.expressions import is_plain
from gateway.policyfile.mentions import Mentions
from gateway.policyfile.values import (
    LARGEST,
    LEAST,
    MOST_IN_SUBSETS,
    OTHER,
    WORDS,
    Asked,
    Ground,
    combinations_of,
    counts_of,
    day_of,
    ratios_of,
    subsets_of,
    unnamed,
)

Variation = Mapping[str, Any]
"""Variable → value; `AT` stands for all of `time.*`, `session.deployment` is a `Deployment`, None in a new session."""

AT: Final = "at_s"
NOON: Final = datetime(2026, 1, 14, 12, tzinfo=UTC)
"""A Wednesday, and no day on which clocks change."""

_MOST_BY_KEY = 64
_MOST_TOOLS = 64
_MAPS: Final = ("request.metadata", "request.headers", "health.latency_ms")
_ZONE_MINUTES = (0, 15, 30, 45)
"""How far the minutes of time zones are apart."""


def variations(sources: Sequence[str], ground: Ground) -> list[list[Variation]]:
    """For each group of variables that the conditions name, its variations, the most ordinary first."""
    asked = Asked(sources, ground)
    return [list(vary(asked)) for names, vary in _GROUPS if asked.names.intersection(names)]


def covers(sources: Sequence[str]) -> bool:
    """Whether the conditions, taken together, can tell no request from all that the combined variations give."""
    asked = Mentions(sources)
    named = asked.names
    return (
        all(is_plain(source) for source in sources)
        and named.isdisjoint({"session.deployment", "session.tier"})
        and not named.issuperset({"request.tools", "signals.tools"})
        and all(len(asked.texts(name)) <= MOST_IN_SUBSETS for name in ("key.tags", "request.tools", "health.resting"))
        and all(2 ** len(asked.keys(name)) <= _MOST_BY_KEY for name in _MAPS)
        and all(day_of(text) is not None for text in asked.texts("time.date"))
        and all(number < LARGEST for name in named for number in asked.numbers(name))
    )


def _flag(name: str) -> Callable[[Asked], Iterable[Variation]]:
    return lambda _: ({name: False}, {name: True})


def _count(name: str) -> Callable[[Asked], Iterable[Variation]]:
    return lambda asked: ({name: number} for number in counts_of(asked, name))


def _share(name: str) -> Callable[[Asked], Iterable[Variation]]:
    return lambda asked: ({name: number} for number in ratios_of(asked, name) if number <= 1)


def _text(name: str, ordinary: str) -> Callable[[Asked], Iterable[Variation]]:
    return lambda asked: ({name: text} for text in dict.fromkeys((ordinary, *asked.texts(name), unnamed(asked, name))))


def _word(name: str, ordinary: str) -> Callable[[Asked], Iterable[Variation]]:
    return lambda _: ({name: word} for word in dict.fromkeys((ordinary, *WORDS[name])))


def _subset(name: str) -> Callable[[Asked], Iterable[Variation]]:
    return lambda asked: ({name: each} for each in subsets_of(asked.texts(name)))


def _by_key(name: str) -> Callable[[Asked], Iterable[Variation]]:
    def vary(asked: Asked) -> Iterator[Variation]:
        names = asked.keys(name)
        texts = [text for text in asked.texts(name) if text not in names]
        choices = product((None, *texts, OTHER), repeat=len(names))
        for choice in islice(choices, _MOST_BY_KEY):
            yield {name: {key: value for key, value in zip(names, choice, strict=True) if value is not None}}

    return vary


def _part(part: str, whole: str) -> Callable[[Asked], Iterable[Variation]]:
    """Of a number that is never above another."""

    def vary(asked: Asked) -> Iterator[Variation]:
        parts = counts_of(asked, part) if asked.has(part) else [1]
        wholes = counts_of(asked, whole) if asked.has(whole) else [None]
        for some, every in product(parts, wholes):
            if every is None:
                yield {part: some, whole: max(some, LEAST[whole])}
            elif some <= every:
                yield {part: some, whole: every}

    return vary


def _code(asked: Asked) -> Iterator[Variation]:
    languages: dict[str, None] = {}
    if asked.has("signals.code_language"):
        named = [text for text in asked.texts("signals.code_language") if text in WORDS["signals.code_language"]]
        unnamed = next((each for each in reversed(WORDS["signals.code_language"]) if each not in named), "")
        languages = dict.fromkeys((*named, unnamed))
    for language in dict.fromkeys(("", "other", *languages)):
        yield {"signals.code": language != "", "signals.code_language": language}


def _language(asked: Asked) -> Iterator[Variation]:
    named = [text for text in asked.texts("signals.language") if text in LANGUAGES]
    for language in dict.fromkeys(("en", *named, next(each for each in ("und", *LANGUAGES) if each not in named))):
        yield {"signals.language": language}


def _sensitive(asked: Asked) -> Iterator[Variation]:
    """Every combination of kinds that the conditions can tell apart, with the gravest of it."""
    if not asked.has("signals.sensitive"):
        found: Iterable[tuple[Any, ...]] = combinations_of(KINDS, 1)
    elif asked.has("signals.sensitivity") or not asked.is_plainly("signals.sensitive"):
        found = combinations_of(KINDS)
    else:
        found = combinations_of([kind for kind in KINDS if kind in asked.texts("signals.sensitive")])
    for kinds in found:
        yield {"signals.sensitive": kinds, "signals.sensitivity": highest(kinds)}


def _tools(asked: Asked) -> Iterator[Variation]:
    counts = counts_of(asked, "signals.tools")
    if not asked.has("request.tools"):
        yield from ({"signals.tools": number, "request.tools": ()} for number in counts)
        return
    for named in (*subsets_of(asked.texts("request.tools")), (OTHER,)):
        for number in counts if asked.has("signals.tools") else [len(named)]:
            if len(named) <= number <= _MOST_TOOLS:
                yield {"signals.tools": number, "request.tools": (*named, *[OTHER] * (number - len(named)))}


def _session(asked: Asked) -> Iterator[Variation]:
    yield {"session.known": False, "session.deployment": None}
    deployments = asked.ground.deployments
    if not asked.has("session.deployment") and not asked.has("session.tier"):
        deployments = deployments[:1]
    for each in deployments:
        yield {"session.known": True, "session.deployment": each}


def _budget(asked: Asked) -> Iterator[Variation]:
    yield {"budget.exists": False, "budget.used_ratio": 0.0}
    for ratio in ratios_of(asked, "budget.used_ratio"):
        yield {"budget.exists": True, "budget.used_ratio": ratio}


def _latency(asked: Asked) -> Iterator[Variation]:
    names = asked.keys("health.latency_ms")
    limits = asked.numbers("health.latency_ms")
    values = sorted({0.0, *(near for limit in limits for near in (limit / 2, limit, limit + 1))})
    for choice in islice(product((None, *values), repeat=len(names)), _MOST_BY_KEY):
        yield {"health.latency_ms": {name: ms for name, ms in zip(names, choice, strict=True) if ms is not None}}


def _time(asked: Asked) -> Iterator[Variation]:
    """Local times are not known here, so all hours are tried, and the minutes of every zone."""
    days = {NOON.date()}
    if asked.has("time.weekday"):
        days |= {NOON.date() + timedelta(days=number) for number in range(1, 7)}
    for day in filter(None, map(day_of, asked.texts("time.date"))):
        days |= {day + timedelta(days=number) for number in range(-7, 8)}
    hours = range(24) if asked.has("time.hour") else (NOON.hour,)
    near = {int(number) + step for number in asked.numbers("time.minute") for step in (-1, 0, 1)}
    minutes = {(number + shift) % 60 for number in near for shift in _ZONE_MINUTES} | {0}
    moments = [
        datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
        for day, hour, minute in product(sorted(days), hours, sorted(minutes))
    ]
    for moment in sorted(moments, key=lambda moment: moment != NOON):
        yield {AT: moment.timestamp()}


_GROUPS: Final[Sequence[tuple[tuple[str, ...], Callable[[Asked], Iterable[Variation]]]]] = (
    (("request.alias",), lambda asked: ({"request.alias": alias} for alias in asked.ground.aliases)),
    (("signals.tokens", "signals.ask_tokens"), _part("signals.ask_tokens", "signals.tokens")),
    (("signals.messages", "signals.turns"), _part("signals.turns", "signals.messages")),
    *(
        ((name,), _flag(name))
        for name in (
            "signals.tool_loop",
            "signals.structured",
            "signals.maths",
            "signals.trivial",
            "classification.has_evidence",
            "request.stream",
        )
    ),
    *(((name,), _count(name)) for name in ("signals.images", "signals.max_output_tokens", "signals.asked_tokens")),
    *(((name,), _share(name)) for name in ("classification.small_ok", "classification.confidence")),
    (("signals.code", "signals.code_language"), _code),
    (("signals.sensitive", "signals.sensitivity"), _sensitive),
    (("signals.script",), _word("signals.script", "latin")),
    (("classification.task",), _word("classification.task", "chat")),
    (("signals.language",), _language),
    (("signals.tools", "request.tools"), _tools),
    (("request.metadata",), _by_key("request.metadata")),
    (("request.headers",), _by_key("request.headers")),
    (("key.id",), _text("key.id", OTHER)),
    (("key.team",), _text("key.team", "")),
    (("key.app",), _text("key.app", "")),
    (("key.tags",), _subset("key.tags")),
    (("session.known", "session.deployment", "session.tier"), _session),
    (("budget.exists", "budget.used_ratio"), _budget),
    (("health.resting",), _subset("health.resting")),
    (("health.latency_ms",), _latency),
    (("time.hour", "time.minute", "time.weekday", "time.date"), _time),
)
"""Each variable once, beside those it depends on; a test fails for one that is in no group."""
