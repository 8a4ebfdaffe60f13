"""Writes `sizewise.json`, the Grafana dashboard, from the tables in `panels`: `python -m deploy.dashboards.build`."""

import json
from itertools import count
from pathlib import Path

from grafana_foundation_sdk.builders import common, stat, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, DatasourceVariable, Row
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)

from deploy.dashboards.panels import GLANCE, ROWS, Panel, Query

TARGET = Path(__file__).with_name("sizewise.json")
DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
WIDTH = 24


def dashboard() -> str:
    """The dashboard as Grafana imports it, in stable JSON."""
    board = (
        Dashboard("Sizewise")
        .uid("sizewise")
        .description("What the gateway decided, what it cost and saved, and how fast it was.")
        .tags(["sizewise"])
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    ids = count(1)
    for panel in GLANCE:
        board.with_panel(_stat(panel).id(next(ids)).height(4).span(WIDTH // len(GLANCE)))
    for title, panels in ROWS:
        board.with_row(Row(title).id(next(ids)))
        for panel in panels:
            board.with_panel(_timeseries(panel).id(next(ids)).height(8).span(WIDTH // len(panels)))
    return json.dumps(board.build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _stat(panel: Panel) -> stat.Panel:
    built = (
        stat.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(DATASOURCE)
        .unit(panel.unit)
        .no_value("–")
        .graph_mode(BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    for number, query in enumerate(panel.queries):
        built.with_target(_target(number, query))
    return built


def _timeseries(panel: Panel) -> timeseries.Panel:
    built = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(DATASOURCE)
        .unit(panel.unit)
        .no_value("0")
        .draw_style(GraphDrawStyle.LINE)
        .show_points(VisibilityMode.NEVER)
        .fill_opacity(25 if panel.stacked else 5)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    if panel.stacked:
        built.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    for number, query in enumerate(panel.queries):
        built.with_target(_target(number, query))
    return built


def _target(number: int, query: Query) -> Dataquery:
    ref_id = chr(ord("A") + number)
    return Dataquery().ref_id(ref_id).datasource(DATASOURCE).expr(query.expr).legend_format(query.legend).range()


if __name__ == "__main__":
    TARGET.write_text(dashboard(), encoding="utf-8")
