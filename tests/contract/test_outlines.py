"""What holds on every database for the policies that have decided."""

from sqlalchemy import Engine

from gateway.domain.outline import Clause, Outline
from gateway.store.outlines import find_outline
from gateway.store.sinks import open_sink
from tests.builders import a_record


def _outline(version: str, rule: str) -> Outline:
    return Outline(
        policy="default",
        version=version,
        threshold=0.6,
        default="large-only",
        constraints=(Clause("zu Hause", "signals.personal", "labels.x"),),
        rules=(Clause(rule, "signals.tool_loop", "sticky"),),
    )


def test_a_policy_is_found_by_the_record_it_decided_as_it_was_first_seen(url: str, engine: Engine) -> None:
    sink = open_sink(url)

    sink.note([_outline("v1", "agents"), _outline("v2", "agents, again")])
    sink.note([_outline("v1", "of another release")])
    sink.close()

    assert find_outline(engine, a_record(policy="default", policy_version="v1")) == _outline("v1", "agents")
    assert find_outline(engine, a_record(policy="default", policy_version="v2")) == _outline("v2", "agents, again")
    assert find_outline(engine, a_record(policy="default", policy_version="v3")) is None
    assert find_outline(engine, a_record(policy="other", policy_version="v1")) is None
