import os
import traceback
from pathlib import Path

import pytest

from gateway.domain.redis_address import FORMS
from gateway.settings import Settings, SettingsError, load_settings
from tests.keys import PEPPER, a_key_text


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith("SIZEWISE_"):
            monkeypatch.delenv(name)


def _load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(f"SIZEWISE_{name}", value)
    return load_settings()


def _keys(settings: Settings) -> list[str]:
    return [key.get_secret_value() for key in settings.api_keys]


def test_without_any_setting_the_gateway_listens_on_loopback_and_knows_no_key() -> None:
    settings = load_settings()

    assert (settings.host, settings.port, settings.admin_host, settings.admin_port) == (
        "127.0.0.1",
        8080,
        "127.0.0.1",
        None,
    )
    assert (settings.api_keys, settings.admin_key) == ((), None)
    assert settings.database_url.get_secret_value() == "sqlite:///./.sizewise/sizewise.db"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _load(monkeypatch, PORT="9000", POLICIES="/etc/sizewise", LOG_LEVEL="WARNING")

    assert (settings.port, settings.policies, settings.log_level) == (9000, Path("/etc/sizewise"), "warning")


def test_keys_are_separated_by_commas_and_blanks_around_them_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _keys(_load(monkeypatch, API_KEYS=" one, two ,,three,")) == ["one", "two", "three"]


def test_a_single_key_may_look_like_json(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _keys(_load(monkeypatch, API_KEYS="[1]")) == ["[1]"]


def test_an_empty_list_of_keys_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _keys(_load(monkeypatch, API_KEYS="  ")) == []


def _problem(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        _load(monkeypatch, **environment)
    return str(caught.value)


def test_people_have_admin_keys_by_name_and_role(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _load(monkeypatch, ADMIN_KEYS=f"ada:admin:{'a' * 16}, ci-bot:viewer:{'b:' * 8},")

    assert [(each.name, each.role, each.key.get_secret_value()) for each in settings.admin_keys] == [
        ("ada", "admin", "a" * 16),
        ("ci-bot", "viewer", "b:" * 8),
    ]
    assert "aaaa" not in repr(settings)


def test_all_that_is_wrong_with_admin_keys_is_told_at_once_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secret, client = "s3cr3t" * 4, "client" * 4
    problem = _problem(
        monkeypatch,
        API_KEYS=client,
        ADMIN_KEYS=f"{secret},ada:boss:{secret},ada:admin:short,ada:viewer:{secret},bob:viewer:{client}",
        ADMIN_HOST="0.0.0.0",
    )

    assert problem.startswith("SIZEWISE_ADMIN_KEYS: part 1: no role of viewer, operator, admin is in its middle")
    for part in (
        "part 2: no role",
        "part 3: its key is shorter than 16",
        "part 4: its name is taken",
        "part 5: its key is another's too",
    ):
        assert part in problem
    assert secret not in problem
    assert client not in problem
    assert "SIZEWISE_ADMIN_HOST" not in problem


def test_an_admin_key_by_name_opens_the_plane_to_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _load(monkeypatch, ADMIN_HOST="0.0.0.0", ADMIN_KEYS=f"ada:admin:{'a' * 16}").admin_host == "0.0.0.0"
    assert "is not loopback" in _problem(monkeypatch, ADMIN_HOST="0.0.0.0", ADMIN_KEYS=" ")


def test_flags_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIZEWISE_PORT", "9000")
    monkeypatch.setenv("SIZEWISE_HOST", "127.0.0.2")

    settings = load_settings({"port": 9001, "host": None})

    assert (settings.port, settings.host) == (9001, "127.0.0.2")


def test_all_problems_are_reported_at_once_each_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        _load(monkeypatch, PORT="http", ADMIN_PORT="70000", LOG_LEVEL="loud", MAX_BODY_BYTES="1")

    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "SIZEWISE_PORT",
        "SIZEWISE_ADMIN_PORT",
        "SIZEWISE_LOG_LEVEL",
        "SIZEWISE_MAX_BODY_BYTES",
    ]


def test_an_unguarded_admin_plane_is_reported_beside_the_other_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        _load(monkeypatch, PORT="http", ADMIN_HOST="0.0.0.0")

    assert "SIZEWISE_PORT" in str(caught.value)
    assert "SIZEWISE_ADMIN_KEY" in str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "gateway.internal"])
