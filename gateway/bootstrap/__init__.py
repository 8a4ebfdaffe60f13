"""The composition root: settings → adapters → `Gateway` → the two applications. Every port can be given by keyword."""

import os
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from gateway import __version__
from gateway.api.admin_plane import Records
from gateway.api.data_plane import DataPlane, build_data_plane
from gateway.api.feedback import FeedbackEndpoint, FeedbackStore
from gateway.api.load import Load
from gateway.api.probes import Readiness
from gateway.api.unknown_keys import UnknownKeys
from gateway.attempts import Attempts
from gateway.bootstrap.admin import admin_database_url, open_admin_plane
from gateway.bootstrap.recording import CountedRecorder, SystemClock
from gateway.bootstrap.sources import open_allowances, open_keys, open_policies
from gateway.classifiers.guarded import GuardedClassifier
from gateway.classifiers.model_file import load_classifier
from gateway.counters.budget_floors import BudgetFloors
from gateway.counters.guesses import MemoryGuesses
from gateway.counters.health import MemoryHealthBoard
from gateway.counters.lanes import MemoryLanes
from gateway.counters.memory import MemorySessions
from gateway.counters.retries import MemoryRetryBudgets
from gateway.deadlines import Deadlines
from gateway.pipeline import Gateway
from gateway.policyfile.loader import FilePolicySource
from gateway.policyfile.watcher import PolicyWatcher
from gateway.ports import Admission, CallLimits, Classifier, Clock, HealthBoard, KeyStore, PolicySource, Sessions
from gateway.providers.directory import ProviderDirectory
from gateway.relay import Relay
from gateway.settings import Settings
from gateway.store.feedback_keeper import FeedbackKeeper
from gateway.store.housekeeper import Housekeeper
from gateway.store.key_watch import KeyWatch
from gateway.store.ledger import Ledger, default_spool
from gateway.store.spending import open_spending
from gateway.store.virtual_keys import VirtualKeys
from gateway.telemetry.families import (
    fleet_families,
    floor_families,
    key_families,
    ledger_families,
    loop_families,
    policy_families,
)
from gateway.telemetry.loop_watch import LoopWatch
from gateway.telemetry.metrics import MetricsRecorder

