"""The model file: weights in safetensors, with a JSON header that says what they are; nothing in it is ever executed.

Weights of n-grams are whole numbers of eight bits, as hundreds of thousands must fit.
"""

import hashlib
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import astuple
from safetensors import SafetensorError
from safetensors.numpy import load, save

from gateway.classifiers.answer_amounts import ANSWER_AMOUNTS
from gateway.classifiers.answer_head import AnswerHead
from gateway.classifiers.curve import Curve
from gateway.classifiers.features import FEATURES, FeatureExtractor
from gateway.classifiers.heads import TASK_SLOT_BITS, Head, TaskHead, Text
from gateway.classifiers.lexicon import load_lexicon
from gateway.classifiers.linear import Band, LinearClassifier, Model
from gateway.classifiers.ngrams import KINDS
from gateway.classifiers.shapes import SHAPES
from gateway.classifiers.tensors import ModelFileError, TensorReader, Tensors, put_amounts, put_table
from gateway.domain.classification import Task

FORMAT: Final = 3
"""Of the features, the hashing and the layout: a file of another one would be read wrongly."""
PRIOR: Final = "prior.safetensors"

_METADATA: Final = "sizewise"
_DIGEST_CHARS: Final = 12
_MOST_BYTES: Final = 16 * 2**20


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
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise ModelFileError(f"{path}: not a model file: it is larger than {_MOST_BYTES // 2**20} MiB")
    return data


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
        put_amounts("answer.amounts", model.answer.amounts, tensors)
        put_table("answer.ngrams", model.answer.ngrams, tensors)
    if model.task is not None:
        tensors["task.bias"] = model.task.bias
        weights = np.array(list(model.task.features.values()), np.float32)
        tensors["task.features"] = weights.reshape(len(model.task.features), len(model.task.tasks))
        tensors["task.ngrams"] = model.task.ngrams
        tensors["task.steps"] = model.task.steps
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
    get = TensorReader(tensors, file)
    answer = None
    if header.answer is not None:
        answer = AnswerHead(
            ask=_head("answer.ask", header.answer, get),
            amounts=get.amounts("answer.amounts", ANSWER_AMOUNTS),
            ngrams=get.table("answer.ngrams"),
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


def _head(name: str, header: _HeadHeader, get: TensorReader) -> Head:
    return Head(
        bias=header.bias,
        features=header.features,
        callers=header.callers,
        shape=get.amounts(f"{name}.shape", SHAPES) if header.has_shape else None,
        ngrams={text: get.table(f"{name}.ngrams.{text}") for text in header.texts},
        words=frozenset(header.words),
    )


def _task(header: _Header, get: TensorReader) -> TaskHead:
    tasks = len(header.tasks)
    features = get.array("task.features", (len(header.task_features), tasks))
    return TaskHead(
        tasks=header.tasks,
        bias=get.array("task.bias", (tasks,)),
        features=dict(zip(header.task_features, features, strict=True)),
        ngrams=get.levels("task.ngrams", (len(KINDS) << TASK_SLOT_BITS, tasks)),
        steps=get.array("task.steps", (tasks,)),
    )


def _put_head(name: str, head: Head, tensors: Tensors) -> _HeadHeader:
    if head.shape is not None:
        put_amounts(f"{name}.shape", head.shape, tensors)
    for text, table in head.ngrams.items():
        put_table(f"{name}.ngrams.{text}", table, tensors)
    return _HeadHeader(
        texts=tuple(head.ngrams),
        words=tuple(sorted(head.words)),
        bias=head.bias,
        features=dict(head.features),
        callers=dict(head.callers),
        has_shape=head.shape is not None,
    )
