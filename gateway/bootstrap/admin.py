"""The admin plane: its people, and what each of its pages reads and changes."""

from functools import lru_cache

from fastapi import FastAPI

from gateway import __version__
from gateway.api.access import Credentials, Person
from gateway.api.admin_plane import Records, build_admin_plane
from gateway.api.audit_pages import audit_pages
from gateway.api.deployment_pages import deployment_pages
from gateway.api.dialects import parse_any
from gateway.api.holder_pages import holder_pages
from gateway.api.kept_texts import kept_text_routes
from gateway.api.key_pages import key_pages
from gateway.api.log_level_pages import log_level_pages
from gateway.api.policy_explain import policy_explain_routes
from gateway.api.policy_pages import policy_pages
from gateway.api.probes import Expose, Readiness
from gateway.api.usage_reports import usage_report_routes
from gateway.bootstrap.sources import PRICES_KEPT, peppers_of
from gateway.counters.lanes import MemoryLanes
from gateway.policyfile.explainer import AdminExplainer, Explainer
from gateway.policyfile.loader import FilePolicySource
from gateway.policyfile.trial import Trial
from gateway.ports import Classifier, Clock, HealthBoard, PolicySource
from gateway.providers.price_map import PriceMap
from gateway.settings import Settings
from gateway.store.admin_engine import AdminEngine
from gateway.store.audit_log import AuditLog
from gateway.store.key_registry import KeyRegistry
from gateway.store.reader import RecordReader
from gateway.store.text_reader import TextReader
from gateway.store.usage_reader import UsageReader
from gateway.telemetry.logs import log_level, set_log_level


def open_admin_plane(
    settings: Settings,
    *,
    policies: PolicySource,
    classifier: Classifier,
    health: HealthBoard,
    lanes: MemoryLanes,
    clock: Clock,
    readiness: Readiness,
    expose: Expose,
    records: Records | None = None,
) -> FastAPI:
    """Connects to nothing before its first page is asked for. `records`: those of the database by default."""
    database_url = admin_database_url(settings)
    explainer = _explainer(policies, classifier, clock)
    files = policies if isinstance(policies, FilePolicySource) else None
    engine = AdminEngine(database_url)
    acts = AuditLog(engine, now=clock.now)
    registry = KeyRegistry(engine, peppers_of(settings), now=clock.now)
    return build_admin_plane(
        records=records or RecordReader(database_url),
        readiness=readiness,
        expose=expose,
        credentials=credentials_of(settings),
        refusals=acts,
        version=__version__,
        routers=(
            policy_pages(policies, files, acts),
            policy_explain_routes(explainer, explainer.check),
            usage_report_routes(UsageReader(database_url), clock.now),
            kept_text_routes(TextReader(database_url), clock.now),
            deployment_pages(policies, lambda: health.fleet(clock.monotonic()), lanes.calls),
            key_pages(registry, clock.now),
            holder_pages(registry),
            log_level_pages(log_level, set_log_level, acts),
            audit_pages(acts),
        ),
    )


def admin_database_url(settings: Settings) -> str:
    """The database as the admin plane and housekeeping reach it: they may need more of it than serving does."""
    return (settings.admin_database_url or settings.database_url).get_secret_value()


def credentials_of(settings: Settings) -> Credentials:
    """Without any the plane listens on loopback only (the settings see to that) and asks for none."""
    people = [(Person(name=each.name, role=each.role), each.key.get_secret_value()) for each in settings.admin_keys]
    if settings.admin_key is not None:
        people.append((Person(name="admin", role="admin"), settings.admin_key.get_secret_value()))
    return Credentials(people)


def _explainer(policies: PolicySource, classifier: Classifier, clock: Clock) -> AdminExplainer:
    prices = PriceMap()
    explainer = Explainer(Trial(parse_any, classifier), now=clock.now)
    return AdminExplainer(explainer, policies, lru_cache(PRICES_KEPT)(prices), after_draft=prices.forget)
