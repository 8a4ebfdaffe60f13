import pytest
from pydantic import SecretStr

from gateway.api.access import Person
from gateway.bootstrap.admin import admin_database_url, credentials_of
from gateway.settings import Settings


def test_the_admin_plane_may_have_a_way_of_its_own_to_the_database() -> None:
    serving, administering = SecretStr("sqlite:///a.db"), SecretStr("sqlite:///b.db")

    assert admin_database_url(Settings(database_url=serving)) == "sqlite:///a.db"
    assert admin_database_url(Settings(database_url=serving, admin_database_url=administering)) == "sqlite:///b.db"


def test_without_an_admin_key_none_is_asked_for() -> None:
    local = Person(name="local", role="admin")

    assert [credentials_of(Settings()).who(key) for key in (None, "anything")] == [local, local]


@pytest.mark.parametrize("credential", [None, "", "k", "k" * 33, "K" * 32, "ключ"])
def test_with_an_admin_key_only_that_key_will_do(credential: str | None) -> None:
    credentials = credentials_of(Settings.model_validate({"admin_key": "k" * 32}))

    assert credentials.who("k" * 32) == Person(name="admin", role="admin")
    assert credentials.who(credential) is None


def test_people_have_keys_and_roles_of_their_own_beside_it() -> None:
    credentials = credentials_of(
        Settings.model_validate({"admin_key": "k" * 32, "admin_keys": f"ada:operator:{'a' * 32}"})
    )

    assert credentials.who("a" * 32) == Person(name="ada", role="operator")
    assert credentials.who("k" * 32) == Person(name="admin", role="admin")
