"""A run: start everything, then scenario by scenario, round by round, one target after the other."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.cli.benchmark.accounting import settled_usage
from gateway.cli.benchmark.answers import require_equal
from gateway.cli.benchmark.cores import Cores
from gateway.cli.benchmark.errors import BenchmarkError
from gateway.cli.benchmark.probe import FirstToken, probe
from gateway.cli.benchmark.processes import paused
from gateway.cli.benchmark.scenarios import CHUNKS_PER_ANSWER, PROBE, PROBE_QUESTION, SCENARIOS, Question, Scenario
from gateway.cli.benchmark.summary import Round, Row, summarised
from gateway.cli.benchmark.targets import PACKAGE_ROOT, WARM_UP, Installed, Place, Target, direct
from gateway.cli.benchmark.upstream import Upstream, running_upstream
from gateway.cli.benchmark.wire import WireError, ask_once
from gateway.cli.benchmark.wrk import Load, put_load

_WARM_UP_CONNECTIONS: Final = 8
_MANY_PER_CONNECTION: Final = 20
_MEGABYTE: Final = 1 << 20

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """seconds: of each measurement; scenarios: by name; probes: requests of one probe for the first token."""

    wrk: str
    cores: Cores
    rounds: int
    seconds: int
    scenarios: Sequence[str]
    probes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """`rounds`: by target, one entry a round, in order."""

    name: str
    title: str
    connections: int
    stream: bool
    rows: tuple[Row, ...]
    rounds: Mapping[str, tuple[Round, ...]]


class Bench:
    """Targets that run, in the order in which they are measured; the direct one first."""

    def __init__(self, plan: Plan, targets: Sequence[Target], upstream: Upstream, folder: Path, say: Say) -> None:
        self._plan = plan
        self.targets = targets
        self._upstream = upstream
        self._folder = folder
        self._say = say

    def results(self) -> list[ScenarioResult]:
        """Raises BenchmarkError where a target must not be measured."""
        self._warm_up()
        found = [
            self._rounds(scenario.name, scenario.title, scenario.connections, scenario.question, self._loaded(scenario))
            for scenario in SCENARIOS
            if scenario.name in self._plan.scenarios
        ]
        if PROBE in self._plan.scenarios:
            found.append(self._rounds(PROBE, "time to the first token", 1, PROBE_QUESTION, self._probed))
        return found

    def _warm_up(self) -> None:
        for target in self.targets:
            self._say(f"warming up {target.name}")
            with self._alone(target):
                self._require_equal(target, WARM_UP)
                self._put_load(target, WARM_UP, _WARM_UP_CONNECTIONS, 1)

    def _rounds(
        self,
        name: str,
        title: str,
        connections: int,
        question: Question,
        measure: Callable[[Target, Round | None], Round],
    ) -> ScenarioResult:
        rounds: dict[str, list[Round]] = {target.name: [] for target in self.targets}
        for number in range(self._plan.rounds):
            base: Round | None = None
            for target in self.targets:
                self._say(f"{name}: round {number + 1} of {self._plan.rounds}, {target.name}")
                with self._alone(target):
                    self._require_equal(target, question)
                    measured = measure(target, base)
                base = base or measured
                rounds[target.name].append(measured)
        return ScenarioResult(
            name=name,
            title=title,
            connections=connections,
            stream=question.stream,
            rows=tuple(summarised(target, each) for target, each in rounds.items()),
            rounds={target: tuple(each) for target, each in rounds.items()},
        )

    def _loaded(self, scenario: Scenario) -> Callable[[Target, Round | None], Round]:
        """A measurement under load, of a scenario."""

        def measure(target: Target, base: Round | None) -> Round:
            seconds = max(self._plan.seconds, scenario.at_least_s)
            self._upstream.forget_calls()
            before = settled_usage(lambda: target.process.usage)
            load = self._put_load(target, scenario.question, scenario.connections, seconds)
            after = settled_usage(lambda: target.process.usage)
            calls = self._calls_behind(target, load)
            answers = self._streams(target, scenario, load) if scenario.question.stream else None
            cpu_us = (after.cpu_s - before.cpu_s) * 1e6 / (answers or calls)
            per_s = (answers or load.requests) / load.duration_s
            return Round(
                requests_per_s=per_s,
                chunks_per_s=None if answers is None else per_s * CHUNKS_PER_ANSWER,
                p50_ms=load.p50_ms,
                p99_ms=load.p99_ms,
                added_p50_ms=None if base is None else load.p50_ms - base.p50_ms,
                added_p99_ms=None if base is None else load.p99_ms - base.p99_ms,
                cpu_us=cpu_us,
                cpu_us_per_chunk=None if answers is None else cpu_us / CHUNKS_PER_ANSWER,
                rss_mb=after.rss_bytes / _MEGABYTE,
            )

        return measure

    def _put_load(self, target: Target, question: Question, connections: int, seconds: int) -> Load:
        try:
            return put_load(
                self._plan.wrk,
                target.request(question),
                connections=connections,
                seconds=seconds,
                folder=self._folder,
                core=self._plan.cores.load,
            )
        except BenchmarkError as exc:
            raise BenchmarkError(f"{target.name!r} at {connections} connections: {exc}") from exc

    def _calls_behind(self, target: Target, load: Load) -> int:
        """The upstream's calls: what the target has worked for, those included that came after the time was up.

        Raises BenchmarkError where there were more answers than calls.
        """
        calls = self._upstream.calls()
        if calls < load.requests:
            raise BenchmarkError(
                f"{target.name!r} gave {load.requests} answers to {calls} of the upstream: turn its cache off"
            )
        return calls

    def _streams(self, target: Target, scenario: Scenario, load: Load) -> float:
        """How many streams were relayed. Where many were under way as the time was up, the bytes tell."""
        if load.requests >= _MANY_PER_CONNECTION * scenario.connections:
            return load.requests
        return load.size_bytes / ask_once(target.request(scenario.question)).size_bytes

    def _probed(self, target: Target, base: Round | None) -> Round:
        request = target.request(PROBE_QUESTION)
        try:
            token = probe(target.name, request, requests=self._plan.probes, core=self._plan.cores.load)
        except (WireError, OSError) as exc:
            raise BenchmarkError(f"{target.name!r} broke off while probed: {exc}") from exc
        return _first_token_round(token, base)

    def _require_equal(self, target: Target, question: Question) -> None:
        upstream = direct(self._upstream)
        try:
            answer, expected = ask_once(target.request(question)), ask_once(upstream.request(question))
        except (WireError, OSError) as exc:
            raise BenchmarkError(f"{target.name!r} gave no whole answer: {exc}") from exc
        require_equal(target.name, answer, expected, rebuilt=target.rebuilt, stream=question.stream)

    @contextmanager
    def _alone(self, target: Target) -> Iterator[None]:
        """Pause the other targets; never the upstream, which is the direct target's own process."""
        busy = (target.process, self._upstream.process)
        with paused([other.process for other in self.targets if other.process not in busy]):
            yield


