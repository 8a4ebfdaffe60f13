"""What stands somewhere in the process, as Prometheus reads it: asked for at each scrape, and counted by nobody else.

Labels are names out of the configuration, as in `metrics`.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Protocol, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

Family = Callable[[], Metric]
"""Makes the family of metrics anew."""
_Labels = TypeVar("_Labels", bound=str | tuple[str, ...])


class PolicyStatus(Protocol):
    """How the policies stand; `since_s` is Unix time, `refused` None where the files' present state is in force."""

    @property
    def version(self) -> str: ...
    @property
    def since_s(self) -> float: ...
    @property
    def reloads_ok(self) -> int: ...
    @property
    def reloads_failed(self) -> int: ...
    @property
    def refused(self) -> object | None: ...


class LedgerStatus(Protocol):
    """How the records fare. `lost` are nowhere; `behind_s`: how long ago the database had all of them."""

    @property
    def lost(self) -> int: ...
    @property
    def texts_lost(self) -> int: ...
    @property
    def housekeeping_failures(self) -> int: ...
    @property
    def waiting_bytes(self) -> int: ...
    @property
    def can_record(self) -> bool: ...
    @property
    def behind_s(self) -> float: ...


class KeysStatus(Protocol):
    """How the virtual keys stand; `age_s`: how long ago the database was last asked for them, and answered."""

    @property
    def known(self) -> int: ...
    @property
    def unverifiable(self) -> int: ...
    @property
    def age_s(self) -> float: ...


class AllowanceStatus(Protocol):
    """How limits and budgets fare; the owners in it are names that operators gave, and so many at the most."""

    @property
    def refusals(self) -> Mapping[str, int]: ...
    @property
    def passed(self) -> Mapping[tuple[str, str], int]: ...
    @property
    def alerts(self) -> Mapping[tuple[str, str, str], int]: ...
    @property
    def used_ratios(self) -> Mapping[tuple[str, str], float]: ...


class FloorsStatus(Protocol):
    """How often what was spent was looked up, by what came of it: `ok`, `failed` or `put off`."""

    @property
    def looks(self) -> Mapping[str, int]: ...


def ledger_families(status: LedgerStatus) -> Iterator[Family]:
    """How the records fare on their way to the database."""
    yield _counter("records_dropped", "Records lost before they were stored.", lambda: status.lost)
    yield _counter("texts_dropped", "Texts that policies wanted kept, and are not.", lambda: status.texts_lost)
    yield _counter(
        "housekeeping_failures",
        "Times the sums of the reports were not made, and nothing was pruned.",
        lambda: status.housekeeping_failures,
    )
    yield _gauge(
        "spool_bytes", "Bytes of records on the disk that the database does not have.", lambda: status.waiting_bytes
    )
    yield _gauge(
        "spool_writable", "1 while the disk takes records, 0 while they wait in memory.", lambda: status.can_record
    )
    yield _gauge("spool_behind_seconds", "Seconds since the database last had every record.", lambda: status.behind_s)


def key_families(status: KeysStatus) -> Iterator[Family]:
    """How the virtual keys stand."""
    yield _gauge("virtual_keys", "Virtual keys in memory, revoked and expired ones among them.", lambda: status.known)
    yield _gauge(
        "virtual_keys_unverifiable", "Active keys whose pepper is not among those given.", lambda: status.unverifiable
    )
    yield _gauge(
        "virtual_keys_age_seconds", "Seconds since the database last said how the keys stand.", lambda: status.age_s
    )


def allowance_families(status: AllowanceStatus) -> Iterator[Family]:
    """How limits and budgets fare."""
    yield _counters(
        "allowance_refusals",
        "Requests that a limit or budget had no room for.",
        ["limit"],
        lambda: status.refusals,
    )
    yield _counters(
        "deployment_limit_reached",
        "Times a deployment was passed over, for one of its limits had no room for the call.",
        ["deployment", "limit"],
        lambda: status.passed,
    )
    yield _gauges(
        "budget_used_ratio",
        "The share of a budget that is used and held, as this gateway last saw it.",
        ["owner", "budget"],
        lambda: status.used_ratios,
    )
    yield _counters(
        "budget_alerts",
        "Times a budget reached one of its levels.",
        ["owner", "budget", "level"],
        lambda: status.alerts,
    )


def floor_families(status: FloorsStatus) -> Iterator[Family]:
    """What came of looking up what was spent."""
    yield _counters(
        "budget_looks",
        "Times the records were asked what was spent of the budgets, and what came of it.",
        ["result"],
        lambda: status.looks,
    )


def redis_families(is_up: Callable[[], bool]) -> Iterator[Family]:
    """Whether Redis is asked, or away."""
    yield _gauge("redis_up", "1 while Redis is asked, 0 while limits go by what is set for that.", is_up)


def fleet_families(cooling: Callable[[], Mapping[str, float]]) -> Iterator[Family]:
    """Which deployments rest."""
    yield _gauges(
        "deployment_resting_seconds",
        "Seconds a deployment still rests after failures; one that is well is not listed.",
        ["deployment"],
        cooling,
    )


def loop_families(worst_s: Callable[[], float], tasks: Callable[[], int]) -> Iterator[Family]:
    """How late the event loop came to its work, and how many tasks it has."""
    yield _gauge("event_loop_delay_seconds", "The longest the event loop was late since the last scrape.", worst_s)
    yield _gauge("tasks", "Tasks of the event loop.", tasks)


def policy_families(status: Callable[[], PolicyStatus]) -> Iterator[Family]:
    """How the policies stand."""
    yield _gauges("policy_info", "The policy version in force.", ["version"], lambda: {status().version: 1})
    yield _gauge(
        "policy_loaded_timestamp_seconds",
        "Since when that version is in force, in Unix time.",
        lambda: status().since_s,
    )
    yield _gauge(
        "policy_failing",
        "1 where the policy files were refused and an older version is in force.",
        lambda: status().refused is not None,
    )
    yield _counters(
        "policy_reloads",
        "Changes of the policy files.",
        ["result"],
        lambda: {"ok": status().reloads_ok, "failed": status().reloads_failed},
    )


def _gauge(name: str, text: str, value: Callable[[], float]) -> Family:
    return lambda: GaugeMetricFamily(f"sizewise_{name}", text, value=value())


def _counter(name: str, text: str, value: Callable[[], float]) -> Family:
    return lambda: CounterMetricFamily(f"sizewise_{name}", text, value=value())


def _gauges(name: str, text: str, labels: list[str], rows: Callable[[], Mapping[_Labels, float]]) -> Family:
    return partial(_filled, lambda: GaugeMetricFamily(f"sizewise_{name}", text, labels=labels), rows)


def _counters(name: str, text: str, labels: list[str], rows: Callable[[], Mapping[_Labels, float]]) -> Family:
    return partial(_filled, lambda: CounterMetricFamily(f"sizewise_{name}", text, labels=labels), rows)


def _filled(
    empty: Callable[[], GaugeMetricFamily | CounterMetricFamily], rows: Callable[[], Mapping[_Labels, float]]
) -> Metric:
    """One sample for each row, by its label or labels; the rows may grow meanwhile."""
    family = empty()
    for label, value in list(rows().items()):
        family.add_metric([label] if isinstance(label, str) else label, value)
    return family
