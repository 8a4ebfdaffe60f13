import numpy as np
import pytest

from gateway.classifiers.reliability import Bin, bins_for, calibration_error, reliability_bins


def test_bins_hold_as_many_rows_each_from_the_lowest_on() -> None:
    bins = reliability_bins([0.9, 0.1, 0.3, 0.7], [1, 0, 1, 1], bins=2)

    assert [(each.rows, each.observed) for each in bins] == [(2, 0.5), (2, 1.0)]
    assert [each.mean_probability for each in bins] == pytest.approx([0.2, 0.8])


def test_equal_probabilities_share_a_bin_however_the_file_is_ordered() -> None:
    bins = reliability_bins([0.5] * 100, [0] * 50 + [1] * 50)

    assert bins == (Bin(rows=100, mean_probability=0.5, observed=0.5),)
    assert calibration_error(bins) == 0.0


def test_the_error_weighs_each_row_the_same() -> None:
    bins = (Bin(rows=3, mean_probability=0.5, observed=0.7), Bin(rows=1, mean_probability=0.9, observed=0.5))

    assert calibration_error(bins) == pytest.approx((3 * 0.2 + 0.4) / 4)


@pytest.mark.parametrize(("rows", "bins"), [(1, 2), (199, 2), (200, 2), (300, 3), (999, 9), (1_000, 10), (100_000, 10)])
def test_a_bin_has_a_hundred_rows_where_there_are_enough(rows: int, bins: int) -> None:
    assert bins_for(rows) == bins
    assert len(reliability_bins(np.linspace(0.0, 1.0, rows), np.zeros(rows))) == min(bins, rows)


def test_a_perfect_model_is_not_blamed_for_the_chance_of_small_bins() -> None:
    errors = []
    for seed in range(50):
        generator = np.random.default_rng(seed)
        promised = generator.uniform(0.2, 0.8, 400)
        came = generator.random(400) < promised
        errors.append([calibration_error(reliability_bins(promised, came, bins)) for bins in (10, None)])

    ten, as_many_as_rows_allow = np.mean(errors, axis=0)
    assert as_many_as_rows_allow < 0.04 < ten
