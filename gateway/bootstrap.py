"""The composition root: settings → adapters → `Gateway` → the two applications. Every port can be given by keyword."""

import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from gateway import __version__
from gateway.api.access import Credentials, Person
from gateway.api.admin_plane import Records, build_admin_plane
from gateway.api.audit_pages import audit_pages
from gateway.api.data_plane import DataPlane, build_data_plane
from gateway.api.deployment_pages import deployment_pages
from gateway.api.dialects import parse_any
from gateway.api.feedback import FeedbackEndpoint, FeedbackStore
from gateway.api.holder_pages import holder_pages
from gateway.api.kept_texts import kept_text_routes
from gateway.api.key_pages import key_pages
from gateway.api.load import Load
from gateway.api.log_level_pages import log_level_pages
from gateway.api.policy_explain import policy_explain_routes
from gateway.api.policy_pages import policy_pages
from gateway.api.probes import Readiness
from gateway.api.unknown_keys import UnknownKeys
from gateway.api.usage_reports import usage_report_routes
from gateway.attempts import Attempts
from gateway.classifiers.guarded import GuardedClassifier
from gateway.classifiers.model_file import load_classifier
from gateway.counters.allowance_watch import AllowanceWatch
from gateway.counters.allowances_memory import MemoryAllowances
from gateway.counters.budget_floors import BudgetFloors
from gateway.counters.guesses import MemoryGuesses
from gateway.counters.health import MemoryHealthBoard
from gateway.counters.lanes import MemoryLanes
from gateway.counters.memory import MemorySessions
from gateway.counters.retries import MemoryRetryBudgets
from gateway.deadlines import Deadlines
from gateway.domain.intent import Intent
from gateway.domain.kept_text import Said
from gateway.domain.record import RequestRecord
from gateway.pipeline import Gateway
from gateway.policyfile.explainer import AdminExplainer, Explainer
from gateway.policyfile.loader import FilePolicySource
from gateway.policyfile.trial import Trial
from gateway.policyfile.watcher import PolicyWatcher
from gateway.ports import Admission, CallLimits, Classifier, Clock, HealthBoard, KeyStore, PolicySource, Sessions
from gateway.providers.directory import ProviderDirectory
from gateway.providers.price_map import PriceMap
from gateway.relay import Relay
from gateway.settings import Settings
from gateway.store.admin_engine import AdminEngine
from gateway.store.audit_log import AuditLog
from gateway.store.feedback_keeper import FeedbackKeeper
from gateway.store.housekeeper import Housekeeper
from gateway.store.key_registry import KeyRegistry
from gateway.store.key_source import open_key_source
from gateway.store.key_watch import KeyWatch
from gateway.store.ledger import Ledger, default_spool
from gateway.store.pepper import Peppers
from gateway.store.reader import RecordReader
from gateway.store.spending import open_spending
from gateway.store.spool.redactor import Redactor
from gateway.store.spool.spool import Spool
from gateway.store.static_keys import StaticKeys
from gateway.store.text_reader import TextReader
from gateway.store.usage_reader import UsageReader
from gateway.store.virtual_keys import VirtualKeys
from gateway.telemetry.logs import log_level, set_log_level
from gateway.telemetry.loop_watch import LoopWatch
from gateway.telemetry.metrics import MetricsRecorder

if TYPE_CHECKING:
    from gateway.counters.allowances_redis import RedisAllowances

FLUSH_S = 10.0
_PRICES_KEPT = 4_096


