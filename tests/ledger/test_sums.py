"""The full run is `python -m tests.ledger.sums --requests 100000`."""

from pathlib import Path

from tests.ledger.sums import CASES, audit


def test_the_records_cost_what_the_upstream_has_in_its_own_books(tmp_path: Path) -> None:
    found = audit(tmp_path, requests=2_000, seed=5)

    assert found.rows == found.requests
    assert found.sum_of_requests == found.sum_of_attempts
    assert found.differences() == {}
    assert {case.model for case in CASES} <= set(found.recorded)
    assert {model for model, mine in found.recorded.items() if not mine.is_exact} <= {"missing-usage", "slow-chunks:20"}


def test_a_call_whose_usage_had_to_be_estimated_is_counted_like_any_other(tmp_path: Path) -> None:
    found = audit(tmp_path, requests=600, seed=6)

    assert {model: mine.calls for model, mine in found.recorded.items()} == {
        model: theirs.calls for model, theirs in found.billed.items()
    }
