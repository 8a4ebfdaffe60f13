"""`sizewise classifier train`: a model from labelled rows."""

import hashlib
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

import click
import msgspec
from msgspec.structs import replace

from gateway.classifiers.features import FeatureExtractor
from gateway.classifiers.lexicon import load_lexicon
from gateway.classifiers.model_file import model_bytes, parse_model
from gateway.cli.classifier_data import data_option, labelled_files
from gateway.cli.extras import needs_extra
from gateway.cli.progress import progress_bar

if TYPE_CHECKING:
    from gateway.classifiers.trainer import Report
    from gateway.classifiers.training import Found

_HASH_CHARS = 12
_LONGEST_LABEL = 100


def _label(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """A text that records and headers can hold. Raises click's error."""
    if value is not None and (not value.strip() or not value.isprintable() or len(value) > _LONGEST_LABEL):
        raise click.BadParameter(
            f"{value!r} is no name: use 1 to {_LONGEST_LABEL} printable characters", context, option
        )
    return value


def _finite(context: click.Context, option: click.Parameter, value: float) -> float:
    if math.isnan(value):
        raise click.BadParameter("nan is no number", context, option)
    return value


@click.command()
@data_option
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="MODEL",
    help="The file to write; one that is there is replaced.",
)
@click.option("--cascade", is_flag=True, help="Learn to judge the small model's answers too ('small_answer').")
@click.option("--name", callback=_label, help="What records call the model.  [the name of --out]")
@click.option("--model-version", callback=_label, default="1", show_default=True, help="Told beside its name.")
@click.option(
    "--evidence-min",
    type=click.FloatRange(0, 50),
    callback=_finite,
    default=0.0,
    help="Log-odds that must speak for the small model before a verdict counts; 0: knowing the words is enough.",
)
@click.option("--instruction-only", is_flag=True, help="Learn nothing from quoted and pasted text.")
@click.option("--no-amounts", is_flag=True, help="Learn nothing from sizes, numbers and punctuation.")
@click.option("--no-history", is_flag=True, help="The labels are guesses: explanations must not tell them as outcomes.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the sample of very many rows.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def train(
    *,
    data: tuple[Path, ...],
    more: tuple[Path, ...],
    out: Path,
    cascade: bool,
    name: str | None,
    model_version: str,
    evidence_min: float,
    instruction_only: bool,
    no_amounts: bool,
    no_history: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Train a model on rows that say whose answer was right.

    The same rows give the same file. Figures are of rows left out, but of the best of several settings: keep other rows
    aside for 'evaluate' and 'calibrate'.
    """
    place = _place_of(out, [*data, *more])  # first: the long work must not be for nothing
    with needs_extra("train", "scipy", "sklearn", "threadpoolctl"):
        from gateway.classifiers import trainer  # noqa: PLC0415 (seconds to load)
        from gateway.classifiers.training import ROWS_MAX, Choices, TrainingError  # noqa: PLC0415
    files = labelled_files(data, more)
    choices = Choices()
    if instruction_only:
        choices = replace(choices, reads=(("instruction",),))
    if no_amounts:
        choices = replace(choices, amounts=(0.0,))
    wanted = trainer.Wanted(
        name=name or out.stem,
        version=model_version,
        source=_source([*data, *more]),
        evidence_min=evidence_min,
        choices=choices,
        cascade=cascade,
        with_history=not no_history,
        seed=seed,
    )
    try:
        with progress_bar(min(len(files.rows), ROWS_MAX), "Reading rows") as done:
            model, report = trainer.train(files.rows, FeatureExtractor(load_lexicon()), wanted, say=_say, done=done)
    except TrainingError as error:
        raise click.ClickException(str(error)) from error
    content = model_bytes(model)
    label = parse_model(content, str(out)).label
    _write(place, content)
    document = {"out": str(out), "model": label, "bytes": len(content), **msgspec.to_builtins(report)}
    click.echo(msgspec.json.encode(document).decode() if as_json else "\n".join(_lines(out, label, content, report)))


def _say(progress: str) -> None:
    click.echo(progress, err=True)


def _place_of(out: Path, data: Sequence[Path]) -> Path:
    """Where the model goes, any links followed. Raises a click error where it cannot be written."""
    place = Path(os.path.realpath(out))
    if any(os.path.realpath(path) == str(place) for path in data):
        raise click.UsageError(f"{out}: is one of the files with the data; name another one for the model")
    if place.exists() and not place.is_file():
        raise click.ClickException(f"{out}: not a file; name one for the model")
    if not place.parent.is_dir():
        raise click.ClickException(f"{out}: there is no directory {str(out.parent)!r}; make it, or name another file")
    try:
        with tempfile.TemporaryFile(dir=place.parent):
            return place
    except OSError as error:
        raise _unwritable(out, error) from error


def _write(place: Path, content: bytes) -> None:
    """All of it or nothing: who reads the file meanwhile finds the old model or the new one."""
    unfinished = place.with_name(f".{place.name}.{token_hex(4)}")
    try:
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if place.exists():
            shutil.copymode(place, unfinished)
        unfinished.replace(place)
    except OSError as error:
        raise _unwritable(place, error) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _unwritable(file: Path, error: OSError) -> click.ClickException:
    return click.ClickException(f"{file}: cannot be written: {error.strerror}; name a file you may write")


def _source(paths: Sequence[Path]) -> str:
    """The files by name and content, so that a model says what it was trained on wherever they lie."""
    seen: dict[str, Path] = {}
    parts = []
    for path in paths:
        if not path.is_file():
            parts.append(f"{path.name} (a stream, not kept)")
            continue
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest in seen:
            raise click.UsageError(f"{path}: holds what {seen[digest]} does; each row may be learned from once")
        seen[digest] = path
        parts.append(f"{path.name} (SHA-256 {digest[:_HASH_CHARS]})")
    return ", ".join(parts)


def _lines(out: Path, label: str, content: bytes, report: "Report") -> Iterator[str]:
    sampled = "" if report.rows == report.rows_given else f", sampled from {report.rows_given:,}"
    yield f"{out}: {label}, {len(content) / 1_000:,.0f} kB, from {report.rows:,} rows{sampled}"
    yield f"  requests: {_found(report.ask)}"
    if report.answer is not None:
        yield f"  with the small model's answer: {_found(report.answer)}"
    if report.tasks_macro_f1 is not None:
        yield f"  tasks: {len(report.tasks)}, macro-F1 {report.tasks_macro_f1:.3f}"
    else:
        yield "  tasks: told as the shipped model does; no row names a 'task'"
    yield "  Measured on rows left out of each fit, for the best of several settings; next, on rows kept aside:"
    yield f"  sizewise classifier evaluate --model {out} --data OTHER-ROWS"


def _found(found: "Found") -> str:
    by_category = "" if found.apgr_categories is None else f" (categories left out: {found.apgr_categories:.3f})"
    return f"APGR {found.apgr:.3f}{by_category}, calibration error {found.calibration_error:.3f}"