class SystemClock:
    """`Clock` of this machine."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.perf_counter)


class CountedRecorder:
    """`Recorder` that keeps what it is told, and counts it."""

    def __init__(self, spool: Spool, redactor: Redactor, metrics: MetricsRecorder) -> None:
        self._spool = spool
        self._metrics = metrics
        self._redactor = redactor

    @property
    def can_record(self) -> bool:
        return self._spool.can_record

    def begun(self, intent: Intent) -> Awaitable[bool] | None:
        self._metrics.begun()
        return self._spool.begun(intent)

    def record(self, record: RequestRecord) -> None:
        self._metrics.record(record)
        self._spool.record(record)

    def keep_text(self, said: Said) -> None:
        self._redactor.add(said)


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
        keys, key_watch = _keys(settings, clock)
    classifier = GuardedClassifier(classifier or load_classifier(settings.model))
    policies = policies or _policies(settings, os.environ if environment is None else environment, classifier)
    files = policies if isinstance(policies, FilePolicySource) else None
    database_url = settings.database_url.get_secret_value()
    admin_database_url = (settings.admin_database_url or settings.database_url).get_secret_value()
    ledger = Ledger.to_database(
        database_url,
        settings.spool or default_spool(database_url),
        durability=settings.durability,
        max_bytes=settings.spool_max_bytes,
        housekeeper=Housekeeper(admin_database_url, keep_days=settings.keep_days, every_s=settings.housekeeping_s),
    )
    metrics = MetricsRecorder(CollectorRegistry(), version=__version__)
    loop_watch = LoopWatch()
    metrics.watch_loop(loop_watch.take_worst_s, loop_watch.tasks)
    metrics.watch_ledger(ledger)
    if key_watch is not None:
        metrics.watch_keys(key_watch)
    if files is not None:
        metrics.watch_policies(files.status)
    providers = ProviderDirectory(now=clock.now)
    health = health or MemoryHealthBoard()
    board = health
    lanes = MemoryLanes()
    metrics.watch_fleet(lambda: board.fleet(clock.monotonic()).cooling)
    counting: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    floors = None
    if admission is None or limits is None:
        allowances, counting = _allowances(settings, clock, metrics)
        admission, limits = admission or allowances, limits or allowances
        if isinstance(keys, VirtualKeys):
            floors = BudgetFloors(keys.callers, open_spending(database_url).spent, allowances.raise_to, now=clock.now)
            metrics.watch_floors(floors)
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
    explainer = _explainer(policies, classifier, clock)
    admin_engine = AdminEngine(admin_database_url)
    acts = AuditLog(admin_engine, now=clock.now)
    registry = KeyRegistry(admin_engine, _peppers(settings), now=clock.now)
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
        admin_plane=build_admin_plane(
            records=records or RecordReader(database_url),
            readiness=readiness,
            expose=metrics.expose,
            credentials=_credentials(settings),
            refusals=acts,
            version=__version__,
            routers=(
                policy_pages(policies, files, acts),
                policy_explain_routes(explainer, explainer.check),
                usage_report_routes(UsageReader(admin_database_url), clock.now),
                kept_text_routes(TextReader(admin_database_url), clock.now),
                deployment_pages(policies, lambda: board.fleet(clock.monotonic()), lanes.calls),
                key_pages(registry, clock.now),
                holder_pages(registry),
                log_level_pages(log_level, set_log_level, acts),
                audit_pages(acts),
            ),
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


def _keys(settings: Settings, clock: Clock) -> tuple[VirtualKeys, KeyWatch]:
    """The keys of the settings and of the database, and what keeps the latter up to date."""
    given = _peppers(settings)
    peppers = given or Peppers.unknown()
    static = StaticKeys(key.get_secret_value() for key in settings.api_keys)
    keys = VirtualKeys(static, peppers, now=clock.now)
    source = open_key_source(settings.database_url.get_secret_value())
    versions = () if given is None else given.versions
    return keys, KeyWatch(source, keys, versions, now=clock.now, monotonic=clock.monotonic)


def _allowances(
    settings: Settings, clock: Clock, metrics: MetricsRecorder
) -> tuple["MemoryAllowances | RedisAllowances", Callable[[], AbstractAsyncContextManager[None]]]:
    """Limits and budgets, counted here or in Redis; and what to serve inside."""
    watch = AllowanceWatch()
    metrics.watch_allowances(watch)
    if settings.redis_url is None:
        return MemoryAllowances(clock, watch), nullcontext
    from gateway.counters.allowances_redis import RedisAllowances  # noqa: PLC0415 (an extra, and 10 MB)

    shared = RedisAllowances(
        settings.redis_url.get_secret_value(),
        clock,
        watch,
        called=metrics.redis_called,
        gateways=settings.gateways,
        limits_down=settings.on_redis_down,
        budgets_down=settings.budgets_on_redis_down,
    )
    metrics.watch_redis(lambda: shared.link.is_up)
    return shared, shared.running


def _peppers(settings: Settings) -> Peppers | None:
    return None if settings.key_pepper is None else Peppers.parse(settings.key_pepper.get_secret_value())


def _policies(settings: Settings, environment: Mapping[str, str], classifier: Classifier) -> FilePolicySource:
    prices = PriceMap()
    return FilePolicySource(
        settings.policies,
        lru_cache(_PRICES_KEPT)(prices),  # a reload asks for the same models again
        environment,
        Trial(parse_any, classifier),
        after_load=prices.forget,
    )


def _explainer(policies: PolicySource, classifier: Classifier, clock: Clock) -> AdminExplainer:
    prices = PriceMap()
    explainer = Explainer(Trial(parse_any, classifier), now=clock.now)
    return AdminExplainer(explainer, policies, lru_cache(_PRICES_KEPT)(prices), after_draft=prices.forget)


def _credentials(settings: Settings) -> Credentials:
    """Without any the plane listens on loopback only (the settings see to that) and asks for none."""
    people = [(Person(name=each.name, role=each.role), each.key.get_secret_value()) for each in settings.admin_keys]
    if settings.admin_key is not None:
        people.append((Person(name="admin", role="admin"), settings.admin_key.get_secret_value()))
    return Credentials(people)
