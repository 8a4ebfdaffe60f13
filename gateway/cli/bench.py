"""`sizewise bench`: the gateway beside its peers, measured in one run."""

import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from gateway.cli.benchmark.cores import available_cores
from gateway.cli.benchmark.errors import BenchmarkError, ToolMissingError
from gateway.cli.benchmark.machine import this_machine
from gateway.cli.benchmark.peers import LITELLM_VARIABLE, PEERS, PORTKEY_VARIABLE, find_peers
from gateway.cli.benchmark.probe import REQUESTS
from gateway.cli.benchmark.report import Measured, Report, as_json, as_markdown, as_text
from gateway.cli.benchmark.run import Plan, started
from gateway.cli.benchmark.scenarios import SCENARIO_NAMES
from gateway.cli.benchmark.targets import SIZEWISE, Installed, Missing, sizewise
from gateway.cli.benchmark.wrk import find_wrk, wrk_version
from gateway.domain.suggestion import did_you_mean

_PATH = click.Path(path_type=Path)


class Names(click.ParamType[tuple[str, ...], str]):
    """Names out of a list, comma-separated."""

    name = "names"

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        names = tuple(name for part in value.split(",") if (name := part.strip()))
        for name in names:
            if name not in self._known:
                known = ", ".join(self._known)
                self.fail(f"unknown name {name!r}{did_you_mean(name, self._known)}; there are {known}", param, ctx)
        if not names:
            self.fail(f"names nothing; there are {', '.join(self._known)}", param, ctx)
        return names


@click.command()
@click.option("--only", type=Names((SIZEWISE, *PEERS)), metavar="NAMES", help="Only these, and the upstream itself.")
@click.option("--scenarios", type=Names(SCENARIO_NAMES), metavar="NAMES", help=f"Of {', '.join(SCENARIO_NAMES)}.")
@click.option("--rounds", type=click.IntRange(1, 100), default=3, show_default=True, help="Targets take turns.")
@click.option("--seconds", type=click.IntRange(1, 600), default=3, show_default=True, help="Of each measurement.")
@click.option("--quick", is_flag=True, help="One round of one second: to see that it works, not to quote.")
@click.option("--litellm", envvar=LITELLM_VARIABLE, type=_PATH, help="Python of a venv that has litellm[proxy].")
@click.option("--portkey", envvar=PORTKEY_VARIABLE, type=_PATH, help="node_modules that has @portkey-ai/gateway.")
@click.option("--json", "as_json_document", is_flag=True, help="Print one JSON document with every round.")
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="Write tables here.")
def bench(
    *,
    only: tuple[str, ...] | None,
    scenarios: tuple[str, ...] | None,
    rounds: int,
    seconds: int,
    quick: bool,
    litellm: Path | None,
    portkey: Path | None,
    as_json_document: bool,
    markdown: Path | None,
) -> None:
    """Measure the gateway beside its peers, in one run.

    Each target runs alone on one core, with everything it has switched on; the load generator (wrk) and a scripted
    upstream run on another. Whoever does not answer as the upstream does is not measured.
    """
    if sys.platform != "linux":
        raise click.UsageError("bench reads CPU time and memory from /proc: run it on Linux, in a container if need be")
    found = [
        peer
        for peer in (Installed(SIZEWISE, sizewise), *find_peers(litellm=litellm, portkey=portkey))
        if only is None or peer.name in only
    ]
    try:
        wrk = find_wrk()
        plan = Plan(
            wrk=wrk,
            cores=available_cores(),
            rounds=1 if quick else rounds,
            seconds=1 if quick else seconds,
            scenarios=scenarios or SCENARIO_NAMES,
            probes=REQUESTS,
        )
        report = _report(plan, found)
    except ToolMissingError as exc:
        raise click.UsageError(str(exc)) from exc
    except BenchmarkError as exc:
        raise click.ClickException(str(exc)) from exc
    if markdown is not None:
        markdown.write_text(as_markdown(report), encoding="utf-8")
    click.echo(as_json(report) if as_json_document else as_text(report))


def _report(plan: Plan, found: Sequence[Installed | Missing]) -> Report:
    machine = this_machine()
    installed = [each for each in found if isinstance(each, Installed)]
    with (
        _term_is_an_exit(),
        tempfile.TemporaryDirectory(prefix="sizewise-bench-") as folder,
        started(plan, installed, Path(folder), _say) as run,
    ):
        results = run.results()
        targets = [Measured(each.name, each.version, each.rebuilt) for each in run.targets]
    return Report(
        machine=machine,
        cores=plan.cores,
        rounds=plan.rounds,
        seconds=plan.seconds,
        wrk=wrk_version(plan.wrk),
        targets=targets,
        missing=[each for each in found if isinstance(each, Missing)],
        results=results,
    )


def _say(line: str) -> None:
    click.echo(line, err=True)


@contextmanager
def _term_is_an_exit() -> Iterator[None]:
    """Unwind on SIGTERM as on Ctrl-C, so that no process of ours is left behind."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
