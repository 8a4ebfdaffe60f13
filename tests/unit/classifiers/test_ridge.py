import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.classifiers.ridge import NotPositiveError, solve

Floats = NDArray[np.float32]


def _problem(rows: int = 30, outputs: int = 2, *, seed: int = 0) -> tuple[Floats, Floats]:
    """The kernel of random columns, fewer than rows, and targets that lean on them."""
    generator = np.random.default_rng(seed)
    columns = generator.normal(size=(rows, 8))
    targets = columns @ generator.normal(size=(8, outputs)) + generator.normal(size=(rows, outputs)) + 3.0
    return (columns @ columns.T).astype(np.float32), targets.astype(np.float32)


@pytest.mark.parametrize("penalty", [0.3, 1.5, 40.0])
def test_what_is_said_of_a_row_left_out_is_what_a_fit_without_it_says(penalty: float) -> None:
    kernel, targets = _problem()
    mean = targets.mean(axis=0)

    found = solve(kernel, targets, penalty)

    for row in range(len(targets)):
        kept = np.delete(np.arange(len(targets)), row)
        system = kernel[np.ix_(kept, kept)].astype(np.float64) + penalty * np.eye(len(kept))
        refit = mean + kernel[row, kept] @ np.linalg.solve(system, (targets - mean)[kept])
        np.testing.assert_allclose(found.left_out[row], refit, atol=2e-3)


def test_the_solution_solves_the_kernel_with_its_penalty() -> None:
    kernel, targets = _problem()

    found = solve(kernel, targets, 1.5)

    np.testing.assert_allclose(found.mean, targets.mean(axis=0))
    np.testing.assert_allclose(found.mean + kernel @ found.rows + 1.5 * found.rows, targets, atol=1e-3)


def test_each_output_is_fitted_for_itself() -> None:
    kernel, targets = _problem(outputs=3)

    together = solve(kernel, targets, 1.5)
    second = solve(kernel, targets[:, 1:2], 1.5)

    np.testing.assert_allclose(together.left_out[:, 1:2], second.left_out, atol=1e-4)


def test_what_is_said_of_a_row_like_no_other_is_the_mean() -> None:
    kernel, targets = _problem()
    kernel[5], kernel[:, 5] = 0.0, 0.0

    found = solve(kernel, targets, 1.5)

    np.testing.assert_allclose(found.left_out[5], found.mean, rtol=1e-5)


def test_rows_that_are_believed_less_come_nearer_to_the_mean() -> None:
    kernel, targets = _problem()

    near, far = (np.abs(solve(kernel, targets, penalty).left_out - targets.mean(axis=0)) for penalty in (1e4, 1.0))

    assert near.mean() < 0.1 * far.mean()


def test_kernel_and_targets_are_left_as_they_were() -> None:
    kernel, targets = _problem()
    kept = kernel.copy(), targets.copy()

    solve(kernel, targets, 1.5)

    assert np.array_equal(kernel, kept[0])
    assert np.array_equal(targets, kept[1])


def test_a_kernel_that_is_none_is_refused_with_its_penalty() -> None:
    kernel, targets = _problem()
    kernel[3, 3] = -5.0

    with pytest.raises(NotPositiveError, match=r"^the kernel with a penalty of 1\.5 is not positive definite$"):
        solve(kernel, targets, 1.5)
