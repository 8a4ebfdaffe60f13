"""Reads the policies that have decided, as they were."""

import msgspec
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from gateway.domain.outline import Outline
from gateway.domain.record import RequestRecord
from gateway.store.outline_tables import POLICY_OUTLINES
from gateway.store.reports import no_records


def find_outline(engine: Engine, record: RequestRecord) -> Outline | None:
    """The policy that decided the request; None where it was not kept. Raises NoRecordsError."""
    columns = POLICY_OUTLINES.c
    query = select(columns.outline).where(columns.policy == record.policy, columns.version == record.policy_version)
    try:
        with engine.connect() as connection:
            found = connection.execute(query).scalar()
    except (OperationalError, ProgrammingError) as error:
        raise no_records(error) from error
    return None if found is None else msgspec.convert(found, Outline)
