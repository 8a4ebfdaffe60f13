from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from gateway.bootstrap.recording import SystemClock
from gateway.bootstrap.sources import open_allowances, open_keys, peppers_of
from gateway.counters.allowances_memory import MemoryAllowances
from gateway.counters.allowances_redis import RedisAllowances
from gateway.domain.errors import AuthenticationError
from gateway.settings import Settings
from gateway.telemetry.metrics import MetricsRecorder
from tests.keys import PEPPER


def test_the_keys_of_the_settings_are_let_in_at_once_and_no_others(tmp_path: Path) -> None:
    url = SecretStr(f"sqlite:///{tmp_path}/records.db")
    keys, _ = open_keys(Settings(api_keys=(SecretStr("one"),), database_url=url), SystemClock())

    assert keys.authenticate("one").key_id.startswith("key_")
    with pytest.raises(AuthenticationError):
        keys.authenticate("two")


def test_without_a_pepper_there_is_none() -> None:
    assert peppers_of(Settings()) is None
    assert peppers_of(Settings(key_pepper=SecretStr(PEPPER))) is not None


def test_a_gateway_counts_for_itself_unless_it_is_told_where_all_count() -> None:
    metrics = MetricsRecorder(CollectorRegistry(), version="1")
    alone, _ = open_allowances(Settings(), SystemClock(), metrics)
    others = MetricsRecorder(CollectorRegistry(), version="1")
    together, _ = open_allowances(Settings(redis_url=SecretStr("redis://127.0.0.1:9/0")), SystemClock(), others)

    assert isinstance(alone, MemoryAllowances)
    assert isinstance(together, RedisAllowances)
