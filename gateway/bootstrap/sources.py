"""What comes from outside: settings → keys, policies, and where limits and budgets are counted."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from gateway.api.dialects import parse_any
from gateway.counters.allowance_watch import AllowanceWatch
from gateway.counters.allowances_memory import MemoryAllowances
from gateway.policyfile.loader import FilePolicySource
from gateway.policyfile.trial import Trial
from gateway.ports import Classifier, Clock
from gateway.providers.price_map import PriceMap
from gateway.settings import Settings
from gateway.store.key_source import open_key_source
from gateway.store.key_watch import KeyWatch
from gateway.store.pepper import Peppers
from gateway.store.static_keys import StaticKeys
from gateway.store.virtual_keys import VirtualKeys
from gateway.telemetry.families import allowance_families, redis_families
from gateway.telemetry.metrics import MetricsRecorder

if TYPE_CHECKING:
    from gateway.counters.allowances_redis import RedisAllowances

PRICES_KEPT: Final = 4_096
"""A reload asks for the same models again."""


def open_keys(settings: Settings, clock: Clock) -> tuple[VirtualKeys, KeyWatch]:
    """The keys of the settings and of the database, and what keeps the latter up to date."""
    given = peppers_of(settings)
    peppers = given or Peppers.unknown()
    static = StaticKeys(key.get_secret_value() for key in settings.api_keys)
    keys = VirtualKeys(static, peppers, now=clock.now)
    source = open_key_source(settings.database_url.get_secret_value())
    versions = () if given is None else given.versions
    return keys, KeyWatch(source, keys, versions, now=clock.now, monotonic=clock.monotonic)


def open_allowances(
    settings: Settings, clock: Clock, metrics: MetricsRecorder
) -> tuple["MemoryAllowances | RedisAllowances", Callable[[], AbstractAsyncContextManager[None]]]:
    """Limits and budgets, counted here or in Redis; and what to serve inside."""
    watch = AllowanceWatch()
    metrics.watch(allowance_families(watch))
    if settings.redis_url is None:
        return MemoryAllowances(clock, watch), nullcontext
    from gateway.counters.allowances_redis import RedisAllowances  # noqa: PLC0415 (an extra, and 10 MB)

    shared = RedisAllowances(
        settings.redis_url.get_secret_value(),
        clock,
        watch,
        called=metrics.redis_called,
        gateways=settings.gateways,
        limits_down=settings.on_redis_down,
        budgets_down=settings.budgets_on_redis_down,
    )
    metrics.watch(redis_families(lambda: shared.link.is_up))
    return shared, shared.running


def peppers_of(settings: Settings) -> Peppers | None:
    return None if settings.key_pepper is None else Peppers.parse(settings.key_pepper.get_secret_value())


def open_policies(settings: Settings, environment: Mapping[str, str], classifier: Classifier) -> FilePolicySource:
    prices = PriceMap()
    return FilePolicySource(
        settings.policies,
        lru_cache(PRICES_KEPT)(prices),
        environment,
        Trial(parse_any, classifier),
        after_load=prices.forget,
    )
