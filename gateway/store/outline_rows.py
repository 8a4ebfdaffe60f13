"""Outlines of policies to rows of `gateway.store.outline_tables`. Free of SQLAlchemy, as the other rows are."""

from collections.abc import Iterable, Sequence

import msgspec

from gateway.domain.outline import Outline
from gateway.store.rows import Values, storable

OUTLINE_COLUMNS = ("policy", "version", "outline")

_json = msgspec.json.Encoder().encode


def outline_values(outlines: Iterable[Outline]) -> Sequence[Values]:
    """A tuple in the order of OUTLINE_COLUMNS for each outline."""
    return storable([(each.policy, each.version, _json(each).decode()) for each in outlines], OUTLINE_COLUMNS)
