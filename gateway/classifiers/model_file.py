"""The model file: weights in safetensors, with a JSON header that says what they are; nothing in it is ever executed.

Weights of n-grams are whole numbers of eight bits with one scale a table, as hundreds of thousands must fit.
"""

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import astuple
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from gateway.classifiers.answer_amounts import ANSWER_AMOUNTS
from gateway.classifiers.answer_head import AnswerHead
from gateway.classifiers.curve import Curve
from gateway.classifiers.features import FEATURES, FeatureExtractor
from gateway.classifiers.heads import TASK_SLOT_BITS, Amounts, Head, TaskHead, Text
from gateway.classifiers.lexicon import load_lexicon
from gateway.classifiers.linear import Band, LinearClassifier, Model
from gateway.classifiers.ngrams import KINDS, SLOT_BITS
from gateway.classifiers.shapes import SHAPES
from gateway.domain.classification import Task

FORMAT: Final = 2
"""Of the features, the hashing and the layout: a file of another one would be read wrongly."""
PRIOR: Final = "prior.safetensors"

_METADATA: Final = "sizewise"
_LEVELS: Final = 127
_WIDEST: Final = 8.0
"""Times the root mean square of a table's weights: those beyond are cut, so that one does not coarsen all others."""
_DIGEST_CHARS: Final = 12
_TYPES: Final = ("int8", "float32")

Tensors = dict[str, NDArray[Any]]


class ModelFileError(ValueError):
    """A model file is not usable; the message names the file and what is wrong with it."""


