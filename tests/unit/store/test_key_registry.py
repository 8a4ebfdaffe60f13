from pathlib import Path

import pytest

from gateway.domain.acts import ActsUnavailableError
from gateway.domain.allowances import Limits
from gateway.domain.key_acts import KeyStateError, KeyTerms, NoSuchKeyError
from gateway.store.admin_engine import AdminEngine
from gateway.store.key_registry import KeyRegistry
from tests.keys import NOW_S, TESTER, peppers, upgraded

_LIMITS = Limits(requests_per_minute=60)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return upgraded(tmp_path_factory.mktemp("registry"))


@pytest.fixture
def registry(url: str) -> KeyRegistry:
    return KeyRegistry(AdminEngine(url), peppers(), now=lambda: NOW_S)


def test_what_is_done_to_a_key_is_seen_by_who_asks_next(registry: KeyRegistry) -> None:
    made = registry.create(KeyTerms(team="claims", app="bot"), actor=TESTER)
    key_id = made.key.id

    registry.set_key(key_id, limits=_LIMITS, actor=TESTER)
    registry.disable(key_id, actor=TESTER)
    disabled = registry.key(key_id).key
    registry.enable(key_id, actor=TESTER)
    rotated = registry.rotate(key_id, overlap_s=60.0, expires_at=None, actor=TESTER)
    registry.revoke(rotated.key.id, actor=TESTER)

    assert (disabled.limits, disabled.disabled_at) == (_LIMITS, NOW_S)
    assert registry.key(key_id).key.expires_at == NOW_S + 60.0
    assert registry.key(rotated.key.id).key.revoked_at == NOW_S
    found = registry.keys(team="claims", app="bot", after=None, limit=10)
    assert {each.key.id for each in found} == {key_id, rotated.key.id}


def test_what_is_done_to_a_team_is_seen_by_who_asks_next(registry: KeyRegistry) -> None:
    registry.set_holder("sales", limits=_LIMITS, actor=TESTER)
    registry.set_holder("sales", "bot", is_disabled=True, actor=TESTER)

    assert [each.limits for each in registry.teams(after="rest", limit=1)] == [_LIMITS]
    assert [each.disabled_at for each in registry.apps(team="sales", after=None, limit=1)] == [NOW_S]
    assert list(registry.apps(team="sales", after=("sales", "bot"), limit=1)) == []


def test_a_key_there_is_not_is_told_apart_from_a_database_there_is_not(registry: KeyRegistry, tmp_path: Path) -> None:
    with pytest.raises(NoSuchKeyError):
        registry.key("nobodys")
    with pytest.raises(ActsUnavailableError):
        KeyRegistry(AdminEngine(f"sqlite:///{tmp_path}/none.db"), peppers(), now=lambda: NOW_S).key("nobodys")


def test_without_a_pepper_keys_are_read_and_revoked_and_none_is_made(url: str, registry: KeyRegistry) -> None:
    key_id = registry.create(KeyTerms(), actor=TESTER).key.id
    poor = KeyRegistry(AdminEngine(url), None, now=lambda: NOW_S)

    with pytest.raises(KeyStateError, match="set SIZEWISE_KEY_PEPPER"):
        poor.create(KeyTerms(), actor=TESTER)
    with pytest.raises(KeyStateError, match="set SIZEWISE_KEY_PEPPER"):
        poor.rotate(key_id, overlap_s=1.0, expires_at=None, actor=TESTER)

    assert poor.revoke(key_id, actor=TESTER).after.revoked_at == NOW_S
