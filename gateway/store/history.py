"""Records read for a replay: many, a few columns of each, never all in memory. From a database or a file."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Engine, Select, Text, cast, func, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from gateway.domain.classification import Classification, Task
from gateway.domain.context import Context
from gateway.domain.logged import Logged
from gateway.domain.record import Outcome
from gateway.domain.rollout import Beside
from gateway.domain.signals import Signals
from gateway.domain.usage import MoreUsage, Usage
from gateway.store.partitions import lowest_id
from gateway.store.reports import no_records
from gateway.store.tables import ATTEMPTS, REQUESTS

UNREADABLE = "what is stored of it cannot be read by this release"
_ROWS_AT_ONCE = 2_000


class HistoryFileError(Exception):
    """The file holds something that is no record."""


class Wanted(Struct, frozen=True, kw_only=True):
    """Which records; None: any.

    since, until  the first moment, and the first after the last
    limit         at most so many: of a database the latest, of a file the first
    """

    since: datetime | None = None
    until: datetime | None = None
    alias: str | None = None
    team: str | None = None
    app: str | None = None
    policy: str | None = None
    limit: int | None = None


class _Verdict(Struct):
    """A classification as far as decisions rest on it: why the classifier said so is half of its text."""

    task: Task
    small_ok: float
    confidence: float
    has_evidence: bool
    model: str

    def whole(self) -> Classification:
        return Classification(
            task=self.task,
            small_ok=self.small_ok,
            confidence=self.confidence,
            has_evidence=self.has_evidence,
            model=self.model,
        )


class _FirstAttempt(Struct):
    deployment: str
    tier: str
    outcome: str


class _Line(Struct):
    """A record as `sizewise report decisions --json` prints it."""

    id: str
    received_at: datetime | float
    alias: str
    outcome: Outcome
    key_id: str = ""
    team: str = ""
    app: str = ""
    stream: bool = False
    policy: str = ""
    policy_version: str = ""
    rule: str = ""
    deployment: str | None = None
    tier: str | None = None
    signals: Signals | None = None
    classification: _Verdict | None = None
    usage: Usage | None = None
    cost_nano_usd: int | None = None
    total_ms: float = 0.0
    attempts: tuple[_FirstAttempt, ...] = ()
    session: str | None = None
    context: Context | None = None
    beside: Beside | None = None


_signals = msgspec.json.Decoder(Signals).decode
_verdict = msgspec.json.Decoder(_Verdict).decode
_context = msgspec.json.Decoder(Context).decode
_beside = msgspec.json.Decoder(Beside).decode
_more = msgspec.json.Decoder(MoreUsage).decode
_line = msgspec.json.Decoder(_Line).decode
_lines = msgspec.json.Decoder(list[msgspec.Raw]).decode


def count_logged(engine: Engine, wanted: Wanted) -> int:
    """How many records `read_logged` will give. Raises NoRecordsError."""
    query = select(func.count()).select_from(REQUESTS).where(*conditions(wanted))
    try:
        with engine.connect() as connection:
            found = connection.execute(query).scalar_one()
    except (OperationalError, ProgrammingError) as error:
        raise no_records(error) from error
    return found if wanted.limit is None else min(found, wanted.limit)


def read_logged(engine: Engine, wanted: Wanted) -> Iterator[Logged]:
    """The records, in no order. Raises NoRecordsError."""
    try:
        with engine.connect() as connection:
            result = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(_query(wanted))
            for rows in result.partitions():
                for row in rows:
                    yield _logged(row)
    except (OperationalError, ProgrammingError) as error:
        raise no_records(error) from error


def read_logged_file(lines: Iterable[bytes], wanted: Wanted) -> Iterator[Logged]:
    """The records of a file in its order: one JSON object a line, or one array of them. Raises HistoryFileError."""
    given = 0
    for place, text in _texts(lines):
        if given == wanted.limit:
            return
        try:
            line = _line(text)
        except msgspec.MsgspecError as error:
            raise HistoryFileError(
                f"{place}: {error}; give records as `sizewise report decisions --json` prints them"
            ) from error
        at = line.received_at
        at = datetime.fromtimestamp(at, UTC) if isinstance(at, float) else at
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        if _is_wanted(line, at, wanted):
            given += 1
            yield _from_line(line, at)


def conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """What the rows of `requests` must be, but for how many there are."""
    columns = REQUESTS.c
    named = [
        (columns.alias, wanted.alias),
        (columns.team, wanted.team),
        (columns.app, wanted.app),
        (columns.policy, wanted.policy),
    ]
    found = [column == value for column, value in named if value is not None]
    if wanted.since is not None:
        found += [columns.received_at >= wanted.since, columns.id >= lowest_id(wanted.since)]
    if wanted.until is not None:
        found.append(columns.received_at < wanted.until)
    return found


def _query(wanted: Wanted) -> Select[Any]:
    request, attempt = REQUESTS.c, ATTEMPTS.c
    query = (
        select(
            request.id,
            request.received_at,
            request.key_id,
            request.team,
            request.app,
            request.alias,
            request.stream,
            request.outcome,
            request.policy,
            request.policy_version,
            request.rule,
            func.coalesce(attempt.deployment, request.deployment),
            func.coalesce(attempt.tier, request.tier),
            attempt.outcome,
            # As text: what is needed of it is decoded straight into structs.
            cast(request.signals, Text),
            cast(request.classification, Text),
            request.input_tokens,
            request.output_tokens,
            request.cached_input_tokens,
            request.usage_estimated,
            request.cost_nano_usd,
            request.total_ms,
            request.session,
            cast(request.context, Text),
            cast(request.beside, Text),
            cast(request.usage_more, Text),
        )
        .select_from(
            REQUESTS.outerjoin(ATTEMPTS, (attempt.request_id == request.id) & (attempt.number == 1)),
        )
        .where(*conditions(wanted))
    )
    if wanted.limit is not None:
        query = query.order_by(request.received_at.desc(), request.id).limit(wanted.limit)
    return query


def _logged(row: Any) -> Logged:
    (id_, received_at, key_id, team, app, alias, stream, outcome, policy, version, rule, first, tier, tried, *rest) = (
        row
    )
    signals, verdict, input_tokens, output_tokens, cached, estimated, cost, total_ms, session, *more = rest
    context, beside, used_more = more
    try:
        return Logged(
            id=id_,
            at_s=received_at.timestamp(),
            alias=alias,
            key_id=key_id,
            team=team,
            app=app,
            stream=stream,
            outcome=outcome,
            policy=policy,
            policy_version=version,
            rule=rule,
            first=first,
            first_tier=tier or "",
            at_first_try=tried == "ok",
            signals=None if signals is None else _signals(signals),
            classification=None if verdict is None else _verdict(verdict).whole(),
            usage=None
            if input_tokens is None
            else Usage(
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                cached_input_tokens=cached,
                estimated=estimated,
                more=None if used_more is None else _more(used_more),
            ),
            cost_nano_usd=cost,
            total_ms=total_ms,
            session=session or "",
            context=None if context is None else _context(context),
            beside=None if beside is None else _beside(beside),
        )
    except msgspec.MsgspecError:
        return Logged(id=id_, at_s=received_at.timestamp(), alias=alias, team=team, app=app, unreadable=UNREADABLE)


def _texts(lines: Iterable[bytes]) -> Iterator[tuple[str, bytes | msgspec.Raw]]:
    """Each record's text, and where it is."""
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    for number, line in numbered:
        if not line.lstrip().startswith(b"["):
            yield f"line {number}", line
            continue
        try:
            records = _lines(b"".join((line, *(rest for _, rest in numbered))))
        except msgspec.MsgspecError as error:
            raise HistoryFileError(f"line {number}: not a JSON array: {error}") from error
        for place, record in enumerate(records, 1):
            yield f"record {place}", record