class _HeadHeader(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    texts: tuple[Text, ...]
    words: tuple[str, ...]
    bias: float
    features: dict[str, float]
    callers: dict[str, float]
    has_shape: bool


class _Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says of itself, in JSON."""

    format: int
    name: str
    version: str
    provenance: str
    known_min: float
    evidence_min: float
    demanding: tuple[Task, ...]
    ask: _HeadHeader
    ask_curve: Curve
    answer: _HeadHeader | None
    answer_curve: Curve
    tasks: tuple[Task, ...]
    task_features: tuple[str, ...]
    history: tuple[Band, ...]


class _Envelope(Struct):
    """What safetensors keeps beside tensors."""

    metadata: dict[str, str] | None = msgspec.field(default=None, name="__metadata__")


class _Format(Struct):
    """All that is read of a header before the rest is believed."""

    format: int = 0


def load_prior() -> LinearClassifier:
    """The classifier shipped with the package; it reads two files, so load it once and pass it on."""
    return load_classifier(None)


def load_classifier(path: Path | None) -> LinearClassifier:
    """That of a model file, or the shipped one. Raises ModelFileError, also for a file that cannot be read."""
    model = _prior() if path is None else parse_model(_read(path), str(path))
    task = model.task or _prior().task
    if task is None:
        raise ModelFileError(f"{PRIOR}: tells no tasks; the package is broken, install it again")
    return LinearClassifier(model, FeatureExtractor(load_lexicon()), task)


def _prior() -> Model:
    return parse_model(files(__package__).joinpath(PRIOR).read_bytes(), PRIOR)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from error


def model_bytes(model: Model) -> bytes:
    """The file of a model; equal models give equal bytes."""
    tensors: Tensors = {}
    header = _Header(
        format=FORMAT,
        name=model.name,
        version=model.version,
        provenance=model.provenance,
        known_min=model.known_min,
        evidence_min=model.evidence_min,
        demanding=model.demanding,
        ask=_put_head("ask", model.ask, tensors),
        ask_curve=model.ask_curve,
        answer=None if model.answer is None else _put_head("answer.ask", model.answer.ask, tensors),
        answer_curve=model.answer_curve,
        tasks=() if model.task is None else model.task.tasks,
        task_features=() if model.task is None else tuple(model.task.features),
        history=model.history,
    )
    if model.answer is not None:
        _put_amounts("answer.amounts", model.answer.amounts, tensors)
        _put_table("answer.ngrams", model.answer.ngrams, tensors)
    if model.task is not None:
        tensors["task.bias"] = model.task.bias
        weights = np.array(list(model.task.features.values()), np.float32)
        tensors["task.features"] = weights.reshape(len(model.task.features), len(model.task.tasks))
        _put_table("task.ngrams", model.task.ngrams, tensors)
    return save(tensors, metadata={_METADATA: msgspec.json.encode(header).decode()})


def parse_model(data: bytes, file: str) -> Model:
    """The model that the bytes of a file describe. Raises ModelFileError.

    file  what the error messages call it
    """
    try:
        tensors = load(data)
    except SafetensorError as error:
        raise ModelFileError(f"{file}: not a whole model file: {error}; train it again, or copy it again") from error
    except KeyError as error:
        raise ModelFileError(f"{file}: not a model of Sizewise: it has a tensor of type {error}") from error
    header = _header(data, file)
    get = _Reader(tensors, file)
    answer = None
    if header.answer is not None:
        answer = AnswerHead(
            ask=_head("answer.ask", header.answer, get),
            amounts=get.amounts("answer.amounts", ANSWER_AMOUNTS),
            ngrams=get.table("answer.ngrams", (len(KINDS) << SLOT_BITS,)),
        )
    return Model(
        name=header.name,
        version=header.version,
        provenance=header.provenance,
        digest=hashlib.sha256(data).hexdigest()[:_DIGEST_CHARS],
        known_min=header.known_min,
        evidence_min=header.evidence_min,
        demanding=header.demanding,
        ask=_head("ask", header.ask, get),
        ask_curve=header.ask_curve,
        answer=answer,
        answer_curve=header.answer_curve,
        task=_task(header, get) if header.tasks else None,
        history=header.history,
    )


def _header(data: bytes, file: str) -> _Header:
    """Of bytes that safetensors has found sound: eight bytes of length, then JSON."""
    length = int.from_bytes(data[:8], "little")
    try:
        text = (msgspec.json.decode(data[8 : 8 + length], type=_Envelope).metadata or {})[_METADATA]
        found = msgspec.json.decode(text, type=_Format).format
        if found != FORMAT:
            raise ModelFileError(
                f"{file}: has format {found}, and this version of Sizewise reads format {FORMAT}; train it again with "
                "'sizewise classifier train'"
            )
        header = msgspec.json.decode(text, type=_Header)
    except KeyError as error:
        raise ModelFileError(f"{file}: not a model of Sizewise: it has no header {_METADATA!r}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise ModelFileError(f"{file}: its header cannot be read: {error}") from error
    _check_header(header, file)
    return header


def _check_header(header: _Header, file: str) -> None:
    for name in ("name", "version", "provenance"):
        if not getattr(header, name).strip():
            raise ModelFileError(f"{file}: {name!r} is empty")
    for curve in (header.ask_curve, header.answer_curve):
        rises = all(later > earlier for each in astuple(curve) for earlier, later in pairwise(each))
        if len(curve.scores) != len(curve.log_odds) or not rises:
            raise ModelFileError(f"{file}: its calibration curve does not rise from knot to knot")
    heads = [head for head in (header.ask, header.answer) if head is not None]
    if not all(head.texts for head in heads):
        raise ModelFileError(f"{file}: a head reads no text")
    for feature in (*header.task_features, *(name for head in heads for name in head.features)):
        if feature not in FEATURES:
            raise ModelFileError(f"{file}: has a weight for {feature!r}, which is no feature of this version")
    rises = all(earlier.log_odds_max <= later.log_odds_max for earlier, later in pairwise(header.history))
    if not rises or not all(0 <= band.right <= band.rows > 0 for band in header.history):
        raise ModelFileError(f"{file}: its history is not of rows by rising score, with at most all of them right")


def _head(name: str, header: _HeadHeader, get: "_Reader") -> Head:
    return Head(
        bias=header.bias,
        features=header.features,
        callers=header.callers,
        shape=get.amounts(f"{name}.shape", SHAPES) if header.has_shape else None,
        ngrams={text: get.table(f"{name}.ngrams.{text}", (len(KINDS) << SLOT_BITS,)) for text in header.texts},
        words=frozenset(header.words),
    )


def _task(header: _Header, get: "_Reader") -> TaskHead:
    tasks = len(header.tasks)
    features = get.array("task.features", (len(header.task_features), tasks))
    return TaskHead(
        tasks=header.tasks,
        bias=get.array("task.bias", (tasks,)),
        features=dict(zip(header.task_features, features, strict=True)),
        ngrams=get.table("task.ngrams", (len(KINDS) << TASK_SLOT_BITS, tasks)),
    )


class _Reader:
    """The tensors of a file, each checked before it is handed out. Raises ModelFileError."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], file: str) -> None:
        self._tensors = tensors
        self._file = file

    def array(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        found = self._tensors.get(name)
        if found is None:
            raise ModelFileError(f"{self._file}: tensor {name!r} is missing")
        if found.shape != shape:
            raise ModelFileError(f"{self._file}: tensor {name!r} has shape {found.shape}, expected {shape}")
        if found.dtype.name not in _TYPES:
            raise ModelFileError(f"{self._file}: tensor {name!r} is of {found.dtype}, expected {' or '.join(_TYPES)}")
        return self._finite(name, found.astype(np.float32))

    def _finite(self, name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if not np.isfinite(values).all():
            raise ModelFileError(f"{self._file}: tensor {name!r} holds values that are not finite numbers")
        return values

    def table(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Weights of n-grams, with their scales undone."""
        scales = self.array(f"{name}.scales", (len(KINDS), *shape[1:]))
        levels = self.array(name, shape).reshape(len(KINDS), -1, *shape[1:])
        with np.errstate(over="ignore"):
            return self._finite(name, (levels * scales[:, None]).reshape(shape))

    def amounts(self, name: str, names: tuple[str, ...]) -> Amounts:
        means, scales, weights = self.array(name, (3, len(names))).astype(np.float64)
        if not (scales > 0.0).all():
            raise ModelFileError(f"{self._file}: tensor {name!r} holds a scale that is not above 0")
        return Amounts(names, means, scales, weights)


def _put_head(name: str, head: Head, tensors: Tensors) -> _HeadHeader:
    if head.shape is not None:
        _put_amounts(f"{name}.shape", head.shape, tensors)
    for text, table in head.ngrams.items():
        _put_table(f"{name}.ngrams.{text}", table, tensors)
    return _HeadHeader(
        texts=tuple(head.ngrams),
        words=tuple(sorted(head.words)),
        bias=head.bias,
        features=dict(head.features),
        callers=dict(head.callers),
        has_shape=head.shape is not None,
    )


def _put_amounts(name: str, amounts: Amounts, tensors: Tensors) -> None:
    tensors[name] = np.stack([amounts.means, amounts.scales, amounts.weights]).astype(np.float32)


def _put_table(name: str, table: NDArray[np.float32], tensors: Tensors) -> None:
    """Rounds each kind's weights, of each output for itself, to whole numbers up to _LEVELS either way."""
    kinds = table.reshape(len(KINDS), -1, *table.shape[1:])
    usual = np.sqrt((kinds**2).sum(axis=1) / np.maximum(1, (kinds != 0.0).sum(axis=1)))
    widest = np.minimum(np.abs(kinds).max(axis=1), _WIDEST * usual)
    scales = np.maximum(widest / _LEVELS, np.finfo(np.float32).tiny)
    levels = np.clip(np.rint(kinds / scales[:, None]), -_LEVELS, _LEVELS)
    tensors[name] = levels.astype(np.int8).reshape(table.shape)
    tensors[f"{name}.scales"] = scales.astype(np.float32)
