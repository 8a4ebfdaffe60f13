from collections.abc import Iterator

import pytest

from tests.conformance.calls import Caller
from tests.conformance.upstream import Upstream, running_upstream


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    """One server for all rows; each test says what it answers."""
    with running_upstream() as running:
        yield running


@pytest.fixture(scope="session")
def caller() -> Iterator[Caller]:
    calling = Caller()
    yield calling
    calling.close()
