"""Prometheus metrics, derived from the records: Grafana shows what the records hold. The rest is in `families`.

Label values are names out of the configuration (policy, rule, route, deployment, tier) and the gateway's own codes,
never anything a client sent: the number of series is bounded by the policy files.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from math import inf

from prometheus_client import CollectorRegistry, Info, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from gateway.domain.pricing import NANO_PER_USD
from gateway.domain.record import AttemptRecord, RequestRecord
from gateway.domain.rollout import Beside
from gateway.telemetry.families import Family

_OVERHEAD_BUCKETS_S = tuple(
    us / 1e6
    for us in (50, 100, 200, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10_000, 25_000, 50_000, 100_000)
)
_UPSTREAM_BUCKETS_S = tuple(0.01 * 2**n for n in range(15))
"""10 ms to 164 s: the buckets of OpenTelemetry's GenAI conventions, and one above."""

_REDIS_BUCKETS_S = tuple(us / 1e6 for us in (100, 200, 300, 500, 750, 1000, 2000, 5000, 10_000, 25_000, 50_000))

LabelValues = tuple[str, ...]
Totals = defaultdict[LabelValues, int]


class MetricsRecorder:
    """Counts what the records say. A scrape reads `registry`; nothing else is registered there by default.

    One thread counts, without a lock; a scrape on any thread only reads.

    The saving is `baseline_cost_usd_total - actual_cost_usd_total`. It is no metric of its own: it can fall, which a
    counter must not, and a gauge would lose its sum at every restart. Both count only the requests whose cost and
    baseline are both known, so that they compare like with like.
    """

    def __init__(self, registry: CollectorRegistry, *, version: str) -> None:
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._registry = registry
        Info("sizewise_build", "Which build this is.", registry=registry).info({"version": version})
        self._inflight = 0
        self._at_scrape(
            lambda: GaugeMetricFamily(
                "sizewise_inflight_requests", "Requests accepted and not over yet.", value=self._inflight
            )
        )
        self._overhead = self._histogram(
            "overhead_seconds", "Time of a request not spent waiting for upstreams.", _OVERHEAD_BUCKETS_S
        )[()]
        self._requests = self._counter(
            "requests", "Requests over.", "policy", "route", "deployment", "tier", "outcome", "stream"
        )
        self._decisions = self._counter(
            "decisions", "Decisions, with the tier that was tried first.", "policy", "rule", "tier"
        )
        self._rollout = self._counter(
            "rollout_decisions",
            "Decisions while a policy is rolled out: which of the two acted, and whether the other would differ.",
            "policy",
            "candidate",
            "mode",
            "acted",
            "result",
        )
        self._baseline_cost = self._counter(
            "baseline_cost_usd",
            "What the baseline would have cost, where that and the cost are known.",
            "policy",
            per=NANO_PER_USD,
        )
        self._actual_cost = self._counter(
            "actual_cost_usd",
            "The cost of the requests counted in sizewise_baseline_cost_usd_total.",
            "policy",
            per=NANO_PER_USD,
        )
        self._attempts = self._counter("attempts", "Upstream calls over.", "deployment", "outcome")
        self._fallbacks = self._counter("fallbacks", "Moves to the next deployment of a plan.", "from", "to", "cause")
        self._upstream_errors = self._counter("upstream_errors", "Upstream calls that failed.", "deployment", "code")
        self._checks = self._counter(
            "checks", "Answers tested before they counted; the first test failed, or passed.", "deployment", "result"
        )
        self._tokens = self._counter(
            "tokens", "Tokens of upstream calls; cached_input is a part of input.", "deployment", "type"
        )
        self._cost = self._counter(
            "cost_usd", "Cost of upstream calls whose price is known.", "deployment", per=NANO_PER_USD
        )
        self._price_missing = self._counter("price_missing", "Upstream calls without a known price.", "deployment")
        self._rejected = self._counter("rejected", "Requests that were not accepted.", "code")
        self._retries = self._counter("client_retries", "Requests their clients say they have sent before.")
        self._upstream = self._histogram(
            "upstream_seconds", "Duration of an upstream call.", _UPSTREAM_BUCKETS_S, "deployment"
        )
        self._time_to_first_token = self._histogram(
            "time_to_first_token_seconds",
            "From the arrival of a streamed request to its first token, failed attempts before it included.",
            _UPSTREAM_BUCKETS_S,
            "deployment",
        )

        self._redis = self._histogram("redis_call_seconds", "Calls to Redis by result.", _REDIS_BUCKETS_S, "result")

    def begun(self) -> None:
        self._inflight += 1

    def record(self, record: RequestRecord) -> None:
        self._inflight -= 1
        self._count_request(record)
        previous: AttemptRecord | None = None
        for attempt in record.attempts:
            self._count_attempt(attempt)
            if previous is not None and previous.deployment != attempt.deployment:
                self._fallbacks[previous.deployment, attempt.deployment, previous.error_code or previous.outcome] += 1
            previous = attempt

    def rejected(self, code: str) -> None:
        """Count a request that was not accepted, by the `code` of its GatewayError."""
        self._rejected[code,] += 1

    def retried(self) -> None:
        """Count a request that its client says it has sent before."""
        self._retries[()] += 1

    def watch(self, families: Iterable[Family]) -> None:
        """Expose what stands elsewhere in the process; call it once for each."""
        for family in families:
            self._at_scrape(family)

    def redis_called(self, seconds: float, result: str) -> None:
        """Count a call to Redis: `ok`, `slow` or `failed`."""
        self._redis[result,].observe(seconds)

    def expose(self) -> tuple[bytes, str]:
        """All metrics as Prometheus reads them, and their content type."""
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4

    def _count_request(self, record: RequestRecord) -> None:
        deployment = record.deployment or ""
        stream = "true" if record.stream else "false"
        self._requests[record.policy, record.route, deployment, record.tier or "", record.outcome, stream] += 1
        self._overhead.observe(record.overhead_ms / 1e3)
        if record.ttft_ms is not None:
            self._time_to_first_token[deployment,].observe(record.ttft_ms / 1e3)
        decided_tier = record.attempts[0].tier if record.attempts else ""
        self._decisions[record.policy, record.rule, decided_tier] += 1
        if record.beside is not None:
            self._count_rollout(record.policy, record.beside)
        if record.cost_nano_usd is not None and record.baseline_cost_nano_usd is not None:
            self._baseline_cost[record.policy,] += record.baseline_cost_nano_usd
            self._actual_cost[record.policy,] += record.cost_nano_usd

    def _count_rollout(self, policy: str, beside: Beside) -> None:
        live, candidate, acted = (
            (policy, beside.policy, "live") if beside.was_candidate else (beside.policy, policy, "candidate")
        )
        self._rollout[live, candidate, beside.mode, acted, "moved" if beside.differs else "same"] += 1

    def _count_attempt(self, attempt: AttemptRecord) -> None:
        deployment = attempt.deployment
        self._attempts[deployment, attempt.outcome] += 1
        if attempt.error_code is not None:
            self._upstream_errors[deployment, attempt.error_code] += 1
        if (checked := attempt.checked) is not None:
            self._checks[deployment, "passed" if checked.passed else checked.failures[0]] += 1
        self._upstream[deployment,].observe((attempt.ended_ms - attempt.started_ms) / 1e3)
        if attempt.usage is not None:
            self._tokens[deployment, "input"] += attempt.usage.input_tokens
            self._tokens[deployment, "output"] += attempt.usage.output_tokens
            if attempt.usage.cached_input_tokens:
                self._tokens[deployment, "cached_input"] += attempt.usage.cached_input_tokens
        if attempt.cost_nano_usd is not None:
            self._cost[deployment,] += attempt.cost_nano_usd
        elif attempt.unpriced is not None:
            self._price_missing[deployment,] += 1

    def _counter(self, name: str, documentation: str, *labels: str, per: int = 1) -> Totals:
        """The totals of a counter, in whole numbers; a scrape shows them divided by `per`."""
        totals: Totals = defaultdict(int)

        def family() -> Metric:
            shown = CounterMetricFamily(f"sizewise_{name}", documentation, labels=labels)
            for values, total in list(totals.items()):
                shown.add_metric(values, total / per)
            return shown

        self._at_scrape(family)
        return totals

    def _histogram(
        self, name: str, documentation: str, bounds: Sequence[float], *labels: str
    ) -> "defaultdict[LabelValues, _Distribution]":
        distributions: defaultdict[LabelValues, _Distribution] = defaultdict(partial(_Distribution, bounds))

        def family() -> Metric:
            shown = HistogramMetricFamily(f"sizewise_{name}", documentation, labels=labels)
            for values, distribution in list(distributions.items()):
                shown.add_metric(values, distribution.buckets(), distribution.sum)
            return shown

        self._at_scrape(family)
        return distributions

    def _at_scrape(self, family: Family) -> None:
        self._registry.register(_AtScrape(family))


class _Distribution:
    """How many observations are at most each of the bounds, and above the one before; and their sum."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        """Bound → observations at most that, as Prometheus counts them; the last bound is infinity."""
        return list(zip(map(floatToGoString, (*self._bounds, inf)), accumulate(self._counts), strict=True))


class _AtScrape(Collector):
    """A family that is made anew for each scrape: the library's own counters lock at every count."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterator[Metric]:
        yield self._family()
