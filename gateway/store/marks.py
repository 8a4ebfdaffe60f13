"""Which hours a batch of records touches: the sink marks them, and what is marked is summed up anew."""

from collections.abc import Iterable
from datetime import UTC, datetime

from gateway.domain.record import RequestRecord

HOUR_S = 3_600


def hours_of(records: Iterable[RequestRecord]) -> list[datetime]:
    """The beginnings of the hours in which the requests were received, each once, the earliest first."""
    hours = {int(record.received_at // HOUR_S) for record in records}
    return [datetime.fromtimestamp(hour * HOUR_S, UTC) for hour in sorted(hours)]
