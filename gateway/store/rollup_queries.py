"""What is summed over the records of an hour."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, Subquery, and_, case, cast, func, or_, select

from gateway.store.feedback_tables import FEEDBACK
from gateway.store.partitions import id_range
from gateway.store.rollup_tables import ATTEMPTS_HOURLY, USAGE_HOURLY
from gateway.store.tables import ATTEMPTS, REQUESTS

_HOUR = timedelta(hours=1)
_TOKENS = ("input_tokens", "output_tokens", "cached_input_tokens")


def usage_of_hour(hour: datetime) -> Select[Any]:
    """The rows of `usage_hourly` for the requests received in that hour, without the hour."""
    columns, tried, last = REQUESTS.c, _tries(hour), _last_words(hour)
    is_compared = and_(columns.cost_nano_usd.is_not(None), columns.baseline_cost_nano_usd.is_not(None))
    saving = columns.baseline_cost_nano_usd - columns.cost_nano_usd
    names = [
        func.coalesce(columns[name], "").label(name)
        for name in ("team", "app", "key_id", "policy", "alias", "rule", "tier", "deployment", "outcome")
    ]
    sums = {
        "requests": func.count(),
        "unpriced": _count(columns.unpriced.is_not(None)),
        "estimated": _count(columns.usage_estimated),
        **{name: _sum(columns[name]) for name in (*_TOKENS, "cost_nano_usd", "energy_uwh")},
        "compared": _count(is_compared),
        "compared_cost_nano_usd": _sum(case((is_compared, columns.cost_nano_usd))),
        "baseline_cost_nano_usd": _sum(case((is_compared, columns.baseline_cost_nano_usd))),
        "saving_low_nano_usd": _sum(case((is_compared, func.coalesce(columns.saving_low_nano_usd, saving)))),
        "saving_high_nano_usd": _sum(case((is_compared, func.coalesce(columns.saving_high_nano_usd, saving)))),
        "checks_passed": _sum(tried.c.checks_passed),
        "checks_failed": _sum(tried.c.checks_failed),
        "escalated": _count(_is_escalated(tried)),
        "fell_back": _count(_has_fallen_back(tried)),
        "feedback_good": _count(FEEDBACK.c.label == "good"),
        "feedback_bad": _count(FEEDBACK.c.label == "bad"),
        "total_ms": func.sum(columns.total_ms),
        "overhead_ms": func.sum(columns.overhead_ms),
    }
    return (
        select(*names, *_in_order(sums, USAGE_HOURLY.c.keys()))
        .select_from(
            REQUESTS.outerjoin(tried, tried.c.request_id == columns.id)
            .outerjoin(last, last.c.request_id == columns.id)
            .outerjoin(FEEDBACK, FEEDBACK.c.id == last.c.id)
        )
        .where(_received_in(hour), _id_fits(columns.id, hour))
        .group_by(*names)
    )


def attempts_of_hour(hour: datetime) -> Select[Any]:
    """The rows of `attempts_hourly` for the calls of the requests received in that hour, without the hour."""
    request, attempt = REQUESTS.c, ATTEMPTS.c
    names = [
        *(request[name].label(name) for name in ("team", "app", "key_id", "policy")),
        *(attempt[name].label(name) for name in ("deployment", "model", "tier")),
        func.coalesce(attempt.origin, "").label("origin"),
        attempt.outcome.label("outcome"),
        func.coalesce(attempt.error_code, "").label("error_code"),
    ]
    sums = {
        "attempts": func.count(),
        "unpriced": _count(attempt.unpriced.is_not(None)),
        "estimated": _count(attempt.usage_estimated),
        **{name: _sum(attempt[name]) for name in (*_TOKENS, "cost_nano_usd", "energy_uwh")},
        "checks_passed": _count(_passed()),
        "checks_failed": _count(_failed()),
        "upstream_ms": func.sum(attempt.ended_ms - attempt.started_ms),
    }
    return (
        select(*names, *_in_order(sums, ATTEMPTS_HOURLY.c.keys()))
        .select_from(REQUESTS.join(ATTEMPTS, attempt.request_id == request.id))
        .where(_received_in(hour), _id_fits(request.id, hour), _id_fits(attempt.request_id, hour))
        .group_by(*names)
    )


def _tries(hour: datetime) -> Subquery:
    """What became of the calls of each request."""
    columns = ATTEMPTS.c
    return (
        select(
            columns.request_id,
            _count(_passed()).label("checks_passed"),
            _count(_failed()).label("checks_failed"),
            func.min(case((_failed(), columns.number))).label("failed_at"),
            func.max(columns.number).label("last"),
            func.count(columns.origin).label("with_origin"),
            _count(columns.origin == "fallback").label("fallbacks"),
            _count(columns.origin == "escalation").label("escalations"),
            func.min(columns.deployment).label("some"),
            func.max(columns.deployment).label("another"),
        )
        .select_from(REQUESTS.join(ATTEMPTS, columns.request_id == REQUESTS.c.id))
        .where(_received_in(hour), _id_fits(REQUESTS.c.id, hour), _id_fits(columns.request_id, hour))
        .group_by(columns.request_id)
        .subquery("tried")
    )


def _last_words(hour: datetime) -> Subquery:
    """The number of the latest feedback on each request that has some. Grouped, so that SQLite makes it once."""
    columns = FEEDBACK.c
    grouped = select(columns.request_id, func.max(columns.id).label("id")).group_by(columns.request_id)
    return grouped.where(_id_fits(columns.request_id, hour)).subquery("last_words")


def _is_escalated(tried: Subquery) -> ColumnElement[bool]:
    """Asked of a larger model because an answer failed its check; releases before 0004 did not say so."""
    return or_(tried.c.escalations > 0, and_(tried.c.with_origin == 0, tried.c.failed_at < tried.c.last))


def _has_fallen_back(tried: Subquery) -> ColumnElement[bool]:
    unsaid = and_(tried.c.with_origin == 0, tried.c.some != tried.c.another, tried.c.failed_at.is_(None))
    return or_(tried.c.fallbacks > 0, unsaid)


def _passed() -> ColumnElement[bool]:
    passed: ColumnElement[bool] = ATTEMPTS.c.checked["passed"].as_boolean()
    return passed.is_(True)


def _failed() -> ColumnElement[bool]:
    passed: ColumnElement[bool] = ATTEMPTS.c.checked["passed"].as_boolean()
    return passed.is_(False)


def _received_in(hour: datetime) -> ColumnElement[bool]:
    return and_(REQUESTS.c.received_at >= hour, REQUESTS.c.received_at < hour + _HOUR)


def _id_fits(column: ColumnElement[str], hour: datetime) -> ColumnElement[bool]:
    """Where the ids of an hour can be: PostgreSQL reads no other day, SQLite no other row."""
    low, high, of_no_gateway = id_range(hour, hour + _HOUR)
    return or_(and_(column >= low, column < high), column >= of_no_gateway)


def _sum(column: ColumnElement[Any]) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def _count(condition: ColumnElement[Any]) -> ColumnElement[int]:
    return _sum(case((condition, 1), else_=0))


def _in_order(sums: dict[str, ColumnElement[Any]], names: Iterable[str]) -> list[ColumnElement[Any]]:
    return [sums[name].label(name) for name in names if name in sums]
