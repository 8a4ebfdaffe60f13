"""Prometheus metrics, all derived from the records: what Grafana shows is what the records hold.

Label values are names out of the configuration (policy, rule, route, deployment, tier) and the gateway's own codes,
never anything a client sent: the number of series is bounded by the policy files.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from gateway.domain.pricing import NANO_PER_USD
from gateway.domain.record import AttemptRecord, RequestRecord

_OVERHEAD_BUCKETS_S = tuple(
    us / 1e6
    for us in (50, 100, 200, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10_000, 25_000, 50_000, 100_000)
)
_UPSTREAM_BUCKETS_S = tuple(0.01 * 2**n for n in range(15))
"""10 ms to 164 s: the buckets of OpenTelemetry's GenAI conventions, and one above."""

Family = TypeVar("Family", bound=MetricWrapperBase)


class MetricsRecorder:
    """Counts what the records say. A scrape reads `registry`; nothing else is registered there by default.

    The saving is `baseline_cost_usd_total - actual_cost_usd_total`. It is no metric of its own: it can fall, which a
    counter must not, and a gauge would lose its sum at every restart. Both count only the requests whose cost and
    baseline are both known, so that they compare like with like.
    """

    def __init__(self, registry: CollectorRegistry, *, version: str) -> None:
        # They double the series, and nothing reads them. The library leaves this function untyped.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._registry = registry
        Info("sizewise_build", "Which build this is.", registry=registry).info({"version": version})
        self._inflight = Gauge("sizewise_inflight_requests", "Requests accepted and not over yet.", registry=registry)
        self._overhead = Histogram(
            "sizewise_overhead_seconds",
            "Time of a request not spent waiting for upstreams.",
            buckets=_OVERHEAD_BUCKETS_S,
            registry=registry,
        )
        self._requests = self._counters(
            "requests", "Requests over.", "policy", "route", "deployment", "tier", "outcome", "stream"
        )
        self._decisions = self._counters(
            "decisions", "Decisions, with the tier that was tried first.", "policy", "rule", "tier"
        )
        self._baseline_cost = self._counters(
            "baseline_cost_usd", "What the baseline would have cost, where that and the cost are known.", "policy"
        )
        self._actual_cost = self._counters(
            "actual_cost_usd", "The cost of the requests counted in sizewise_baseline_cost_usd_total.", "policy"
        )
        self._attempts = self._counters("attempts", "Upstream calls over.", "deployment", "outcome")
        self._fallbacks = self._counters("fallbacks", "Moves to the next deployment of a plan.", "from", "to", "cause")
        self._tokens = self._counters(
            "tokens", "Tokens of upstream calls; cached_input is a part of input.", "deployment", "type"
        )
        self._cost = self._counters("cost_usd", "Cost of upstream calls whose price is known.", "deployment")
        self._price_missing = self._counters("price_missing", "Upstream calls without a known price.", "deployment")
        self._rejected = self._counters("rejected", "Requests that were not accepted.", "code")
        self._upstream = self._histograms("upstream_seconds", "Duration of an upstream call.")
        self._time_to_first_token = self._histograms(
            "time_to_first_token_seconds",
            "From the arrival of a streamed request to its first token, failed attempts before it included.",
        )

    def begun(self) -> None:
        self._inflight.inc()

    def record(self, record: RequestRecord) -> None:
        self._inflight.dec()
        self._count_request(record)
        previous: AttemptRecord | None = None
        for attempt in record.attempts:
            self._count_attempt(attempt)
            if previous is not None and previous.deployment != attempt.deployment:
                self._fallbacks[previous.deployment, attempt.deployment, previous.error_code or previous.outcome].inc()
            previous = attempt

    def rejected(self, code: str) -> None:
        """Count a request that was not accepted, by the `code` of its GatewayError."""
        self._rejected[code,].inc()

    def watch_dropped(self, dropped: Callable[[], int]) -> None:
        """Expose how many records were lost so far, asked for at each scrape; call it once."""
        self._registry.register(_DroppedRecords(dropped))

    def expose(self) -> tuple[bytes, str]:
        """All metrics as Prometheus reads them, and their content type."""
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4

    def _count_request(self, record: RequestRecord) -> None:
        deployment = record.deployment or ""
        stream = "true" if record.stream else "false"
        self._requests[record.policy, record.route, deployment, record.tier or "", record.outcome, stream].inc()
        self._overhead.observe(record.overhead_ms / 1e3)
        if record.ttft_ms is not None:
            self._time_to_first_token[deployment,].observe(record.ttft_ms / 1e3)
        decided_tier = record.attempts[0].tier if record.attempts else ""
        self._decisions[record.policy, record.rule, decided_tier].inc()
        if record.cost_nano_usd is not None and record.baseline_cost_nano_usd is not None:
            self._baseline_cost[record.policy,].inc(record.baseline_cost_nano_usd / NANO_PER_USD)
            self._actual_cost[record.policy,].inc(record.cost_nano_usd / NANO_PER_USD)

    def _count_attempt(self, attempt: AttemptRecord) -> None:
        deployment = attempt.deployment
        self._attempts[deployment, attempt.outcome].inc()
        self._upstream[deployment,].observe((attempt.ended_ms - attempt.started_ms) / 1e3)
        if attempt.usage is not None:
            self._tokens[deployment, "input"].inc(attempt.usage.input_tokens)
            self._tokens[deployment, "output"].inc(attempt.usage.output_tokens)
            if attempt.usage.cached_input_tokens:
                self._tokens[deployment, "cached_input"].inc(attempt.usage.cached_input_tokens)
        if attempt.cost_nano_usd is not None:
            self._cost[deployment,].inc(attempt.cost_nano_usd / NANO_PER_USD)
        elif attempt.unpriced is not None:
            self._price_missing[deployment,].inc()

    def _counters(self, name: str, documentation: str, *labels: str) -> "_Children[Counter]":
        return _Children(Counter(f"sizewise_{name}", documentation, labels, registry=self._registry))

    def _histograms(self, name: str, documentation: str) -> "_Children[Histogram]":
        buckets = _UPSTREAM_BUCKETS_S
        return _Children(
            Histogram(f"sizewise_{name}", documentation, ["deployment"], buckets=buckets, registry=self._registry)
        )


class _Children(dict[tuple[str, ...], Family]):
    """A family's children by their label values; `labels()` costs four times as much as the count itself."""

    def __init__(self, family: Family) -> None:
        super().__init__()
        self._family: Family = family

    def __missing__(self, values: tuple[str, ...]) -> Family:
        child = self[values] = self._family.labels(*values)
        return child


class _DroppedRecords(Collector):
    def __init__(self, dropped: Callable[[], int]) -> None:
        self._dropped = dropped

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(
            "sizewise_records_dropped", "Records lost before they were stored.", value=self._dropped()
        )
