"""One entry of the price map → a `Price`: every dimension, size, service tier and hour it has a price for."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.price_tiers import Band, Hours, OffPeak, Pace, Rates, Tariff
from gateway.domain.pricing import Price, atto_usd
from gateway.domain.usage import ServiceTier
from gateway.providers.price_map_keys import RATES, SERVICE_TIERS, RateKey, rate_key

_AT_THRESHOLD: Final = ("xai",)
"""Providers whose dearer price begins with the threshold itself, not above it."""

_Prices = Mapping[RateKey, int]


class _SearchPrices(Struct):
    search_context_size_medium: Decimal | None = None


class _Range(Struct):
    range: tuple[Decimal, Decimal] | None = None
    input_cost_per_token: Decimal | None = None
    output_cost_per_token: Decimal | None = None
    cache_read_input_token_cost: Decimal | None = None
    cache_creation_input_token_cost: Decimal | None = None
    cache_creation_input_token_cost_above_1hr: Decimal | None = None
    output_cost_per_reasoning_token: Decimal | None = None


class _Window(Struct):
    hours_utc: str | list[str]
    weekdays: tuple[int, ...] = ()


class _OffPeak(Struct):
    input_cost_per_token: Decimal | None = None
    output_cost_per_token: Decimal | None = None
    cache_read_input_token_cost: Decimal | None = None
    cache_creation_input_token_cost: Decimal | None = None
    output_cost_per_reasoning_token: Decimal | None = None
    hours_utc: str | list[str] = []
    windows: list[_Window] = []
    weekday_timezone: str = "UTC"


class _Whole(Struct):
    """The keys that are read as they stand."""

    litellm_provider: str = ""
    input_cost_per_request: Decimal | None = None
    search_context_cost_per_query: _SearchPrices | None = None
    tiered_pricing: list[_Range] = []
    off_peak_pricing: _OffPeak | None = None


def price_of(raw: msgspec.Raw, families: tuple[str, ...]) -> Price | None:
    """The entry's price; None where it has none for tokens, or is not of one of these families of providers."""
    whole = msgspec.json.decode(raw, type=_Whole)
    if whole.litellm_provider and not whole.litellm_provider.startswith(families):
        return None
    prices = _prices(raw, is_inclusive=whole.litellm_provider in _AT_THRESHOLD)
    ranges = [_ranged(prices, each) for each in whole.tiered_pricing if each.range and each.input_cost_per_token]
    ranges.sort(key=lambda band: band.above_tokens)
    standard = ranges[0].rates if ranges else _rates(prices)
    bands = tuple(ranges[:0:-1])
    if standard is None or standard.input_atto_usd == standard.output_atto_usd == 0:
        return None  # the map says 0 for free and for unknown alike; who knows it is free says so in the policy file
    search = whole.search_context_cost_per_query
    if search is not None and search.search_context_size_medium is not None:
        standard = replace(standard, search_atto_usd=atto_usd(search.search_context_size_medium))
        bands = tuple(
            replace(band, rates=replace(band.rates, search_atto_usd=standard.search_atto_usd)) for band in bands
        )
    return Price(**_fields(standard), tariff=_tariff(whole, prices, standard, bands), source="price map")


def _prices(raw: msgspec.Raw, *, is_inclusive: bool) -> _Prices:
    """Every price for tokens that the entry has."""
    entry = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    found: dict[RateKey, int] = {}
    for name, text in entry.items():
        if (key := rate_key(name)) is None:
            continue
        if (price := msgspec.json.decode(text, type=Decimal | None)) is None:
            continue
        if key.name == "cache_write_atto_usd" and price == 0:
            continue  # writing costs nothing beside the input that it is a part of
        if is_inclusive and key.above_tokens:
            key = replace(key, above_tokens=key.above_tokens - 1)
        found[key] = atto_usd(price)
    return found


def _rates(prices: _Prices) -> Rates | None:
    """The standard rates; None without both token prices."""
    found = _standard(prices)
    return Rates(**found) if "input_atto_usd" in found and "output_atto_usd" in found else None


def _standard(prices: _Prices) -> dict[str, Any]:
    return {key.name: price for key, price in prices.items() if key == RateKey(name=key.name)}


