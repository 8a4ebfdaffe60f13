"""Loads a directory of policy files, and keeps the last set that was without a problem and whose cases were met."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from gateway.domain.policy import PolicySet
from gateway.policyfile.case_runner import check_all
from gateway.policyfile.cases import cases_in
from gateway.policyfile.compilation import Compiled, compile_files
from gateway.policyfile.deployments import PriceBook
from gateway.policyfile.problems import Place, PolicyError, Problems
from gateway.policyfile.source import (
    SourceFile,
    Stamp,
    digest_of,
    read_case_files,
    read_directory,
    stamp_of,
)
from gateway.policyfile.trial import Trial

_READINGS = 5
_LONGEST_SHOWN = 1_000

_log = logging.getLogger(__name__)


def load_policies(directory: Path, prices: PriceBook, environment: Mapping[str, str]) -> PolicySet:
    """The compiled set alone; see `load_with_items`."""
    return load_with_items(directory, prices, environment).policies


def load_with_items(directory: Path, prices: PriceBook, environment: Mapping[str, str]) -> Compiled:
    """Read, check and compile the policy files of a directory; its cases are not looked at.

    prices       the price of a deployment whose file gives none
    environment  what `${NAME}` in api_base, api_key and provider_options stands for
    Raises PolicyError with every problem found.
    """
    problems = Problems()
    files = read_directory(directory, problems)
    return compile_files(files, prices, environment, problems, of=str(directory))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Files that were not put in force, since when (Unix time in seconds), and why.

    version  theirs; empty where none could be read, or where they are those in force and a case is not met
    """

    version: str
    since_s: float
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStatus:
    """How the policies stand.

    version         of the set in force
    since_s         since when it is, Unix time in seconds
    reloads_ok      changes of the files that were put in force
    reloads_failed  changes that were refused
    refused         the files' present state, where it was refused
    """

    version: str
    since_s: float
    reloads_ok: int = 0
    reloads_failed: int = 0
    refused: Refusal | None = None


class _Digests(NamedTuple):
    """Of the policy files, and of all that a reload depends on."""

    policies: str = ""
    everything: str = ""


class _Reading(NamedTuple):
    """The files at one moment, those of cases where they are to be run, and what was wrong with reading them."""

    policies: tuple[SourceFile, ...]
    cases: tuple[SourceFile, ...]
    problems: Problems
    digests: _Digests


