from gateway.domain.intent import unfinished
from tests.builders import an_intent


def test_of_a_request_that_was_not_over_only_its_beginning_is_told() -> None:
    record = unfinished(an_intent("req-7", alias="support-bot", stream=True))

    assert (record.id, record.alias, record.stream, record.team) == ("req-7", "support-bot", True, "support")
    assert (record.outcome, record.status, record.deployment, record.attempts) == ("unknown", None, None, ())


def test_what_it_cost_is_unknown_and_not_nothing() -> None:
    record = unfinished(an_intent())

    assert record.cost_nano_usd is None
    assert record.unpriced is not None
    assert "not known" in record.unpriced