def _ranged(prices: _Prices, each: _Range) -> Band:
    """All of a call costs what its range does; what a range has no price for costs what its input or output does."""
    (above, _), usd = each.range or (0, 0), each.input_cost_per_token or Decimal(0)
    rates = {
        "output_atto_usd": 0,
        **_standard(prices),
        "input_atto_usd": atto_usd(usd),
        "cached_input_atto_usd": _atto(each.cache_read_input_token_cost),
        "cache_write_atto_usd": _atto(each.cache_creation_input_token_cost),
        "cache_write_1h_atto_usd": _atto(each.cache_creation_input_token_cost_above_1hr),
        "reasoning_atto_usd": _atto(each.output_cost_per_reasoning_token),
    }
    if each.output_cost_per_token is not None:
        rates["output_atto_usd"] = atto_usd(each.output_cost_per_token)
    return Band(above_tokens=int(above), rates=Rates(**rates))


def _tariff(whole: _Whole, prices: _Prices, standard: Rates, ranges: tuple[Band, ...]) -> Tariff | None:
    tariff = Tariff(
        bands=ranges or _bands(prices, standard, None),
        paces=tuple(
            (tier, _pace(prices, standard, tier))
            for tier in SERVICE_TIERS.values()
            if any(key.service_tier == tier for key in prices)
        ),
        off_peak=None if whole.off_peak_pricing is None else _off_peak(whole.off_peak_pricing),
        request_atto_usd=0 if whole.input_cost_per_request is None else atto_usd(whole.input_cost_per_request),
    )
    return None if tariff == Tariff() else tariff


def _pace(prices: _Prices, standard: Rates, tier: ServiceTier) -> Pace:
    rates = _changed(standard, {key.name: price for key, price in prices.items() if key == _at(key, 0, tier)})
    return Pace(rates=rates, bands=_bands(prices, rates, tier))


def _bands(prices: _Prices, rates: Rates, tier: ServiceTier | None) -> tuple[Band, ...]:
    """The largest first. What a band has no price for at that service tier costs what it does at the standard one."""
    bands: list[Band] = []
    for above in sorted({key.above_tokens for key in prices if key.above_tokens and key.service_tier in (tier, None)}):
        changes: dict[str, int] = {}
        for each in (None, tier):
            changes |= {key.name: price for key, price in prices.items() if key == _at(key, above, each)}
        rates = _changed(rates, changes)
        bands.append(Band(above_tokens=above, rates=rates))
    return tuple(reversed(bands))


def _at(key: RateKey, above_tokens: int, tier: ServiceTier | None) -> RateKey:
    return RateKey(name=key.name, above_tokens=above_tokens, service_tier=tier)


def _changed(rates: Rates, changes: Mapping[str, int]) -> Rates:
    """With these in their place. Where output changes and thought does not, thought costs what output does."""
    rates = replace(rates, **changes)
    if "output_atto_usd" in changes and "reasoning_atto_usd" not in changes:
        rates = replace(rates, reasoning_atto_usd=None)
    write, hour = rates.cache_write_atto_usd, rates.cache_write_1h_atto_usd
    if write is not None and hour is not None and hour < write:
        rates = replace(rates, cache_write_1h_atto_usd=write)  # a band that forgot it: an hour costs no less
    return rates


def _off_peak(raw: _OffPeak) -> OffPeak:
    windows = [*raw.windows, *([_Window(hours_utc=raw.hours_utc)] if raw.hours_utc else [])]
    given = {RATES[key]: getattr(raw, key) for key in RATES if key in raw.__struct_fields__}
    return OffPeak(
        hours=tuple(
            _hours(text, window, _known(raw.weekday_timezone))
            for window in windows
            for text in ([window.hours_utc] if isinstance(window.hours_utc, str) else window.hours_utc)
        ),
        **{name: _atto(usd) for name, usd in given.items()},
    )


def _hours(text: str, window: _Window, timezone: str) -> Hours:
    """`16:30-00:30`, in UTC."""
    begin, _, end = text.partition("-")
    return Hours(from_s=_second(begin), until_s=_second(end), days=window.weekdays, timezone=timezone)


def _second(clock: str) -> int:
    hour, _, minute = clock.strip().partition(":")
    return (int(hour) % 24) * 3600 + int(minute) * 60


def _known(timezone: str) -> str:
    """Days are counted in UTC where the calendar is unknown here."""
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"
    return timezone


def _fields(rates: Rates) -> dict[str, Any]:
    return {name: getattr(rates, name) for name in Rates.__struct_fields__}


def _atto(usd: Decimal | None) -> int | None:
    return None if usd is None else atto_usd(usd)
