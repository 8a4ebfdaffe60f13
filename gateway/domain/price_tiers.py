"""Prices that depend on the call: on its size, the pace it was served at, and the hour. What applies is one `Rates`."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.usage import MoreUsage, ServiceTier, Usage

_DAY_S: Final = 86_400


class Rates(Struct, frozen=True, kw_only=True):
    """Atto-dollars (1e-18 USD) for one of each; every price published per million tokens is a whole number of them.

    None means that the dimension has no price of its own. It then costs what its base does, as providers bill it:

    cached_input, cache_write, image_input   what input does
    cache_write_1h                           what a write does
    cached_audio_input                       what cached input does
    reasoning                                what output does
    audio_input, audio_output, image_output, citation, search  nobody bills these as text: the call is unpriced
    """

    input_atto_usd: int
    output_atto_usd: int
    cached_input_atto_usd: int | None = None
    cache_write_atto_usd: int | None = None
    cache_write_1h_atto_usd: int | None = None
    audio_input_atto_usd: int | None = None
    image_input_atto_usd: int | None = None
    cached_audio_input_atto_usd: int | None = None
    reasoning_atto_usd: int | None = None
    audio_output_atto_usd: int | None = None
    image_output_atto_usd: int | None = None
    citation_atto_usd: int | None = None
    search_atto_usd: int | None = None


class Band(Struct, frozen=True, kw_only=True):
    """Of a call with more input tokens than that, everything costs these rates."""

    above_tokens: int
    rates: Rates


class Pace(Struct, frozen=True, kw_only=True):
    """The rates of one service tier. `bands`: the largest first."""

    rates: Rates
    bands: tuple[Band, ...] = ()


class Hours(Struct, frozen=True, kw_only=True):
    """A time of day: seconds after midnight UTC, the first inside and the last outside.

    Where `from_s` is not before `until_s`, it runs over midnight; where they are equal, it is the whole day.
    days  of the week, 1 for Monday, by the calendar of `timezone`; empty: every day
    """

    from_s: int
    until_s: int
    days: tuple[int, ...] = ()
    timezone: str = "UTC"

    def has(self, at_s: float) -> bool:
        second = at_s % _DAY_S
        if self.from_s < self.until_s:
            inside = self.from_s <= second < self.until_s
        else:
            inside = second >= self.from_s or second < self.until_s
        return inside and (not self.days or self._weekday(at_s) in self.days)

    def _weekday(self, at_s: float) -> int:
        zone = UTC if self.timezone == "UTC" else ZoneInfo(self.timezone)
        return datetime.fromtimestamp(at_s, zone).isoweekday()


class OffPeak(Struct, frozen=True, kw_only=True):
    """Rates of some hours, which replace those of the call's size and pace. None among them: that one stays."""

    hours: tuple[Hours, ...]
    input_atto_usd: int | None = None
    output_atto_usd: int | None = None
    cached_input_atto_usd: int | None = None
    cache_write_atto_usd: int | None = None
    reasoning_atto_usd: int | None = None


class Tariff(Struct, frozen=True, kw_only=True):
    """How a price depends on the call.

    bands              of the standard pace, the largest first
    paces              service tiers with a price of their own; the others cost what the standard one does
    off_peak           None: every hour costs the same
    request_atto_usd   for each call, whatever its size
    """

    bands: tuple[Band, ...] = ()
    paces: tuple[tuple[ServiceTier, Pace], ...] = ()
    off_peak: OffPeak | None = None
    request_atto_usd: int = 0


def rates_of(standard: Rates, tariff: Tariff, usage: Usage, at_s: float | None) -> Rates:
    """What applies to that call. `at_s`: when it was made, Unix time in seconds; None: outside the cheap hours."""
    rates, bands = standard, tariff.bands
    for tier, pace in tariff.paces:
        if tier == usage.service_tier:
            rates, bands = pace.rates, pace.bands
    for band in bands:
        if usage.input_tokens > band.above_tokens:
            rates = band.rates
            break
    off_peak = tariff.off_peak
    if off_peak is not None and at_s is not None and any(hours.has(at_s) for hours in off_peak.hours):
        rates = _cheaper_hour(rates, off_peak)
    return rates


def atto_of(usage: Usage, more: MoreUsage, rates: Rates) -> int:
    """The sum in atto-dollars; what has no price counts nothing, which `unpriced_in` is there to tell first."""
    cached = _or(rates.cached_input_atto_usd, rates.input_atto_usd)
    write = _or(rates.cache_write_atto_usd, rates.input_atto_usd)
    output = rates.output_atto_usd
    of_input = more.cache_write_tokens + more.cache_write_1h_tokens + more.audio_input_tokens + more.image_input_tokens
    of_output = more.reasoning_tokens + more.audio_output_tokens + more.image_output_tokens
    return (
        (usage.input_tokens - usage.cached_input_tokens - of_input) * rates.input_atto_usd
        + (usage.cached_input_tokens - more.cached_audio_input_tokens) * cached
        + more.cached_audio_input_tokens * _or(rates.cached_audio_input_atto_usd, cached)
        + more.cache_write_tokens * write
        + more.cache_write_1h_tokens * _or(rates.cache_write_1h_atto_usd, write)
        + more.audio_input_tokens * (rates.audio_input_atto_usd or 0)
        + more.image_input_tokens * _or(rates.image_input_atto_usd, rates.input_atto_usd)
        + (usage.output_tokens - of_output) * output
        + more.reasoning_tokens * _or(rates.reasoning_atto_usd, output)
        + more.audio_output_tokens * (rates.audio_output_atto_usd or 0)
        + more.image_output_tokens * (rates.image_output_atto_usd or 0)
        + more.citation_tokens * (rates.citation_atto_usd or 0)
        + more.searches * (rates.search_atto_usd or 0)
    )


def unpriced_in(more: MoreUsage, rates: Rates) -> str | None:
    """What was used and has no price; None: nothing."""
    missing = [
        name
        for name, count, rate in (
            ("audio input", more.audio_input_tokens, rates.audio_input_atto_usd),
            ("audio output", more.audio_output_tokens, rates.audio_output_atto_usd),
            ("image output", more.image_output_tokens, rates.image_output_atto_usd),
            ("citations", more.citation_tokens, rates.citation_atto_usd),
            ("searches", more.searches, rates.search_atto_usd),
        )
        if count and rate is None
    ]
    return " and ".join(missing) or None


def _or(rate: int | None, base: int) -> int:
    return base if rate is None else rate


def _cheaper_hour(rates: Rates, off_peak: OffPeak) -> Rates:
    given = {
        name: rate
        for name in off_peak.__struct_fields__
        if name != "hours" and (rate := getattr(off_peak, name)) is not None
    }
    if off_peak.output_atto_usd is not None:
        given.setdefault("reasoning_atto_usd", None)  # who reprices output reprices thought
    return replace(rates, **given)
