import numpy as np
import pytest

from gateway.classifiers.calibration import (
    LEAST_ROWS,
    TooFewLabelsError,
    most_likely_share,
    rows_needed,
    threshold_for_share,
    threshold_keeping,
)


def _rows(n: int, seed: int = 0) -> tuple[list[float], list[int], list[int]]:
    """Calibrated verdicts, from 0.5 to 1; the large model is always right."""
    generator = np.random.default_rng(seed)
    small_ok = generator.uniform(0.5, 1.0, n)
    return small_ok.tolist(), (generator.random(n) < small_ok).astype(int).tolist(), [1] * n


def test_too_few_labels_are_refused_with_the_number_missing() -> None:
    with pytest.raises(TooFewLabelsError, match=r"^180 labelled rows are missing") as raised:
        threshold_keeping(*_rows(120), keep=0.97, confidence=0.9)

    assert raised.value.missing == 180


@pytest.mark.parametrize(
    ("keep", "confidence", "large_accuracy", "rows"),
    [(0.97, 0.9, 1.0, LEAST_ROWS), (0.999, 0.95, 1.0, 2_995), (0.999, 0.95, 0.5, 5_989), (0.97, 0.9, 0.0, LEAST_ROWS)],
)
def test_a_strict_target_needs_more_rows(keep: float, confidence: float, large_accuracy: float, rows: int) -> None:
    assert rows_needed(large_accuracy, keep=keep, confidence=confidence) == rows


def test_the_bound_clears_the_target_and_is_below_what_was_seen() -> None:
    found = threshold_keeping(*_rows(4_000), keep=0.95, confidence=0.9)

    assert found is not None
    assert found.quality_bound is not None
    assert found.quality_kept is not None
    assert 0.95 <= found.quality_bound < found.quality_kept
    assert 0.0 < found.large_share < 1.0


def test_what_is_said_of_a_threshold_is_what_it_does() -> None:
    small_ok, small, large = _rows(1_000)

    found = threshold_keeping(small_ok, small, large, keep=0.9, confidence=0.9)

    assert found is not None
    goes_small = np.asarray(small_ok) >= found.threshold
    assert found.large_share == pytest.approx(1.0 - goes_small.mean())
    assert found.accuracy == pytest.approx(np.where(goes_small, small, large).mean())


def test_quality_is_kept_on_new_rows_as_often_as_promised() -> None:
    kept = []
    for seed in range(60):
        found = threshold_keeping(*_rows(600, seed), keep=0.95, confidence=0.9, resamples=200)
        threshold = found.threshold if found else 1.0
        kept.append(1.0 - (1.0 - threshold) ** 2 >= 0.95)  # of uniform verdicts p in (.5, 1), those above t lose 1 - p

    assert np.mean(kept) >= 0.85


def test_a_smaller_target_sends_more_rows_small() -> None:
    strict, lenient = (threshold_keeping(*_rows(2_000), keep=keep, confidence=0.9) for keep in (0.98, 0.9))

    assert strict is not None
    assert lenient is not None
    assert lenient.large_share < strict.large_share


def test_no_threshold_is_given_where_the_surest_rows_lose_too_much() -> None:
    small_ok = [0.9] * 200 + [0.1] * 200

    assert threshold_keeping(small_ok, [0] * 400, [1] * 400, keep=0.97, confidence=0.9) is None
    assert threshold_keeping(small_ok, [1] * 400, [0] * 400, keep=0.97, confidence=0.9) is None


def test_where_the_small_model_is_as_good_all_go_small() -> None:
    found = threshold_keeping([0.6] * 400, [1] * 400, [1] * 400, keep=0.97, confidence=0.9)

    assert found is not None
    assert (found.large_share, found.threshold) == (0.0, 0.6)


def test_a_share_is_met_as_nearly_as_equal_rows_allow() -> None:
    small_ok = [0.9, 0.8, 0.8, 0.8, 0.2]

    third, none_of_it, all_of_it = (
        threshold_for_share(small_ok, [1, 0, 1, 0, 0], [1] * 5, large_share=share) for share in (0.3, 0.0, 1.0)
    )

    assert third.large_share == pytest.approx(0.2)
    assert (third.threshold, third.accuracy) == (0.8, 0.6)
    assert none_of_it.large_share == 0.0
    assert none_of_it.threshold <= 0.2
    assert all_of_it.large_share == 1.0
    assert 0.9 < all_of_it.threshold <= 1.0


def test_a_threshold_has_no_more_decimals_than_it_needs() -> None:
    found = threshold_for_share([0.71239, 0.70001, 0.7, 0.1], [1] * 4, [1] * 4, large_share=0.5)

    assert found.threshold == 0.70001
    assert threshold_for_share([0.71239, 0.6], [1] * 2, [1] * 2, large_share=0.5).threshold == 0.71


@pytest.mark.parametrize(
    ("found", "tries", "bound"), [(0, 100, 0.02276), (5, 100, 0.09078), (100, 100, 1.0), (0, 1, 0.9)]
)
def test_the_exact_bound_of_a_share(found: int, tries: int, bound: float) -> None:
    assert most_likely_share(found, tries, 0.9) == pytest.approx(bound, abs=1e-4)
