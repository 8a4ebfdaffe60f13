from typing import Any

import pytest

from gateway.domain.feedback import Feedback, Label
from gateway.domain.labels import PROVEN, Labels, WhyNone, labels_of
from gateway.domain.record import CheckResult, RequestRecord
from tests.builders import a_record, an_attempt


def _said(label: Label) -> Feedback:
    return Feedback(request_id="req-1", label=label, given_at=1_790_000_000.0)


def _cascade(*failures: str, **changes: Any) -> RequestRecord:
    failed = an_attempt(outcome="failed", checked=CheckResult(passed=False, failures=failures))
    served = an_attempt(number=2, deployment="large-a", tier="large")
    return a_record(attempts=(failed, served), tier="large", **changes)


def _labels(record: RequestRecord, feedback: Feedback | None = None, small: str = "small") -> Labels | WhyNone:
    return labels_of(record, feedback, small_tier=small, large_tier="large")


@pytest.mark.parametrize(("label", "is_right"), [("good", True), ("bad", False)])
def test_feedback_on_the_small_answer_labels_it_and_the_large_is_assumed_right(label: Label, is_right: bool) -> None:
    assert _labels(a_record(), _said(label)) == Labels(
        small_correct=is_right, large_correct=True, large_assumed=True, served="small"
    )


def test_feedback_on_the_large_answer_says_nothing_of_the_small() -> None:
    assert _labels(a_record(attempts=(an_attempt(tier="large"),)), _said("bad")) == "only_large"


def test_an_answer_of_another_tier_says_nothing_of_either() -> None:
    assert _labels(a_record(attempts=(an_attempt(tier="tiny"),)), _said("good")) == "other_tier"


def test_tiers_are_told_by_the_names_given() -> None:
    labels = _labels(a_record(attempts=(an_attempt(tier="tiny"),)), _said("good"), small="tiny")

    assert isinstance(labels, Labels)


def test_without_word_or_failure_nothing_is_known() -> None:
    passed = an_attempt(checked=CheckResult(passed=True))

    assert _labels(a_record(attempts=(passed,))) == "nothing_known"


@pytest.mark.parametrize("failure", sorted(PROVEN))
def test_a_proven_failure_labels_the_small_answer_by_itself(failure: str) -> None:
    assert _labels(_cascade(failure)) == Labels(
        small_correct=False, large_correct=True, large_assumed=True, served="large"
    )


@pytest.mark.parametrize(("label", "is_right"), [("good", True), ("bad", False)])
def test_word_of_the_answer_after_a_proven_failure_labels_the_large_one(label: Label, is_right: bool) -> None:
    assert _labels(_cascade("truncated", "refused"), _said(label)) == Labels(
        small_correct=False, large_correct=is_right, large_assumed=False, served="large"
    )


@pytest.mark.parametrize("doubt", ["truncated", "wrong_language", "unbalanced_code"])
def test_a_doubt_counts_only_with_a_good_word_for_what_was_served_instead(doubt: str) -> None:
    with_good_word = _labels(_cascade(doubt), _said("good"))

    assert with_good_word == Labels(small_correct=False, large_correct=True, large_assumed=False, served="large")
    assert _labels(_cascade(doubt), _said("bad")) == "only_large"
    assert _labels(_cascade(doubt)) == "nothing_known"


@pytest.mark.parametrize("feedback", [None, _said("good"), _said("bad")])
def test_the_classifier_is_never_taught_its_own_opinion(feedback: Feedback | None) -> None:
    assert isinstance(_labels(_cascade("low_score"), feedback), str)


def test_the_tiers_of_a_cascade_are_those_of_its_answers() -> None:
    failed = an_attempt(tier="medium", checked=CheckResult(passed=False, failures=("empty",)), outcome="failed")
    served = an_attempt(number=2, tier="huge")

    assert isinstance(_labels(a_record(attempts=(failed, served))), Labels)


def test_a_check_that_failed_within_one_tier_is_no_cascade() -> None:
    failed = an_attempt(checked=CheckResult(passed=False, failures=("empty",)), outcome="failed")
    record = a_record(attempts=(failed, an_attempt(number=2, deployment="small-b")))

    labels = _labels(record, _said("good"))

    assert _labels(record) == "nothing_known"
    assert isinstance(labels, Labels)
    assert labels.small_correct


def test_a_call_that_failed_is_no_answer_that_failed() -> None:
    failed = an_attempt(outcome="failed", error_code="upstream_timeout")

    assert _labels(a_record(attempts=(failed, an_attempt(number=2, tier="large"))), _said("good")) == "only_large"


@pytest.mark.parametrize("outcome", ["refused", "failed", "interrupted", "client_disconnected", "unknown"])
def test_what_was_not_answered_whole_has_no_labels(outcome: str) -> None:
    assert _labels(a_record(outcome=outcome), _said("good")) == "not_answered"
    assert _labels(a_record(attempts=())) == "not_answered"
