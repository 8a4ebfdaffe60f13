from gateway.domain.logged import UNTRIED, Logged


def test_a_refusal_is_comparable_though_nothing_was_tried() -> None:
    logged = Logged(id="req-1", at_s=0.0, alias="auto", outcome="refused")

    assert logged.why_not_comparable == ""


def test_a_request_that_ended_before_anything_was_tried_is_not_comparable() -> None:
    logged = Logged(id="req-1", at_s=0.0, alias="auto", outcome="client_disconnected")

    assert logged.why_not_comparable == UNTRIED


def test_what_cannot_be_read_is_not_comparable_and_says_so() -> None:
    logged = Logged(id="req-1", at_s=0.0, alias="auto", first="small-a", unreadable="an odd task")

    assert logged.why_not_comparable == "an odd task"
