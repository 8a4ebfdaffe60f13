"""Ridge regression in its dual form, with the exact predictions of each row by a model that has not seen it."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.linalg import lapack

Floats = NDArray[np.float32]


class Solution(Struct, frozen=True, eq=False):
    """What ridge regression found.

    mean       of the targets, shape (outputs,): what is said of a row like no other
    rows       the weight of each row, shape (rows, outputs)
    left_out   each row's prediction, by the solution without that row; shape as `rows`
    """

    mean: Floats
    rows: Floats
    left_out: Floats


class NotPositiveError(ArithmeticError):
    """The kernel with its penalty is not positive definite."""


def solve(kernel: Floats, targets: Floats, penalty: float) -> Solution:
    """Fit targets of shape (rows, outputs); `kernel` is left as it was. Raises NotPositiveError.

    The prediction without a row is its target less its weight over the inverse's diagonal: no second fit is needed
    (the mean of the targets is that of all rows).
    """
    mean = targets.mean(axis=0)
    system = kernel.copy(order="F")
    system[np.diag_indices_from(system)] += np.float32(penalty)
    factor, failed = lapack.spotrf(system, lower=1, overwrite_a=1)
    if failed:
        raise NotPositiveError(f"the kernel with a penalty of {penalty:g} is not positive definite")
    rows, _ = lapack.spotrs(factor, np.asfortranarray(targets - mean), lower=1)
    inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    return Solution(mean, rows, targets - rows / np.diagonal(inverse)[:, None])
