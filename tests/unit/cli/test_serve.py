import os
import socket
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr

from gateway.bootstrap import assemble
from gateway.cli.serve import (
    DEMO_KEY,
    DEMO_UPSTREAM,
    _admin_callers,
    _demo_pepper,
    _greeting,
    _listen_admin,
    _settings,
    demo_policies,
    serve,
)
from gateway.settings import AdminKey, Settings


@pytest.fixture(autouse=True)
def _in_an_empty_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.upper().startswith("SIZEWISE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A loopback socket that listens, on a port below a free one."""
    while True:
        with socket.socket() as listener, socket.socket() as above:
            listener.bind(("127.0.0.1", 0))
            if not _can_bind(above, listener.getsockname()[1] + 1):
                continue
            above.close()
            listener.listen()
            yield listener
            return


def _can_bind(probe: socket.socket, port: int) -> bool:
    try:
        probe.bind(("127.0.0.1", port))
    except (OSError, OverflowError):
        return False
    return True


def _serve(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(serve, arguments, env={f"SIZEWISE_{name}": value for name, value in environment.items()})


def _demo(**flags: object) -> Settings:
    return _settings(True, flags)


def test_with_nothing_to_serve_it_says_what_to_do_and_fails() -> None:
    result = _serve()

    assert result.exit_code == 1
    assert "there is nothing to serve yet" in result.stderr
    assert "export SIZEWISE_API_KEYS=" in result.stderr


def test_bad_settings_are_one_line_each_without_a_traceback() -> None:
    result = _serve(PORT="http", MAX_BODY_BYTES="1")

    assert result.exit_code == 1
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["Error", "SIZEWISE_MAX_BODY_BYTES"]
    assert result.stderr.startswith("Error: SIZEWISE_PORT: ")


def test_flags_win_over_the_environment() -> None:
    result = _serve("--policies", "from-the-flag", POLICIES="from-the-environment")

    assert "from-the-flag" in result.stderr
    assert "from-the-environment" not in result.stderr


def test_bad_policy_files_are_reported_with_their_place(tmp_path: Path) -> None:
    (tmp_path / "default.yaml").write_text("deploymnets: []\n", encoding="utf-8")

    result = _serve("--policies", str(tmp_path), API_KEYS="one")

    assert result.exit_code == 1
    assert f"{tmp_path / 'default.yaml'}:1:1:" in result.stderr
    assert "deploymnets" in result.stderr


def test_a_database_of_no_kind_we_know_is_refused_without_its_password() -> None:
    secret = "s" * 20

    result = _serve("--demo", DATABASE_URL=f"mysql://sizewise:{secret}@db/records")

    assert result.exit_code == 1
    assert "is of no kind we know" in result.stderr
    assert secret not in result.stderr


def test_a_port_that_is_taken_is_named(taken: socket.socket) -> None:
    port = taken.getsockname()[1]

    result = _serve("--demo", "--port", str(port))

    assert result.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in result.stderr


def test_a_wrong_flag_is_wrong_use() -> None:
    assert _serve("--log-level", "loud").exit_code == 2


def test_the_demo_has_its_own_key_beside_the_configured_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIZEWISE_API_KEYS", "one")

    assert [key.get_secret_value() for key in _demo().api_keys] == ["one", DEMO_KEY]


def test_the_demo_has_its_own_policies_unless_a_flag_names_others(tmp_path: Path) -> None:
    assert _demo().policies == demo_policies()
    assert _demo(policies=tmp_path).policies == tmp_path


def test_outside_the_demo_there_is_no_demo_key() -> None:
    assert _settings(False, {}).api_keys == ()


def test_the_demos_policies_are_there() -> None:
    assert list(demo_policies().glob("*.yaml"))


def test_the_admin_plane_is_one_above_the_data_plane(taken: socket.socket) -> None:
    data_port = taken.getsockname()[1]

    with _listen_admin(Settings(), data_port) as admin:
        assert admin.getsockname()[0] == "127.0.0.1"
        assert admin.getsockname()[1] == data_port + 1


def test_where_that_is_taken_the_admin_plane_is_anywhere_free(taken: socket.socket) -> None:
    port = taken.getsockname()[1]

    with _listen_admin(Settings(), port - 1) as admin:
        assert admin.getsockname()[1] not in (0, port)


def test_above_the_last_port_the_admin_plane_is_anywhere_free() -> None:
    with _listen_admin(Settings(), 65_535) as admin:
        assert 0 < admin.getsockname()[1] <= 65_535


def test_the_greeting_tells_where_everything_is_and_no_secret(tmp_path: Path) -> None:
    secret = "s" * 20
    settings = _demo(database_url=f"postgresql://sizewise:{secret}@127.0.0.1:9/records", api_keys=None)
    assembly = assemble(settings, environment={DEMO_UPSTREAM: "http://127.0.0.1:9/v1"})

    with socket.socket() as data, socket.socket() as admin:
        data.bind(("127.0.0.1", 0))
        admin.bind(("127.0.0.1", 0))
        text = _greeting(settings, assembly, data, admin, demo=True)
        data_port, admin_port = data.getsockname()[1], admin.getsockname()[1]

    assert f"base URL   http://127.0.0.1:{data_port}/v1" in text
    assert f"admin      http://127.0.0.1:{admin_port}" in text
    assert DEMO_KEY in text
    assert secret not in text


def test_nothing_is_written_before_something_is_served(tmp_path: Path) -> None:
    _serve(API_KEYS="one")

    assert list(tmp_path.iterdir()) == []


def test_the_demo_has_a_pepper_of_its_own_beside_its_database(tmp_path: Path) -> None:
    settings = _demo(database_url=f"sqlite:///{tmp_path}/below/records.db")

    pepper = _demo_pepper(settings).get_secret_value()

    assert (tmp_path / "below" / "key-pepper").read_text().strip() == pepper
    assert _demo_pepper(settings).get_secret_value() == pepper


def test_a_pepper_that_cannot_be_kept_is_one_line_with_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(click.ClickException, match="set SIZEWISE_KEY_PEPPER"):
        _demo_pepper(_demo(database_url=f"sqlite:///{tmp_path}/file/records.db"))


def test_a_certificate_that_is_not_there_is_told_before_anything_is_served() -> None:
    result = _serve("--demo", "--port", "0", "--tls-certificate", "gone.pem", "--tls-key", "gone.pem")

    assert result.exit_code == 1
    assert "there is no file 'gone.pem'" in result.stderr


def test_a_plane_without_a_key_is_for_this_machine_and_with_one_for_whoever_knows_it() -> None:
    keyless = _admin_callers(Settings(allowed_hosts=("ops.test",)))
    keyed = _admin_callers(Settings(admin_key=SecretStr("k")))

    assert keyless.is_same_origin
    assert keyless.hosts.fault_of(b"localhost:8081") is None
    assert keyless.hosts.fault_of(b"ops.test") is None
    assert keyless.hosts.fault_of(b"rebound.test") is not None
    named = _admin_callers(Settings(admin_keys=(AdminKey(name="ada", role="viewer", key=SecretStr("k" * 20)),)))
    for callers in (keyed, named):
        assert not callers.is_same_origin
        assert callers.hosts.are_any
