from datetime import UTC, datetime, timedelta, timezone

import msgspec
from sqlalchemy import BigInteger, Table

from gateway.domain.record import AttemptRecord, RequestRecord
from gateway.store.engine import open_engine
from gateway.store.rows import attempt_rows, request_row
from gateway.store.tables import ATTEMPTS, REQUESTS, UtcTimestamp
from tests.builders import a_record

_USAGE = {"input_tokens", "output_tokens", "cached_input_tokens", "usage_estimated", "usage_more"}


def test_requests_have_one_column_for_each_field_of_the_record() -> None:
    fields = {field.name for field in msgspec.structs.fields(RequestRecord)}

    assert set(REQUESTS.columns.keys()) == fields - {"usage", "attempts"} | _USAGE


def test_attempts_have_one_column_for_each_field_of_the_record() -> None:
    fields = {field.name for field in msgspec.structs.fields(AttemptRecord)}

    assert set(ATTEMPTS.columns.keys()) == fields - {"usage"} | _USAGE | {"request_id", "service_tier"}


def test_rows_come_in_the_order_of_the_columns() -> None:
    record = a_record()

    assert list(request_row(record)) == [column.name for column in REQUESTS.columns]
    assert list(attempt_rows(record)[0]) == [column.name for column in ATTEMPTS.columns]


def test_money_is_a_nullable_64_bit_integer() -> None:
    def money(table: Table) -> dict[str, tuple[bool, bool | None]]:
        return {
            column.name: (isinstance(column.type, BigInteger), column.nullable)
            for column in table.columns
            if column.name.endswith("_nano_usd")
        }

    names = ("cost_nano_usd", "baseline_cost_nano_usd", "saving_low_nano_usd", "saving_high_nano_usd")
    assert money(REQUESTS) == dict.fromkeys(names, (True, True))
    assert money(ATTEMPTS) == {"cost_nano_usd": (True, True)}


def test_a_time_of_any_zone_is_the_same_moment_in_sqlite() -> None:
    noon_in_vienna = datetime(2026, 9, 21, 12, tzinfo=timezone(timedelta(hours=2)))
    column, lite = UtcTimestamp(), open_engine("sqlite:///x.db").dialect

    bound = column.process_bind_param(noon_in_vienna, lite)

    assert bound == datetime(2026, 9, 21, 10)  # noqa: DTZ001 - what SQLite holds
    assert column.process_result_value(bound, lite) == noon_in_vienna


def test_postgresql_keeps_the_time_zone_itself() -> None:
    moment = datetime(2026, 9, 21, 10, tzinfo=UTC)

    assert UtcTimestamp().process_bind_param(moment, open_engine("postgresql://h/d").dialect) is moment
