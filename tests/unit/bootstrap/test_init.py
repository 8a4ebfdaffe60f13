import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace
from pydantic import SecretStr

from gateway.bootstrap import Assembly, assemble
from gateway.domain.policy import PolicySet
from gateway.policyfile.problems import PolicyError
from gateway.policyfile.watcher import PolicyWatcher
from gateway.settings import Settings
from gateway.store.engine import open_engine
from gateway.store.key_watch import KeyWatch
from gateway.store.pepper import PepperError
from gateway.store.spool.folders import SpoolFolderError
from gateway.store.static_keys import StaticKeys
from gateway.store.urls import DatabaseUrlError
from tests.builders import a_policy, a_record
from tests.fakes import FakePolicies
from tests.keys import PEPPER, a_new_key, upgraded
from tests.unit.api.asgi_client import Wire, scope
from tests.unit.policyfile.folder import GOOD, write


def _settings(directory: Path, **changes: object) -> Settings:
    values: dict[str, object] = {
        "policies": directory,
        "database_url": SecretStr(f"sqlite:///{directory}/records.db"),
        "api_keys": (SecretStr("one"),),
    }
    return Settings.model_validate(values | changes)


def _policies() -> FakePolicies:
    policy = replace(a_policy(), name="given")
    return FakePolicies(
        PolicySet(version="v1", deployments={}, routes={}, policies=(policy,), by_alias={"auto": policy})
    )


def _assembled(directory: Path, **changes: object) -> Assembly:
    return assemble(_settings(directory, **changes), policies=_policies())


def test_a_port_that_is_given_takes_the_place_of_the_default(tmp_path: Path) -> None:
    policies = _policies()

    assembly = assemble(_settings(tmp_path), policies=policies)

    assert assembly.policies is policies


def test_nothing_is_written_or_opened_before_the_start(tmp_path: Path) -> None:
    _assembled(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_policy_files_with_problems_stop_the_assembly(tmp_path: Path) -> None:
    (tmp_path / "default.yaml").write_text("rutes: []\n", encoding="utf-8")

    with pytest.raises(PolicyError, match="rutes"):
        assemble(_settings(tmp_path), environment={})


def test_policies_from_files_are_watched_and_those_that_are_given_are_not(tmp_path: Path) -> None:
    write(tmp_path, p=GOOD)

    assert isinstance(assemble(_settings(tmp_path), environment={}).watcher, PolicyWatcher)
    assert _assembled(tmp_path).watcher is None


def test_policies_whose_cases_fail_stop_the_assembly(tmp_path: Path) -> None:
    write(tmp_path, p=GOOD)
    case = "cases: [{name: x, ask: hello, classification: {small_ok: 0.9}, expect: {route: large-only}}]"
    (tmp_path / "p.cases.yaml").write_text(case, encoding="utf-8")

    with pytest.raises(PolicyError, match="case 'x' fails: route: expected 'large-only', got 'small-first'"):
        assemble(_settings(tmp_path), environment={})


def test_how_the_policies_stand_is_in_the_metrics(tmp_path: Path) -> None:
    write(tmp_path, p=GOOD)
    assembly = assemble(_settings(tmp_path), environment={})

    wire = Wire()
    asyncio.run(assembly.admin_plane({**scope("GET", "/metrics"), "http_version": "1.1"}, wire.receive, wire.send))

    assert f'sizewise_policy_info{{version="{assembly.policies.current().version}"}} 1.0'.encode() in wire.body
    assert b"sizewise_policy_failing 0.0" in wire.body


def test_a_database_url_of_no_kind_we_know_stops_the_assembly(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUrlError, match="is of no kind we know"):
        _assembled(tmp_path, database_url="mysql://db/records")


def test_what_was_recorded_is_in_the_database_after_the_close(tmp_path: Path) -> None:
    assembly = _assembled(tmp_path)
    assembly.start()
    assembly.ledger.spool.record(a_record())

    has_all = asyncio.run(assembly.aclose())

    assert has_all
    assert (tmp_path / "records.db").exists()


def test_a_spool_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")

    assembly = _assembled(tmp_path, spool=tmp_path / "taken")

    with pytest.raises(SpoolFolderError, match="SIZEWISE_SPOOL"):
        assembly.start()


def test_the_keys_of_the_database_are_watched_and_those_that_are_given_are_not(tmp_path: Path) -> None:
    given = assemble(_settings(tmp_path), policies=_policies(), keys=StaticKeys([]))

    assert isinstance(_assembled(tmp_path).key_watch, KeyWatch)
    assert given.key_watch is None


def test_a_pepper_of_no_form_we_know_stops_the_assembly(tmp_path: Path) -> None:
    with pytest.raises(PepperError, match="part 1 is no pepper"):
        _assembled(tmp_path, key_pepper=SecretStr("v1:short"))


def test_keys_that_want_a_pepper_stop_the_start_before_anything_else_begins(tmp_path: Path) -> None:
    a_new_key(open_engine(upgraded(tmp_path)))
    before = {path.name for path in tmp_path.iterdir()}

    with pytest.raises(PepperError, match="set SIZEWISE_KEY_PEPPER"):
        _assembled(tmp_path).start()

    assert {path.name for path in tmp_path.iterdir()} <= before | {"records.db-shm", "records.db-wal"}


def test_a_key_of_the_database_is_let_in(tmp_path: Path) -> None:
    key = a_new_key(open_engine(upgraded(tmp_path))).text
    assembly = _assembled(tmp_path, key_pepper=SecretStr(PEPPER))
    assert assembly.key_watch is not None
    wire = Wire()

    assembly.key_watch.start()
    request = scope("GET", "/v1/models", x_api_key=key)
    asyncio.run(assembly.data_plane(request, wire.receive, wire.send))
    assembly.key_watch.close()

    assert wire.status == 200


def test_with_a_redis_gateways_count_there_and_serve_without_it_too(tmp_path: Path) -> None:
    async def main() -> bytes:
        assembly = _assembled(tmp_path, redis_url=SecretStr("redis://127.0.0.1:9/0"))
        async with assembly.watching():
            wire = Wire()
            await assembly.data_plane({**scope("GET", "/metrics"), "http_version": "1.1"}, wire.receive, wire.send)
        return wire.body

    assert b"sizewise_redis_up 1.0" in asyncio.run(main())


def test_budgets_are_kept_at_what_the_records_say_unless_somebody_else_keeps_the_keys(tmp_path: Path) -> None:
    assert _assembled(tmp_path).floors is not None
    assert assemble(_settings(tmp_path), policies=_policies(), keys=StaticKeys([])).floors is None