def _is_wanted(line: _Line, at: datetime, wanted: Wanted) -> bool:
    named = (
        (line.alias, wanted.alias),
        (line.team, wanted.team),
        (line.app, wanted.app),
        (line.policy, wanted.policy),
    )
    return (
        all(value is None or found == value for found, value in named)
        and (wanted.since is None or at >= wanted.since)
        and (wanted.until is None or at < wanted.until)
    )


def _from_line(line: _Line, at: datetime) -> Logged:
    attempt = line.attempts[0] if line.attempts else None
    return Logged(
        id=line.id,
        at_s=at.timestamp(),
        alias=line.alias,
        key_id=line.key_id,
        team=line.team,
        app=line.app,
        stream=line.stream,
        outcome=line.outcome,
        policy=line.policy,
        policy_version=line.policy_version,
        rule=line.rule,
        first=line.deployment if attempt is None else attempt.deployment,
        first_tier=(line.tier if attempt is None else attempt.tier) or "",
        at_first_try=attempt is not None and attempt.outcome == "ok",
        signals=line.signals,
        classification=None if line.classification is None else line.classification.whole(),
        usage=line.usage,
        cost_nano_usd=line.cost_nano_usd,
        total_ms=line.total_ms,
        session=line.session or "",
        context=line.context,
        beside=line.beside,
    )
