"""The world of the fault tests, and their results, one file a test, for `python -m tests.faults.report`."""

import json
import re
import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest

from gateway.providers.scripted import ScriptedUpstream
from tests.faults.policies import PROVIDER_KEY, Case, policy_file
from tests.faults.proxy import FaultProxy
from tests.faults.report import RESULTS
from tests.faults.runs import FaultRun, Figure, World, fault_run, warm_up
from tests.gateway_process import running_gateway

_NUMBER = re.compile(r"test_f(\d{3})_")
MEASURED = pytest.StashKey[dict[str, Figure]]()


@pytest.fixture(scope="session")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream.run_in_thread() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def reference() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream.run_in_thread() as reference:
        yield reference


@pytest.fixture(scope="module")
def proxy(upstream: ScriptedUpstream) -> Iterator[FaultProxy]:
    with FaultProxy.run_in_thread("127.0.0.1", upstream.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """More of the gateway's environment; modules override it."""
    return {}


@pytest.fixture(scope="module")
def world(
    cases: list[Case],
    environment: dict[str, str],
    upstream: ScriptedUpstream,
    reference: ScriptedUpstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """A gateway with the cases of the module, which has a fixture of that name."""
    directory = tmp_path_factory.mktemp("gateway")
    key = f"canary-{secrets.token_hex(16)}"
    policies = {"faults.yaml": policy_file(cases, f"{upstream.url}/v1")}
    with running_gateway(directory, policies, {PROVIDER_KEY: key, **environment}) as gateway:
        world = World(gateway=gateway, upstream=upstream, reference=reference, directory=directory, provider_key=key)
        warm_up(world)
        yield world


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> dict[str, Figure]:
    """Figures of the test for the report."""
    figures: dict[str, Figure] = {}
    request.node.stash[MEASURED] = figures
    return figures


@pytest.fixture
def faulty(world: World, measured: dict[str, Figure]) -> Callable[..., AbstractContextManager[FaultRun]]:
    """Starts a run: `with faulty() as run:`."""
    return partial(fault_run, world, measured)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    number = _NUMBER.match(item.name)
    if number is not None and report.when == "call" and isinstance(item, pytest.Function):
        _write(int(number[1]), item, report)
    return report


def _write(number: int, item: pytest.Function, report: pytest.TestReport) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    result = {
        "number": number,
        "test": item.nodeid,
        "expected": " ".join((item.function.__doc__ or "").split()),
        "outcome": report.outcome,
        "seconds": round(report.duration, 2),
        "measured": item.stash.get(MEASURED, {}),
    }
    name = re.sub(r"[^\w.-]", "_", item.name)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
