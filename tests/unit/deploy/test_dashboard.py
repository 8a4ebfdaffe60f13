import itertools
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from deploy.dashboards.build import TARGET, dashboard
from gateway.counters.allowance_watch import AllowanceWatch
from gateway.policyfile.loader import PolicyStatus
from gateway.telemetry.metrics import MetricsRecorder
from tests.builders import a_ledger_status

BOARD: dict[str, Any] = json.loads(dashboard())
PANELS: list[dict[str, Any]] = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
every_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))


class _NoLooks:
    looks: Mapping[str, int] = {}


def exposed() -> dict[str, str]:
    """Every metric name a scrape can hold → its type."""
    metrics = MetricsRecorder(CollectorRegistry(), version="0")
    metrics.watch_ledger(a_ledger_status())
    metrics.watch_fleet(dict)
    metrics.watch_allowances(AllowanceWatch())
    metrics.watch_floors(_NoLooks())
    metrics.watch_redis(lambda: True)
    metrics.watch_loop(lambda: 0.0, lambda: 0)
    metrics.watch_policies(lambda: PolicyStatus(version="v1", since_s=0.0))
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {
        family.name + suffix: family.type
        for family in text_string_to_metric_families(metrics.expose()[0].decode())
        for suffix in suffixes.get(family.type, ())
    }


def test_the_dashboard_file_is_what_the_code_writes() -> None:
    written = TARGET.read_text(encoding="utf-8")

    assert written == dashboard(), "run: python -m deploy.dashboards.build"


@every_panel
def test_a_panel_explains_itself(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]


@every_panel
def test_a_panel_reads_the_data_source_that_is_chosen(panel: dict[str, Any]) -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}

    assert panel["datasource"] == chosen
    assert all(target["datasource"] == chosen for target in panel["targets"])


@every_panel
def test_a_panel_asks_only_for_metrics_that_the_gateway_exposes(panel: dict[str, Any]) -> None:
    names = {name for target in panel["targets"] for name in re.findall(r"sizewise_\w+", target["expr"])}

    assert names
    assert names <= exposed().keys()


@every_panel
def test_a_counter_is_shown_as_a_rate_over_the_interval_grafana_chooses(panel: dict[str, Any]) -> None:
    types = exposed()

    for target in panel["targets"]:
        for name, window in re.findall(r"(sizewise_\w+)(?:\{[^}]*\})?(\[[^]]*\])?", target["expr"]):
            allowed = ("",) if types[name] == "gauge" else ("[$__rate_interval]", "[$__range]")
            assert window in allowed, name


def test_every_metric_of_the_gateway_is_on_the_dashboard() -> None:
    shown = {name for panel in PANELS for name in re.findall(r"sizewise_\w+", json.dumps(panel["targets"]))}
    gauges_counters_and_buckets = {
        name
        for name in exposed()
        if name.startswith("sizewise_") and not name.endswith(("_sum", "_count", "build_info"))
    }

    assert gauges_counters_and_buckets == shown


def test_no_two_panels_overlap_and_none_leaves_the_grid() -> None:
    cells = [
        (x, y)
        for position in (panel["gridPos"] for panel in BOARD["panels"])
        for x, y in itertools.product(
            range(position["x"], position["x"] + position["w"]), range(position["y"], position["y"] + position["h"])
        )
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


def test_the_first_line_of_the_dashboard_is_the_state_at_a_glance() -> None:
    first_line = [panel["type"] for panel in BOARD["panels"] if panel["gridPos"]["y"] == 0]

    assert first_line == ["stat"] * 6


def test_panels_have_ids_of_their_own() -> None:
    ids = [panel["id"] for panel in BOARD["panels"]]

    assert sorted(ids) == list(range(1, len(ids) + 1))
