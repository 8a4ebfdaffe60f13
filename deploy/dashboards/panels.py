"""What the dashboard shows, as tables: panels, their queries, units and explanations. `build` turns them into JSON."""

from dataclasses import dataclass

from grafana_foundation_sdk.models import units


@dataclass(frozen=True)
class Query:
    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    stacked: bool = False


def rate(metric: str, *, by: str = "", where: str = "") -> str:
    """The sum of a counter's rates, by these labels and where these matchers hold."""
    matchers = f"{{{where}}}" if where else ""
    grouping = f" by ({by})" if by else ""
    return f"sum{grouping} (rate(sizewise_{metric}{matchers}[$__rate_interval]))"


def quantiles(metric: str, *percents: int, by: str = "") -> tuple[Query, ...]:
    """The percentiles of a histogram, by these labels."""
    labels = f"le, {by}" if by else "le"
    series = f"{{{{{by}}}}} " if by else ""
    return tuple(
        Query(f"histogram_quantile({percent / 100}, {rate(f'{metric}_bucket', by=labels)})", f"{series}p{percent}")
        for percent in percents
    )


def increase(metric: str, *, where: str = "") -> str:
    matchers = f"{{{where}}}" if where else ""
    return f"sum(increase(sizewise_{metric}{matchers}[$__range]))"


ANSWERED = rate("requests_total", where='outcome="ok"')
ANSWERED_BY_SMALL = rate("requests_total", where='outcome="ok", tier="small"')
ANSWERED_BY_TIER = rate("requests_total", by="tier", where='outcome="ok"')
WAITED_FOR = rate("requests_total", where='outcome!="client_disconnected"')
BASELINE_COST = rate("baseline_cost_usd_total")
ACTUAL_COST = rate("actual_cost_usd_total")
ROLLED_OUT = rate("rollout_decisions_total", by="policy, candidate, mode")
MOVED = rate("rollout_decisions_total", by="policy, candidate, mode", where='result="moved"')
UNREAD = 'result="failed"'
FAILED_AT_REDIS = 'result!="ok", le="+Inf"'

