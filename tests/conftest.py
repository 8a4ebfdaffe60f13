"""Services for tests: skipped locally where one is missing, a failure in CI."""

import gc
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from uuid import uuid4

import hypothesis
import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from tests.services import ServiceMissing, require, running_postgres, running_redis

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI") == "true":  # a run is red or green for what it tests; new examples are looked for at home
    hypothesis.settings.load_profile("ci")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("service"):
        try:
            require(mark.args[0])
        except ServiceMissing as missing:
            _skip_or_fail(mark.args[0], missing)


def _skip_or_fail(service: str, missing: ServiceMissing) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have {service}: {missing}", pytrace=False)
    pytest.skip(f"needs {service}: {missing}")


@contextmanager
def _service(name: str, running: AbstractContextManager[str]) -> Iterator[str]:
    with ExitStack() as stack:
        try:
            url = stack.enter_context(running)
        except ServiceMissing as missing:
            _skip_or_fail(name, missing)
            raise
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server for the session; most tests want `postgres_database`. Mark the test `service("postgresql")`."""
    with _service("postgresql", running_postgres()) as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, for one test."""
    name = f"test_{uuid4().hex}"
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis server for the session. Mark the test `service("redis")`."""
    with _service("redis", running_redis()) as url:
        yield url


def pytest_collection_finish() -> None:
    """What all tests together are made of is not gone through again by each full collection of garbage.

    Half a second of that has failed tests that allow a quarter.
    """
    gc.collect()
    gc.freeze()
