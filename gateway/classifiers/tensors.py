"""The tensors of a model file: checked as they are read; weights of n-grams in steps of eight bits."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.classifiers.heads import Amounts
from gateway.classifiers.ngrams import KINDS, SLOT_BITS

Tensors = dict[str, NDArray[Any]]

_TYPES: Final = ("int8", "float32")
_LEVELS: Final = 127
_WIDEST: Final = 8.0
"""Times the root mean square of a table's weights: those beyond are cut, so that one does not coarsen all others."""


class ModelFileError(ValueError):
    """A model file is not usable; the message names the file and what is wrong with it."""


class TensorReader:
    """The tensors of a file, each checked before it is handed out. Raises ModelFileError."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], file: str) -> None:
        self._tensors = tensors
        self._file = file

    def array(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Finite numbers."""
        return self._finite(name, self._found(name, shape).astype(np.float32))

    def levels(self, name: str, shape: tuple[int, ...]) -> NDArray[np.int8]:
        """Whole numbers, of eight bits."""
        found = self._found(name, shape)
        if found.dtype != np.int8:
            raise ModelFileError(f"{self._file}: tensor {name!r} is of {found.dtype}, expected int8")
        return found

    def _found(self, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        found = self._tensors.get(name)
        if found is None:
            raise ModelFileError(f"{self._file}: tensor {name!r} is missing")
        if found.shape != shape:
            raise ModelFileError(f"{self._file}: tensor {name!r} has shape {found.shape}, expected {shape}")
        if found.dtype.name not in _TYPES:
            raise ModelFileError(f"{self._file}: tensor {name!r} is of {found.dtype}, expected {' or '.join(_TYPES)}")
        return found

    def _finite(self, name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if not np.isfinite(values).all():
            raise ModelFileError(f"{self._file}: tensor {name!r} holds values that are not finite numbers")
        return values

    def table(self, name: str) -> NDArray[np.float32]:
        """Weights of n-grams, with the steps of each kind undone; shape (kinds * slots,)."""
        steps = self.array(f"{name}.steps", (len(KINDS), 1))
        levels = self.levels(name, (len(KINDS) << SLOT_BITS,)).reshape(len(KINDS), -1)
        with np.errstate(over="ignore"):
            return self._finite(name, (levels * steps).reshape(-1))

    def amounts(self, name: str, names: tuple[str, ...]) -> Amounts:
        means, scales, weights = self.array(name, (3, len(names))).astype(np.float64)
        if not (scales > 0.0).all():
            raise ModelFileError(f"{self._file}: tensor {name!r} holds a scale that is not above 0")
        return Amounts(names, means, scales, weights)


def put_amounts(name: str, amounts: Amounts, tensors: Tensors) -> None:
    tensors[name] = np.stack([amounts.means, amounts.scales, amounts.weights]).astype(np.float32)


def put_table(name: str, table: NDArray[np.float32], tensors: Tensors) -> None:
    """Weights of n-grams, each kind in steps of its own."""
    kinds = [in_steps(kind[:, None]) for kind in table.reshape(len(KINDS), -1)]
    tensors[name] = np.concatenate([levels[:, 0] for levels, _ in kinds])
    tensors[f"{name}.steps"] = np.stack([steps for _, steps in kinds])


def in_steps(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers up to _LEVELS either way, 0 only for 0, and what a step is worth.

    Shapes (slots, outputs) and (outputs,).
    """
    usual = np.sqrt((weights**2).sum(axis=0) / np.maximum(1, (weights != 0.0).sum(axis=0)))
    widest = np.minimum(np.abs(weights).max(axis=0), _WIDEST * usual)
    steps = np.maximum(widest / _LEVELS, np.finfo(np.float32).tiny).astype(np.float32)
    levels = np.clip(np.rint(weights / steps), -_LEVELS, _LEVELS)
    known = (levels == 0.0) & (weights != 0.0)  # a small weight stays a weight: what is known is told by it
    return np.where(known, np.sign(weights), levels).astype(np.int8), steps