class FilePolicySource:
    """Implements `ports.PolicySource` over a directory; what `current` gives out never changes under a request.

    May be reloaded from any thread; that takes as long as reading, compiling and running the cases.
    """

    def __init__(
        self,
        directory: Path,
        prices: PriceBook,
        environment: Mapping[str, str],
        trial: Trial | None = None,
        *,
        now: Callable[[], float] = time.time,
        after_load: Callable[[], None] = lambda: None,
    ) -> None:
        """Loads at once. Raises PolicyError.

        trial       runs the directory's cases; without one they are not looked at
        now         Unix time in seconds
        after_load  called after each compilation, to let go of what only that needs
        """
        self._directory = directory
        self._prices = prices
        self._environment = environment
        self._trial = trial
        self._now = now
        self._after_load = after_load
        self._reloading = Lock()
        self._in_force = _Digests()
        self._refused: tuple[_Digests, PolicyError] | None = None
        reading = self._read()
        self._current = self._compile(reading)
        self._check_cases(reading, self._current)
        self._in_force = reading.digests
        self._status = PolicyStatus(version=self._current.version, since_s=now())

    def current(self) -> PolicySet:
        return self._current

    def status(self) -> PolicyStatus:
        return self._status

    def stamp(self) -> Stamp:
        """Changes with the files, and costs less than reading them."""
        return stamp_of(self._directory)

    def reload(self) -> PolicySet:
        """Put the files' present state in force, in one step; where they did not change, that costs a reading.

        Raises PolicyError where they have problems or a case is not met, and then the old set stays.
        """
        with self._reloading:
            reading = self._read()
            if self._refused is not None and self._refused[0] == reading.digests:
                raise PolicyError(self._refused[1].problems)
            if self._refused is not None or self._in_force != reading.digests:
                try:
                    policies = self._accepted(reading)
                except PolicyError as error:
                    self._refuse(reading, error)
                    raise
                self._put_in_force(reading, policies)
            return self._current

    def try_reload(self) -> bool:
        """Reload; whether the files are in force now. Why they are not stands in the log and in `status`."""
        try:
            self.reload()
        except PolicyError:
            return False
        return True

    def _read(self) -> _Reading:
        """The files, all of one moment, as far as they can be read."""
        for _ in range(_READINGS):
            problems = Problems()
            policies: tuple[SourceFile, ...] = ()
            cases: tuple[SourceFile, ...] = ()
            before = self.stamp()
            with suppress(PolicyError):  # raised for too many problems, which `problems` holds
                policies = read_directory(self._directory, problems)
                cases = () if self._trial is None else read_case_files(self._directory, problems)
            if self.stamp() == before:
                break
        else:
            place = Place(str(self._directory))
            problems.add(place, "", "the files change while they are read", "write them elsewhere, then move them here")
        everything = (*policies, *cases, SourceFile("problems", "\n".join(map(str, problems))))
        return _Reading(policies, cases, problems, _Digests(digest_of(policies), digest_of(everything)))

    def _accepted(self, reading: _Reading) -> PolicySet:
        """The set of these files, its cases met. What is in force already is not compiled again. Raises PolicyError."""
        if self._in_force == reading.digests:
            return self._current
        if self._in_force.policies == reading.digests.policies:
            reading.problems.raise_if_any()
            policies = self._current
        else:
            policies = self._compile(reading)
        self._check_cases(reading, policies)
        return policies

    def _compile(self, reading: _Reading) -> PolicySet:
        try:
            compiled = compile_files(
                reading.policies, self._prices, self._environment, reading.problems, of=str(self._directory)
            )
        finally:
            self._after_load()
        return compiled.policies

    def _check_cases(self, reading: _Reading, policies: PolicySet) -> None:
        """Raises PolicyError where a case cannot be read or is not met, or the classifier cannot do what is asked."""
        if self._trial is not None:
            self._check_judged(policies)
            check_all(cases_in(reading.cases, policies), policies, self._trial)

    def _check_judged(self, policies: PolicySet) -> None:
        """Raises PolicyError where a route asks how likely an answer is right and the classifier cannot tell."""
        if self._trial is None or self._trial.judges_answers:
            return
        problems = Problems()
        for route in policies.routes.values():
            if route.check is not None and route.check.min_score is not None:
                problems.add(
                    Place(str(self._directory)),
                    f"route {route.name!r}, check",
                    "min_score needs a classifier that judges answers, and the one in use was not trained to",
                    "train one with 'sizewise classifier train --cascade', or leave min_score out",
                )
        problems.raise_if_any()

    def _put_in_force(self, reading: _Reading, policies: PolicySet) -> None:
        before, self._current = self._current, policies
        self._in_force, self._refused = reading.digests, None
        since_s = self._status.since_s if policies is before else self._now()
        self._status = PolicyStatus(
            version=policies.version,
            since_s=since_s,
            reloads_ok=self._status.reloads_ok + 1,
            reloads_failed=self._status.reloads_failed,
        )
        _log.info("policy version %s in force, was %s: %s", policies.version, before.version, changes(before, policies))

    def _refuse(self, reading: _Reading, error: PolicyError) -> None:
        self._refused = reading.digests, error
        problems = tuple(str(problem)[:_LONGEST_SHOWN] for problem in error.problems)
        now_s = self._now()
        digest = reading.digests.policies if reading.policies else ""
        version = "" if digest == self._in_force.policies else digest[:8]
        self._status = replace(
            self._status,
            reloads_failed=self._status.reloads_failed + 1,
            refused=Refusal(version=version, since_s=now_s, problems=problems),
        )
        what = f"version {version}" if version else f"files as of {datetime.fromtimestamp(now_s, UTC):%H:%M:%S} UTC"
        message = "policy %s refused, %s stays in force: %d problems"
        _log.error(message, what, self._current.version, len(problems), extra={"problems": problems})


def changes(before: PolicySet, after: PolicySet) -> str:
    """Which policies are not what they were, by name."""
    old = {policy.name: policy.version for policy in before.policies}
    new = {policy.name: policy.version for policy in after.policies}
    kinds = {
        "changed": [name for name in new if name in old and old[name] != new[name]],
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
    }
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in kinds.items() if names) or "no policy changed"