@contextmanager
def started(plan: Plan, installed: Sequence[Installed], folder: Path, say: Say) -> Iterator[Bench]:
    """Start the upstream and the targets; end them all on the way out. Raises BenchmarkError."""
    environment = bare_environment(os.environ, folder)
    with ExitStack() as stack:
        upstream = stack.enter_context(
            running_upstream(folder, package_root=PACKAGE_ROOT, environment=environment, core=plan.cores.load)
        )
        targets = [direct(upstream)]
        for each in installed:
            say(f"starting {each.name}")
            own = folder / each.name
            own.mkdir()
            place = Place(folder=own, core=plan.cores.target, upstream=upstream, environment=environment)
            target = stack.enter_context(each.start(place))
            target.process.wait_until(target.answers)
            targets.append(target)
        yield Bench(plan, targets, upstream, folder, say)


def bare_environment(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """No proxies, credentials or settings of the person who runs the benchmark."""
    return {"PATH": environment.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": str(home)}


def _first_token_round(token: FirstToken, base: Round | None) -> Round:
    return Round(
        p50_ms=token.p50_ms,
        p99_ms=token.p99_ms,
        added_p50_ms=None if base is None else token.p50_ms - base.p50_ms,
        added_p99_ms=None if base is None else token.p99_ms - base.p99_ms,
    )
