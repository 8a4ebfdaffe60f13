import logging
from pathlib import Path

import pytest

from gateway.domain.acts import Actor, Effect
from gateway.store.admin_engine import AdminEngine
from gateway.store.audit_log import AuditLog
from tests.keys import NOW_S, upgraded

_BOB = Actor(name="bob", origin="admin", role="viewer", request_id="req-1")
_BOB_TOLD = {"name": "bob", "origin": "admin", "role": "viewer", "request_id": "req-1"}


def _all(log: AuditLog) -> list[tuple[str, str, object]]:
    entries = log.entries(limit=10, since=None, actor=None, act=None, target=None, before_id=None)
    return [(entry.act, entry.target, entry.after) for entry in entries]


def test_a_refusal_is_written_down_with_what_it_would_have_taken(tmp_path: Path) -> None:
    log = AuditLog(AdminEngine(upgraded(tmp_path)), now=lambda: NOW_S)

    log.refused(_BOB, "POST /admin/keys", needs="admin")

    assert _all(log) == [("refused", "POST /admin/keys", {"needs": "admin"})]


def test_what_is_done_is_written_down_where_anything_came_of_it(tmp_path: Path) -> None:
    log = AuditLog(AdminEngine(upgraded(tmp_path)), now=lambda: NOW_S)

    log.carry_out(_BOB, "policies.reload", "policies", lambda: None)
    done = log.carry_out(_BOB, "log_level.set", "log level", lambda: Effect(before="info", after="debug"))

    assert done == Effect(before="info", after="debug")
    assert _all(log) == [("log_level.set", "log level", "debug")]


def test_what_the_database_cannot_be_told_is_done_and_stands_whole_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = AuditLog(AdminEngine(f"sqlite:///{tmp_path}/none.db"), now=lambda: NOW_S)

    done = log.carry_out(_BOB, "log_level.set", "log level", lambda: Effect(before="info", after="debug"))
    log.refused(_BOB, "POST /admin/keys", needs="admin")

    assert done is not None
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert [vars(record)["audit"] for record in caplog.records] == [
        {"act": act, "target": target, **_BOB_TOLD, **effect}
        for act, target, effect in (
            ("log_level.set", "log level", {"before": "info", "after": "debug"}),
            ("refused", "POST /admin/keys", {"before": None, "after": {"needs": "admin"}}),
        )
    ]