def test_off_loopback_the_admin_plane_needs_a_key(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    with pytest.raises(SettingsError, match=f"SIZEWISE_ADMIN_HOST: '{host}' is not loopback: set SIZEWISE_ADMIN_KEY"):
        _load(monkeypatch, ADMIN_HOST=host)

    assert _load(monkeypatch, ADMIN_HOST=host, ADMIN_KEY="k" * 32).admin_host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_on_loopback_the_admin_plane_needs_no_key(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    assert _load(monkeypatch, ADMIN_HOST=host).admin_key is None


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_admin_key_is_no_admin_key(monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    with pytest.raises(SettingsError, match="SIZEWISE_ADMIN_KEY"):
        _load(monkeypatch, ADMIN_HOST="0.0.0.0", ADMIN_KEY=empty)


def test_secrets_stand_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "sk-" + "a" * 24

    settings = _load(
        monkeypatch,
        API_KEYS=secret,
        ADMIN_KEY=f"{secret}-of-admins",
        DATABASE_URL=f"postgresql://sizewise:{secret}@db/records",
    )

    assert secret not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_secrets_stand_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "sk-" + "a" * 24

    with pytest.raises(SettingsError) as caught:
        _load(monkeypatch, API_KEYS=secret, ADMIN_HOST="0.0.0.0")

    assert secret not in str(caught.value)


def test_secrets_stand_in_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "sk-" + "a" * 24

    with pytest.raises(SettingsError) as caught:
        _load(monkeypatch, API_KEYS=secret, ADMIN_HOST="0.0.0.0")

    assert secret[:8] not in "".join(traceback.format_exception(caught.value))


def test_policy_files_are_looked_at_each_second_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().policy_poll_s == 1.0
    assert _load(monkeypatch, POLICY_POLL_S="0").policy_poll_s == 0.0


@pytest.mark.parametrize("wrong", ["-1", "nan", "inf", "soon"])
def test_an_interval_is_a_number_of_seconds(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    with pytest.raises(SettingsError, match="SIZEWISE_POLICY_POLL_S"):
        _load(monkeypatch, POLICY_POLL_S=wrong)


def test_settings_do_not_change() -> None:
    settings = load_settings()

    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


def test_clients_have_deadlines_and_the_process_a_limit_without_any_setting() -> None:
    settings = load_settings()

    assert (settings.client_head_s, settings.client_body_s, settings.client_stall_s) == (10.0, 30.0, 60.0)
    assert (settings.max_inflight, settings.max_inflight_bytes) == (4_000, 256 * 1024 * 1024)


@pytest.mark.parametrize("name", ["CLIENT_HEAD_S", "CLIENT_BODY_S", "CLIENT_STALL_S", "MAX_INFLIGHT"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "never"])
def test_a_limit_cannot_be_switched_off(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"SIZEWISE_{name}"):
        _load(monkeypatch, **{name: value})


def test_a_virtual_key_among_the_static_ones_is_told_by_its_place_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    key = a_key_text()

    with pytest.raises(SettingsError, match="SIZEWISE_API_KEYS: key 2 begins as virtual keys do") as caught:
        _load(monkeypatch, API_KEYS=f"one,{key}")

    assert key not in str(caught.value)


def test_a_pepper_never_prints_and_a_blank_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _load(monkeypatch, KEY_PEPPER=" ").key_pepper is None
    assert PEPPER not in repr(_load(monkeypatch, KEY_PEPPER=PEPPER))


def test_without_a_redis_each_gateway_counts_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().redis_url is None
    assert _load(monkeypatch, REDIS_URL=" ").redis_url is None


def test_the_url_of_redis_may_hold_a_password_and_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _load(monkeypatch, REDIS_URL="rediss://:canary@redis:6379/0", ON_REDIS_DOWN="Refuse")

    assert "canary" not in repr(settings)
    assert (settings.on_redis_down, settings.budgets_on_redis_down) == ("refuse", "share")


def test_a_url_that_is_not_of_redis_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        _load(monkeypatch, REDIS_URL="http://:canary@redis:6379")

    assert str(caught.value) == f"SIZEWISE_REDIS_URL: a Redis URL begins with {FORMS}"


def test_nobody_is_allowed_across_origins_and_any_host_is_answered_unless_they_are_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (load_settings().cors_origins, load_settings().allowed_hosts) == ((), ())

    settings = _load(
        monkeypatch, CORS_ORIGINS="https://a.test, http://localhost:3000", ALLOWED_HOSTS="api.test,*.b.test,[::1]"
    )

    assert settings.cors_origins == ("https://a.test", "http://localhost:3000")
    assert settings.allowed_hosts == ("api.test", "*.b.test", "[::1]")


@pytest.mark.parametrize("origin", ["*", "null", "https://a.test/", "https://a.test/x", "a.test", "https://*.a.test"])
def test_an_origin_is_scheme_host_and_port(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    with pytest.raises(SettingsError, match=r"SIZEWISE_CORS_ORIGINS: .* is no origin; write one as browsers do"):
        _load(monkeypatch, CORS_ORIGINS=origin)


@pytest.mark.parametrize("name", ["*", "a.test:80", "https://a.test", "a b", "*.*.test", "a..test"])
def test_a_host_is_a_name_without_port(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(SettingsError, match=r"SIZEWISE_ALLOWED_HOSTS: .* is no host name"):
        _load(monkeypatch, ALLOWED_HOSTS=name)


@pytest.mark.parametrize("given", ["TLS_KEY", "TLS_CERTIFICATE"])
def test_a_certificate_and_its_key_go_together(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    with pytest.raises(SettingsError, match="SIZEWISE_TLS_KEY: a certificate and its key go together"):
        _load(monkeypatch, **{given: "a.pem"})


def test_a_clients_key_is_no_admins_and_blanks_around_a_key_are_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="SIZEWISE_ADMIN_KEY: it is a client's key, too"):
        _load(monkeypatch, API_KEYS="one,two", ADMIN_KEY="two")

    key = _load(monkeypatch, API_KEYS="one,two", ADMIN_KEY=" three\n").admin_key
    assert key is not None
    assert key.get_secret_value() == "three"
