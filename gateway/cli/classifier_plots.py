"""Figures of an evaluation: the PGR curve and the reliability diagram."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gateway.classifiers.evaluation import Evaluation, Evidence
from gateway.classifiers.ranking import pgr_curve

_INCHES = (6.0, 5.0)
_DPI = 120


def draw(directory: Path, path: str, evidence: Evidence, found: Evaluation) -> Iterator[Path]:
    """Write `<file>-pgr.png`, where the large model is the better one, and `<file>-reliability.png`."""
    directory.mkdir(parents=True, exist_ok=True)
    name = Path(path).name.removesuffix(".gz").removesuffix(".jsonl")
    if found.apgr is not None:
        yield _saved(_pgr(evidence, found, name), directory / f"{name}-pgr.png")
    yield _saved(_reliability(found, name), directory / f"{name}-reliability.png")


def _pgr(evidence: Evidence, found: Evaluation, name: str) -> Figure:
    figure, axes = _axes(name, "share of calls to the large model", "performance gap recovered (PGR)")
    shares = np.linspace(0.0, 1.0, found.n + 1)
    for label, scores in (("oracle", evidence.gains), ("length only", evidence.lengths), ("model", evidence.scores)):
        curve = pgr_curve(evidence.gains, scores)
        if curve is not None:
            axes.plot(shares, curve, label=f"model, APGR {found.apgr:.3f}" if label == "model" else label)
    axes.plot([0, 1], [0, 1], linestyle="--", color="grey", label="random")
    axes.legend()
    return figure


def _reliability(found: Evaluation, name: str) -> Figure:
    figure, axes = _axes(name, "small_ok, mean of the bin", "small model right, share of the bin")
    axes.plot([0, 1], [0, 1], linestyle="--", color="grey", label="perfect")
    axes.plot(
        [each.mean_probability for each in found.reliability],
        [each.observed for each in found.reliability],
        marker="o",
        label=f"model, calibration error {found.calibration_error:.3f}",
    )
    axes.legend()
    return figure


def _axes(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y, xlim=(0, 1))
    return figure, axes


def _saved(figure: Figure, file: Path) -> Path:
    figure.savefig(file)
    return file