FLUSH_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """A wired gateway. `start` before the first request, `aclose` after the last; serve inside `watching`.

    watcher    None where the policies come from no files
    key_watch  None where the keys come from no database
    rejected   counts a request that reaches neither plane, by the code of its error
    counting   while its block runs, what gateways count together is told to the others
    floors     keeps budgets at what the records say was spent; None where no key is kept, or somebody else counts
    """

    data_plane: DataPlane
    admin_plane: FastAPI
    readiness: Readiness
    policies: PolicySource
    watcher: PolicyWatcher | None
    key_watch: KeyWatch | None
    ledger: Ledger
    providers: ProviderDirectory
    loop_watch: LoopWatch
    rejected: Callable[[str], None]
    counting: Callable[[], AbstractAsyncContextManager[None]]
    floors: BudgetFloors | None = None

    def start(self) -> None:
        """Raises PepperError, SpoolFolderError."""
        if self.key_watch is not None:
            self.key_watch.start()
        self.ledger.start()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Put changes of the policy files in force, count, and watch the event loop, while the block runs."""
        reloading = nullcontext() if self.watcher is None else self.watcher.running()
        flooring = nullcontext() if self.floors is None else self.floors.running()
        async with self.loop_watch.running(), reloading, self.counting(), flooring:
            yield

    async def aclose(self) -> bool:
        """Close upstream connections and write what is waiting; returns whether the database has all of it."""
        await self.providers.aclose()
        if self.key_watch is not None:
            self.key_watch.close()
        return self.ledger.close(FLUSH_S)


def assemble(
    settings: Settings,
    *,
    environment: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    keys: KeyStore | None = None,
    policies: PolicySource | None = None,
    admission: Admission | None = None,
    limits: CallLimits | None = None,
    sessions: Sessions | None = None,
    classifier: Classifier | None = None,
    health: HealthBoard | None = None,
    records: Records | None = None,
    feedback: FeedbackStore | None = None,
) -> Assembly:
    """Wire everything. Raises PolicyError where the policy files have problems, DatabaseUrlError for a bad URL,
    ModelFileError for a model file that cannot be used, PepperError for a pepper of no form we know.

    environment  what `${NAME}` in policy files stands for; the process's own by default
    """
    clock = clock or SystemClock()
    key_watch = None
    if keys is None:
        keys, key_watch = open_keys(settings, clock)
    classifier = GuardedClassifier(classifier or load_classifier(settings.model))
    policies = policies or open_policies(settings, os.environ if environment is None else environment, classifier)
    files = policies if isinstance(policies, FilePolicySource) else None
    database_url = settings.database_url.get_secret_value()
    ledger = Ledger.to_database(
        database_url,
        settings.spool or default_spool(database_url),
        durability=settings.durability,
        policies=policies.current,
        max_bytes=settings.spool_max_bytes,
        housekeeper=Housekeeper(
            admin_database_url(settings), keep_days=settings.keep_days, every_s=settings.housekeeping_s
        ),
    )
    metrics = MetricsRecorder(CollectorRegistry(), version=__version__)
    loop_watch = LoopWatch()
    metrics.watch(loop_families(loop_watch.take_worst_s, loop_watch.tasks))
    metrics.watch(ledger_families(ledger))
    if key_watch is not None:
        metrics.watch(key_families(key_watch))
    if files is not None:
        metrics.watch(policy_families(files.status))
    providers = ProviderDirectory(now=clock.now)
    health = health or MemoryHealthBoard()
    board = health
    lanes = MemoryLanes()
    metrics.watch(fleet_families(lambda: board.fleet(clock.monotonic()).cooling))
    counting: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    floors = None
    if admission is None or limits is None:
        allowances, counting = open_allowances(settings, clock, metrics)
        admission, limits = admission or allowances, limits or allowances
        if isinstance(keys, VirtualKeys):
            floors = BudgetFloors(keys.callers, open_spending(database_url).spent, allowances.raise_to, now=clock.now)
            metrics.watch(floor_families(floors))
    gateway = Gateway(
        keys=keys,
        policies=policies,
        admission=admission,
        sessions=sessions or MemorySessions(),
        classifier=classifier,
        health=health,
        attempts=Attempts(
            relay=Relay(
                provider_of=providers.get,
                health=health,
                clock=clock,
                deadlines=Deadlines(),
                classifier=classifier,
            ),
            health=health,
            lanes=lanes,
            limits=limits,
            budgets=MemoryRetryBudgets(),
            clock=clock,
            draw=random.random,
        ),
        recorder=CountedRecorder(ledger.spool, ledger.redactor, metrics),
        clock=clock,
    )
    readiness, unknown_keys = Readiness(), UnknownKeys(MemoryGuesses(), clock.monotonic)
    return Assembly(
        data_plane=build_data_plane(
            gateway,
            keys=keys,
            unknown_keys=unknown_keys,
            policies=policies,
            feedback=FeedbackEndpoint(
                keys,
                feedback or FeedbackKeeper(database_url),
                unknown_keys=unknown_keys,
                now=clock.now,
                behind_s=lambda: ledger.behind_s,
                rejected=metrics.rejected,
            ),
            readiness=readiness,
            expose=metrics.expose,
            rejected=metrics.rejected,
            retried=metrics.retried,
            max_body_bytes=settings.max_body_bytes,
            keep_alive_s=settings.stream_keep_alive_s,
            load=Load(max_requests=settings.max_inflight, max_body_bytes=settings.max_inflight_bytes),
            created=int(clock.now()),
            version=__version__,
        ),
        admin_plane=open_admin_plane(
            settings,
            policies=policies,
            classifier=classifier,
            health=health,
            lanes=lanes,
            clock=clock,
            readiness=readiness,
            expose=metrics.expose,
            records=records,
        ),
        readiness=readiness,
        policies=policies,
        key_watch=key_watch,
        watcher=None if files is None else PolicyWatcher(files, poll_s=settings.policy_poll_s),
        ledger=ledger,
        providers=providers,
        loop_watch=loop_watch,
        rejected=metrics.rejected,
        counting=counting,
        floors=floors,
    )
