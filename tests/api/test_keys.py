"""Virtual keys in gateways that run: two replicas on one database, changed from outside as an operator would."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.domain.virtual_key import parse
from gateway.providers.scripted import ScriptedUpstream
from gateway.store.engine import open_engine
from gateway.store.upgrade import upgrade
from tests.api.policies import demo_policies
from tests.gateway_process import KEY, GatewayProcess, eventually, running_gateway, spawn
from tests.keys import PEPPER, a_key_text
from tests.services import running_postgres

_WITHIN_S = 5.0
_ASK = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}


class Replicas:
    """Two gateways on one database, and the command line beside them."""

    def __init__(self, gateways: tuple[GatewayProcess, ...], url: str) -> None:
        self.gateways = gateways
        self.url = url

    def sizewise(self, *words: str) -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, "SIZEWISE_DATABASE_URL": self.url, "SIZEWISE_KEY_PEPPER": PEPPER}
        return subprocess.run(
            [sys.executable, "-m", "gateway", *words], env=environment, capture_output=True, text=True, check=False
        )

    def new_key(self, *words: str) -> str:
        """A key, once both know it."""
        made = self.sizewise("keys", *(words or ("create",)))
        assert made.returncode == 0, made.stderr
        key = made.stdout.strip()
        self.eventually(key, 200)
        return key

    def statuses(self, key: str) -> list[int]:
        return [gateway.request("GET", "/v1/models", key=key).status for gateway in self.gateways]

    def eventually(self, key: str, status: int) -> float:
        """How many seconds it took until both answer so; fails where that is more than is promised."""
        started_s = time.monotonic()
        eventually(
            lambda: True if self.statuses(key) == [status] * len(self.gateways) else None, f"{status}", _WITHIN_S
        )
        return time.monotonic() - started_s

    def told(self, key: str) -> str:
        return str(self.gateways[0].request("GET", "/v1/models", key=key).json()["error"]["message"])


@contextmanager
def _replicas(directory: Path, url: str, upstream: ScriptedUpstream) -> Iterator[Replicas]:
    upgrade(url)
    environment = {
        "SIZEWISE_DEMO_UPSTREAM": f"{upstream.url}/v1",
        "SIZEWISE_DATABASE_URL": url,
        "SIZEWISE_KEY_PEPPER": PEPPER,
        "SIZEWISE_LOG_LEVEL": "debug",
    }
    with ExitStack() as stack:
        gateways = tuple(
            stack.enter_context(
                running_gateway(
                    directory / name,
                    {"default.yaml": demo_policies()},
                    {**environment, "SIZEWISE_SPOOL": str(directory / name / "spool")},
                )
            )
            for name in ("one", "two")
        )
        yield Replicas(gateways, url)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service("postgresql"))])
def replicas(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream_server: ScriptedUpstream
) -> Iterator[Replicas]:
    directory = tmp_path_factory.mktemp("replicas")
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{directory}/records.db"
        else:
            url = stack.enter_context(running_postgres())
        yield stack.enter_context(_replicas(directory, url, upstream_server))


def test_a_new_key_works_on_every_replica_and_its_record_names_it_by_its_public_id(replicas: Replicas) -> None:
    key = replicas.new_key("create", "--team", "claims", "--app", "bot")

    reply = replicas.gateways[1].chat(_ASK, {"Authorization": f"Bearer {key}"})

    assert reply.status == 200
    found = eventually(lambda: _request_row(replicas.url, reply.headers["x-request-id"]), "the record")
    assert found == {"key_id": parse(key), "team": "claims", "app": "bot"}


@pytest.mark.parametrize("header", ["x-api-key", "api-key"])
def test_it_is_taken_from_every_header_that_clients_put_it_in(replicas: Replicas, header: str) -> None:
    key = replicas.new_key()

    reply = replicas.gateways[0].request("GET", "/v1/models", headers={"Authorization": "", header: key})

    assert reply.status == 200


def test_a_revoked_key_is_refused_by_every_replica_within_five_seconds(replicas: Replicas) -> None:
    key = replicas.new_key()

    revoked = replicas.sizewise("keys", "revoke", str(parse(key)))

    assert revoked.returncode == 0, revoked.stderr
    replicas.eventually(key, 401)
    assert replicas.told(key) == "the API key was revoked; ask for a new one"


def test_a_disabled_key_and_one_of_a_disabled_team_are_refused_until_they_are_enabled(replicas: Replicas) -> None:
    key = replicas.new_key("create", "--team", "off and on")

    for off, on in (
        (("keys", "disable", str(parse(key))), ("keys", "enable", str(parse(key)))),
        (("teams", "set", "off and on", "--disable"), ("teams", "set", "off and on", "--enable")),
    ):
        replicas.sizewise(*off)
        replicas.eventually(key, 401)
        assert "is disabled" in replicas.told(key)
        replicas.sizewise(*on)
        replicas.eventually(key, 200)


def test_a_rotated_key_works_beside_the_new_one_until_the_overlap_is_over(replicas: Replicas) -> None:
    old = replicas.new_key("create", "--team", "claims", "--model", "auto")

    new = replicas.new_key("rotate", str(parse(old)), "--overlap", "3s")

    both = [*replicas.statuses(old), *replicas.statuses(new)]
    assert both == [200, 200, 200, 200]
    replicas.eventually(old, 401)
    assert "expired on" in replicas.told(old)
    assert replicas.statuses(new) == [200, 200]


def test_a_key_asks_for_its_own_models_and_sees_no_others(replicas: Replicas) -> None:
    key = replicas.new_key("create", "--model", "small", "--model", "nobodys")
    gateway, header = replicas.gateways[0], {"Authorization": f"Bearer {key}"}

    listed = gateway.request("GET", "/v1/models", key=key).json()
    refused = [gateway.chat({**_ASK, "model": model}, header) for model in ("auto", "no-such-model")]

    assert [model["id"] for model in listed["data"]] == ["small"]
    assert gateway.chat({**_ASK, "model": "small"}, header).status == 200
    assert [reply.status for reply in refused] == [403, 403]
    assert {reply.json()["error"]["code"] for reply in refused} == {"model_not_allowed"}
    assert {reply.json()["error"]["param"] for reply in refused} == {"model"}


def test_two_different_keys_in_one_request_are_refused(replicas: Replicas) -> None:
    key = replicas.new_key()

    replies = [replicas.gateways[0].chat(_ASK, {"x-api-key": other}) for other in (key, KEY)]

    assert [reply.status for reply in replies] == [400, 200]
    assert key not in replies[0].body.decode()


def test_the_key_of_the_settings_works_beside_them(replicas: Replicas) -> None:
    assert replicas.statuses(KEY) == [200, 200]


def test_no_text_of_a_key_is_in_any_log_row_metric_trace_or_error(replicas: Replicas) -> None:
    good, bad = replicas.new_key("create", "--team", "canary"), a_key_text()
    malformed = bad[:-1]
    for gateway in replicas.gateways:
        for key in (good, bad, malformed):
            replies = [
                gateway.chat(_ASK, {"Authorization": f"Bearer {key}"}),
                gateway.chat({**_ASK, "model": "no-such-model"}, {"Authorization": f"Bearer {key}"}),
                gateway.request("GET", f"/v1/{key}", key=key),
            ]
            assert not any(_secret_of(key) in repr(reply.headers) for reply in replies)
            assert not any(_secret_of(key) in reply.body.decode() for reply in replies[:2])
    replicas.sizewise("keys", "list")

    kept = {
        "logs": "".join(gateway.log() for gateway in replicas.gateways),
        "metrics": "".join(gateway.admin("/metrics").body.decode() for gateway in replicas.gateways),
        "decisions": "".join(gateway.admin("/admin/decisions").body.decode() for gateway in replicas.gateways),
        "rows": eventually(lambda: _all_rows(replicas.url, _holds(str(parse(good)))), "the rows"),
        "listing": replicas.sizewise("keys", "list", "--json").stdout,
    }
    for place, content in kept.items():
        for key in (good, bad, malformed):
            assert _secret_of(key) not in content, place


def test_when_a_key_was_last_used_is_known_once_the_gateway_has_stopped(
    tmp_path: Path, upstream_server: ScriptedUpstream
) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    with _replicas(tmp_path, url, upstream_server) as replicas:
        key = replicas.new_key()

    shown = Replicas((), url).sizewise("keys", "show", str(parse(key)), "--json")

    assert '"last_used_at":"2' in shown.stdout


@pytest.mark.service("postgresql")
def test_keys_go_on_while_the_database_is_down(tmp_path: Path, upstream_server: ScriptedUpstream) -> None:
    with ExitStack() as stack:
        database = ExitStack()
        url = database.enter_context(running_postgres())
        stack.callback(database.close)
        replicas = stack.enter_context(_replicas(tmp_path, url, upstream_server))
        key, short = replicas.new_key(), replicas.new_key("create", "--expires", "6s")
        database.close()

        eventually(lambda: _ages(replicas) if min(_ages(replicas)) > 6 else None, "the age of the keys", 20)

        asked = [gateway.chat(_ASK, {"Authorization": f"Bearer {key}"}).status for gateway in replicas.gateways]
        assert asked == [200, 200]
        assert replicas.statuses(short) == [401, 401]  # it expired meanwhile
        assert all("those known stay in force" in gateway.log() for gateway in replicas.gateways)


def test_a_gateway_whose_keys_want_a_pepper_says_so_and_does_not_start(
    tmp_path: Path, upstream_server: ScriptedUpstream
) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    upgrade(url)
    Replicas((), url).new_key()

    process = spawn(
        tmp_path, {"default.yaml": demo_policies()}, {"SIZEWISE_DEMO_UPSTREAM": f"{upstream_server.url}/v1"}
    )

    try:
        assert process.wait(20) == 1
    finally:
        process.kill()
        process.wait()
    assert "set SIZEWISE_KEY_PEPPER" in (tmp_path / "stderr").read_text()


def _ages(replicas: Replicas) -> list[float]:
    return [_metric(gateway, "sizewise_virtual_keys_age_seconds") for gateway in replicas.gateways]


def _metric(gateway: GatewayProcess, name: str) -> float:
    lines = gateway.admin("/metrics").body.decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def _secret_of(key: str) -> str:
    """Of its text, what is neither its public id nor what a listing shows."""
    return key[18:-4]


def _holds(key_id: str) -> Callable[[str], bool]:
    return lambda rows: f"'{key_id}'" in rows


def _request_row(url: str, request_id: str) -> Mapping[str, str] | None:
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            question = text("SELECT key_id, team, app FROM requests WHERE id = :id")
            row = connection.execute(question, {"id": request_id}).one_or_none()
    finally:
        engine.dispose()
    return None if row is None else dict(row._mapping)


def _all_rows(url: str, is_enough: Callable[[str], bool]) -> str | None:
    """All that the database holds of keys and requests; None until that is enough."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            tables = ("requests", "attempts", "virtual_keys", "teams", "apps", "key_uses")
            rows = "".join(repr(row) for table in tables for row in connection.execute(text(f"SELECT * FROM {table}")))
    finally:
        engine.dispose()
    return rows if is_enough(rows) else None