GLANCE = (
    Panel(
        "Requests",
        "Requests over, each second.",
        units.RequestsPerSecond,
        (Query(rate("requests_total"), "requests"),),
    ),
    Panel(
        "Answered",
        "Share of the requests that were answered in full; those whose client left first are not counted.",
        units.PercentUnit,
        (Query(f"{ANSWERED} / {WAITED_FOR}", "answered"),),
    ),
    Panel(
        "Small tier",
        "Share of the answers that came from the tier named small.",
        units.PercentUnit,
        (Query(f"{ANSWERED_BY_SMALL} / {ANSWERED}", "small"),),
    ),
    Panel(
        "Saving",
        "Baseline less actual cost over the period shown; negative where the decisions cost more than the baseline.",
        units.Dollars,
        (Query(f"{increase('baseline_cost_usd_total')} - {increase('actual_cost_usd_total')}", "saving"),),
    ),
    Panel(
        "Cost per hour",
        "What the upstream calls cost at the present rate; calls of unknown price are not in it.",
        units.Dollars,
        (Query(f"{rate('cost_usd_total')} * 3600", "cost"),),
    ),
    Panel(
        "Overhead p99",
        "Time the gateway itself adds to a request, 99th percentile.",
        units.Seconds,
        quantiles("overhead_seconds", 99),
    ),
)

ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Traffic",
        (
            Panel(
                "Requests by outcome",
                "refused: no deployment may serve it; failed: every attempt failed; interrupted: a stream broke off.",
                units.RequestsPerSecond,
                (Query(rate("requests_total", by="outcome"), "{{outcome}}"),),
                stacked=True,
            ),
            Panel(
                "In flight",
                "Requests accepted and not over yet, by gateway process.",
                units.Short,
                (Query("sum by (instance) (sizewise_inflight_requests)", "{{instance}}"),),
            ),
            Panel(
                "Event loop delay",
                "The longest the event loop was late since the last scrape: what blocks it blocks everyone.",
                units.Seconds,
                (Query("max by (instance) (sizewise_event_loop_delay_seconds)", "{{instance}}"),),
            ),
            Panel(
                "Tasks",
                "Tasks of the event loop, by gateway process: they come and go with the requests in flight.",
                units.Short,
                (Query("sum by (instance) (sizewise_tasks)", "{{instance}}"),),
            ),
            Panel(
                "Rejected by code",
                "Requests that were not accepted: no valid key, malformed, too large, unknown model.",
                units.RequestsPerSecond,
                (Query(rate("rejected_total", by="code"), "{{code}}"),),
                stacked=True,
            ),
            Panel(
                "Repeated by clients",
                "Requests that a client's SDK says it has sent before: what we do not mend, they multiply.",
                units.RequestsPerSecond,
                (Query(rate("client_retries_total"), "repeated"),),
            ),
        ),
    ),
    (
        "Decisions",
        (
            Panel(
                "Answers by tier",
                "Share of the answers that came from each tier.",
                units.PercentUnit,
                (Query(f"{ANSWERED_BY_TIER} / scalar({ANSWERED})", "{{tier}}"),),
                stacked=True,
            ),
            Panel(
                "Decisions by rule",
                "The ten rules that chose the route most often; default where no rule did.",
                units.RequestsPerSecond,
                (Query(f"topk(10, {rate('decisions_total', by='policy, rule')})", "{{policy}}: {{rule}}"),),
            ),
        ),
    ),
    (
        "Policies",
        (
            Panel(
                "Policy version",
                "Gateway processes by the version they have in force; two for long: one of them does not reload.",
                units.Short,
                (Query("sum by (version) (sizewise_policy_info)", "{{version}}"),),
                stacked=True,
            ),
            Panel(
                "Age of the policies",
                "Time since the version in force was loaded, by gateway process.",
                units.Seconds,
                (
                    Query(
                        "time() - max by (instance) (sizewise_policy_loaded_timestamp_seconds)",
                        "{{instance}}",
                    ),
                ),
            ),
            Panel(
                "Reloads",
                "Changes of the policy files that came into force or were refused, and the processes that refuse now.",
                units.Short,
                (
                    Query(
                        "sum by (result) (increase(sizewise_policy_reloads_total[$__rate_interval]))",
                        "{{result}}",
                    ),
                    Query("sum(sizewise_policy_failing)", "refusing now"),
                ),
            ),
            Panel(
                "Moved by roll-outs",
                "Share of the decisions on which a policy and its candidate differ; 0 where nothing is rolled out.",
                units.PercentUnit,
                (
                    Query(
                        f"({MOVED} or 0 * {ROLLED_OUT}) / {ROLLED_OUT} or on() vector(0)",
                        "{{policy}} → {{candidate}} ({{mode}})",
                    ),
                    Query(
                        f"{rate('rollout_decisions_total', by='acted')} / scalar({rate('rollout_decisions_total')})"
                        " or on() vector(0)",
                        "acted: {{acted}}",
                    ),
                ),
            ),
        ),
    ),
    (
        "Money",
        (
            Panel(
                "Cost per hour by deployment",
                "What each deployment costs at the present rate; calls of unknown price are not in it.",
                units.Dollars,
                (Query(f"{rate('cost_usd_total', by='deployment')} * 3600", "{{deployment}}"),),
                stacked=True,
            ),
            Panel(
                "Baseline and cost per hour",
                "Of the requests whose cost and baseline are both known; the saving is the difference.",
                units.Dollars,
                (
                    Query(f"{BASELINE_COST} * 3600", "baseline"),
                    Query(f"{ACTUAL_COST} * 3600", "cost"),
                    Query(f"({BASELINE_COST} - {ACTUAL_COST}) * 3600", "saving"),
                ),
            ),
            Panel(
                "Unpriced calls and lost records",
                "All should be 0: unpriced calls are missing from the cost, lost records from the reports.",
                units.OpsPerSecond,
                (
                    Query(f"{rate('price_missing_total')} or vector(0)", "unpriced calls"),
                    Query(rate("records_dropped_total"), "lost records"),
                    Query(rate("texts_dropped_total"), "texts not kept"),
                ),
            ),
            Panel(
                "Records behind",
                "How long ago the database had every record; what it lacks waits in the spool.",
                units.Seconds,
                (Query("max by (instance) (sizewise_spool_behind_seconds)", "{{instance}}"),),
            ),
            Panel(
                "Spool",
                "What the database does not have yet, and whether the disk takes more (1) or not (0).",
                units.BytesIEC,
                (
                    Query("sum by (instance) (sizewise_spool_bytes)", "{{instance}}"),
                    Query("min(sizewise_spool_writable)", "writable"),
                    Query(rate("housekeeping_failures_total"), "housekeeping failures"),
                ),
            ),
        ),
    ),
    (
        "Latency",
        (
            Panel(
                "Overhead",
                "Time the gateway itself adds to a request: all of it but the waiting for upstreams.",
                units.Seconds,
                quantiles("overhead_seconds", 50, 95, 99),
            ),
            Panel(
                "Upstream calls",
                "Duration of an upstream call, from its start to its last byte or its failure.",
                units.Seconds,
                quantiles("upstream_seconds", 50, 95, by="deployment"),
            ),
            Panel(
                "Time to first token",
                "Of streamed answers, from the arrival of the request; failed attempts before it are included.",
                units.Seconds,
                quantiles("time_to_first_token_seconds", 50, 95, by="deployment"),
            ),
        ),
    ),
    (
        "Keys, limits and budgets",
        (
            Panel(
                "Refusals by limit",
                "Requests each second that a limit or a budget of their caller's had no room for, and calls that one of"
                " their deployment's had none for.",
                units.OpsPerSecond,
                (
                    Query(f"{rate('allowance_refusals_total', by='limit')} or vector(0)", "{{limit}}"),
                    Query(
                        f"{rate('deployment_limit_reached_total', by='deployment, limit')} or vector(0)",
                        "{{deployment}} {{limit}}",
                    ),
                ),
                stacked=True,
            ),
            Panel(
                "Budgets used",
                "Share of each budget that is used and held, how many of their levels were reached, and how often what"
                " was spent could not be read.",
                units.PercentUnit,
                (
                    Query("max by (owner, budget) (sizewise_budget_used_ratio) or vector(0)", "{{owner}} {{budget}}"),
                    Query(f"{increase('budget_alerts_total')} or vector(0)", "levels reached"),
                    Query(f"{increase('budget_looks_total', where=UNREAD)} or vector(0)", "not read"),
                ),
            ),
            Panel(
                "Redis",
                "Time of a call, calls without an answer in time, and gateways that go without it.",
                units.Seconds,
                (
                    Query(
                        f"histogram_quantile(0.99, {rate('redis_call_seconds_bucket', by='le')}) or vector(0)", "p99"
                    ),
                    Query(f"{rate('redis_call_seconds_bucket', where=FAILED_AT_REDIS)} or vector(0)", "not answered"),
                    Query("count(sizewise_redis_up == 0) or vector(0)", "gateways without it"),
                ),
            ),
            Panel(
                "Virtual keys",
                "Those a gateway knows, those it cannot check, and for how long it has heard of no change.",
                units.Short,
                (
                    Query("max(sizewise_virtual_keys) or vector(0)", "known"),
                    Query("max(sizewise_virtual_keys_unverifiable) or vector(0)", "without their pepper"),
                    Query("max(sizewise_virtual_keys_age_seconds) or vector(0)", "seconds since the database spoke"),
                ),
            ),
        ),
    ),
    (
        "Upstreams",
        (
            Panel(
                "Tokens by type",
                "Tokens each second, as the upstreams reported them; cached_input is a part of input.",
                units.Short,
                (Query(rate("tokens_total", by="type"), "{{type}}"),),
            ),
            Panel(
                "Fallbacks by cause",
                "Moves to the next deployment of a plan, with the error that caused them.",
                units.OpsPerSecond,
                (Query(rate("fallbacks_total", by="from, to, cause"), "{{from}} → {{to}}: {{cause}}"),),
                stacked=True,
            ),
            Panel(
                "Attempts by outcome",
                "Upstream calls each second, by deployment; retries and fallbacks are attempts too.",
                units.OpsPerSecond,
                (Query(rate("attempts_total", by="deployment, outcome"), "{{deployment}}: {{outcome}}"),),
                stacked=True,
            ),
            Panel(
                "Upstream errors",
                "Upstream calls that failed, by what went wrong.",
                units.OpsPerSecond,
                (Query(rate("upstream_errors_total", by="deployment, code"), "{{deployment}}: {{code}}"),),
                stacked=True,
            ),
            Panel(
                "Resting deployments",
                "Seconds each still rests after failures; one that is well is not shown.",
                units.Seconds,
                (Query("max by (deployment) (sizewise_deployment_resting_seconds)", "{{deployment}}"),),
            ),
            Panel(
                "Checked answers",
                "Answers tested before they counted, by what came of it; those not passed were answered by another.",
                units.OpsPerSecond,
                (Query(rate("checks_total", by="deployment, result"), "{{deployment}}: {{result}}"),),
                stacked=True,
            ),
        ),
    ),
)
