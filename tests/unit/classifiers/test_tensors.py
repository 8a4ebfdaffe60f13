from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from gateway.classifiers.ngrams import KINDS, SLOT_BITS
from gateway.classifiers.tensors import ModelFileError, TensorReader, Tensors, in_steps, put_table

SLOTS = len(KINDS) << SLOT_BITS
WEIGHTS = st.floats(-100.0, 100.0, width=32)


def reader(**tensors: NDArray[Any]) -> TensorReader:
    return TensorReader(tensors, "mine.safetensors")


@given(weights=arrays(np.float32, (64, 2), elements=WEIGHTS))
def test_a_weight_in_steps_is_off_by_half_a_step_and_never_lost_unless_it_is_far_beyond_the_usual(
    weights: NDArray[np.float32],
) -> None:
    levels, steps = in_steps(weights)

    usual = np.sqrt((weights.astype(float) ** 2).sum(axis=0) / np.maximum(1, (weights != 0.0).sum(axis=0)))
    ordinary = np.abs(weights) <= 7.9 * usual
    off = np.abs(levels * steps - weights)
    step = np.broadcast_to(steps, weights.shape)
    allowed = np.where(np.abs(weights) < 0.5 * step, 1.01, 0.51) * step + 1e-6
    assert (off[ordinary] <= allowed[ordinary]).all()
    assert ((levels != 0) == (weights != 0.0)).all()


def test_outputs_have_steps_of_their_own() -> None:
    _, steps = in_steps(np.array([[1.0, 100.0], [-1.0, 50.0]], np.float32))

    assert steps[1] == pytest.approx(100 * steps[0])


def test_no_weights_at_all_are_zeros() -> None:
    levels, steps = in_steps(np.zeros((4, 1), np.float32))

    assert not levels.any()
    assert (steps > 0.0).all()


def test_a_table_is_read_as_it_was_put_with_a_scale_for_each_kind() -> None:
    table = np.zeros(SLOTS, np.float32)
    table[0], table[1 << SLOT_BITS] = 127.0, 0.127
    tensors: Tensors = {}

    put_table("t", table, tensors)

    np.testing.assert_allclose(TensorReader(tensors, "m").table("t"), table, rtol=1e-5)


def test_whole_numbers_of_another_width_are_refused() -> None:
    with pytest.raises(ModelFileError, match=r"mine.safetensors: tensor 'n' is of int16, expected int8"):
        reader(n=np.zeros(3, np.int16)).levels("n", (3,))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_finite_number_is_refused(value: float) -> None:
    with pytest.raises(ModelFileError, match="tensor 'a' holds values that are not finite numbers"):
        reader(a=np.array([1.0, value], np.float32)).array("a", (2,))


def test_a_tensor_that_is_missing_or_of_another_shape_is_named() -> None:
    with pytest.raises(ModelFileError, match="tensor 'a' is missing"):
        reader().array("a", (2,))
    with pytest.raises(ModelFileError, match=r"tensor 'a' has shape \(3,\), expected \(2,\)"):
        reader(a=np.zeros(3, np.float32)).array("a", (2,))
