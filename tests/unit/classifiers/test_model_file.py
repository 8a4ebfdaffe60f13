import hashlib
import os
from importlib.resources import files
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray
from safetensors.numpy import load

from gateway.classifiers.curve import Curve
from gateway.classifiers.heads import TASK_SLOT_BITS, Amounts
from gateway.classifiers.linear import Band
from gateway.classifiers.model_file import (
    FORMAT,
    PRIOR,
    load_classifier,
    load_prior,
    model_bytes,
    parse_model,
)
from gateway.classifiers.ngrams import KINDS, SLOT_BITS, ngrams_of
from gateway.classifiers.shapes import shape_of
from gateway.classifiers.tensors import ModelFileError
from gateway.classifiers.vocabulary import tokens_of
from gateway.domain.classification import Task
from gateway.domain.signals import measure
from tests.builders import a_request
from tests.unit.classifiers.synthetic import a_head, a_model, a_task_head, an_answer_head, some_weights

TABLE = (len(KINDS) << SLOT_BITS,)
FILE = model_bytes(a_model())


def _assert_near(found: NDArray[np.float32], written: NDArray[np.float32]) -> None:
    """Each weight within half a level of its kind's; small ones within one, as none becomes 0."""
    kinds = written.reshape(len(KINDS), -1, *written.shape[1:])
    level = np.abs(kinds).max(axis=1, keepdims=True) / 127
    assert found.shape == written.shape
    off = np.abs(found.reshape(kinds.shape) - kinds)
    assert (off <= np.where(np.abs(kinds) < 0.5 * level, 1.001, 0.501) * level).all()


def _assert_same_amounts(found: Amounts | None, written: Amounts | None) -> None:
    assert found is not None
    assert written is not None
    assert found.names == written.names
    for name in ("means", "scales", "weights"):
        np.testing.assert_array_equal(getattr(found, name), getattr(written, name))


def test_what_is_said_of_a_model_is_read_as_written() -> None:
    model = a_model()

    read = parse_model(FILE, "m")

    for name in ("name", "version", "provenance", "known_min", "evidence_min", "demanding", "history"):
        assert getattr(read, name) == getattr(model, name)
    assert (read.ask_curve, read.answer_curve) == (model.ask_curve, model.answer_curve)
    assert read.label == f"mine@7+{hashlib.sha256(FILE).hexdigest()[:12]}"


def test_a_head_is_read_as_written() -> None:
    written = a_head(ngrams={"instruction": some_weights(TABLE, seed=8), "ask": some_weights(TABLE, seed=9)})

    read = parse_model(model_bytes(a_model(ask=written)), "m").ask

    for name in ("bias", "features", "callers", "words"):
        assert getattr(read, name) == getattr(written, name)
    _assert_same_amounts(read.shape, written.shape)
    assert list(read.ngrams) == ["instruction", "ask"]
    for text, table in written.ngrams.items():
        _assert_near(read.ngrams[text], table)


def test_an_answer_head_is_read_as_written() -> None:
    written = an_answer_head()

    read = parse_model(FILE, "m").answer

    assert read is not None
    assert (read.ask.bias, read.ask.features, read.ask.shape) == (0.75, written.ask.features, None)
    _assert_near(read.ask.ngrams["ask"], written.ask.ngrams["ask"])
    _assert_same_amounts(read.amounts, written.amounts)
    _assert_near(read.ngrams, written.ngrams)


def test_a_task_head_is_read_as_written() -> None:
    written = a_task_head()

    read = parse_model(FILE, "m").task

    assert read is not None
    assert read.tasks == written.tasks
    np.testing.assert_array_equal(read.bias, written.bias)
    assert {name: each.tolist() for name, each in read.features.items()} == {"code present": [-1.0, 2.0]}
    np.testing.assert_array_equal(read.ngrams, written.ngrams)
    np.testing.assert_array_equal(read.steps, written.steps)


def test_parts_that_a_model_has_not_are_not_in_its_file() -> None:
    small = a_model(
        ask=a_head(shape=None, features={}, callers={}, words=frozenset()),
        ask_curve=Curve(),
        answer=None,
        answer_curve=Curve(),
        task=None,
        demanding=(),
        history=(),
    )

    data = model_bytes(small)

    read = parse_model(data, "m")
    assert sorted(load(data)) == ["ask.ngrams.ask", "ask.ngrams.ask.steps"]
    assert (read.ask.shape, read.answer, read.task, read.history) == (None, None, None, ())
    assert read.ask_curve == Curve()


def test_tasks_that_no_feature_tells_are_read_as_written() -> None:
    read = parse_model(model_bytes(a_model(task=a_task_head(features={}))), "m").task

    assert read is not None
    assert (read.tasks, read.features) == (("chat", "code"), {})


def test_a_head_of_no_words_at_all_is_read_as_written() -> None:
    empty = a_head(ngrams={"ask": np.zeros(TABLE, np.float32)})

    read = parse_model(model_bytes(a_model(ask=empty)), "m").ask

    assert not read.ngrams["ask"].any()


def test_one_huge_weight_is_cut_and_does_not_coarsen_the_others() -> None:
    table = some_weights(TABLE)
    table[7] = 1e4

    read = parse_model(model_bytes(a_model(ask=a_head(ngrams={"ask": table}))), "m").ask.ngrams["ask"]

    rms = float(np.sqrt((table[: 1 << SLOT_BITS] ** 2).sum() / np.count_nonzero(table[: 1 << SLOT_BITS])))
    assert read[7] == pytest.approx(8 * rms, rel=1e-3)
    assert np.abs(np.delete(read - table, 7)).max() <= 1.01 * 8 * rms / 127


def test_each_kind_has_its_own_scale() -> None:
    table = some_weights(TABLE)
    table[: 1 << SLOT_BITS] *= 1e-4

    read = parse_model(model_bytes(a_model(ask=a_head(ngrams={"ask": table}))), "m").ask.ngrams["ask"]

    _assert_near(read, table)
    assert np.count_nonzero(read[: 1 << SLOT_BITS])


def test_equal_models_give_equal_bytes() -> None:
    words = ["river", "stone bridge", "川", *map(str, range(50))]

    one, two = (model_bytes(a_model(ask=a_head(words=frozenset(words)))) for words in (words, list(reversed(words))))

    assert one == two


def test_the_digest_is_of_the_whole_file() -> None:
    digests = {parse_model(model_bytes(a_model(version=version)), "m").digest for version in ("1", "2")}

    assert len(digests) == 2


def test_a_model_is_loaded_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").write_bytes(FILE)
    request = a_request("Is the river near?")

    classifier = load_classifier(tmp_path / "mine.safetensors")

    assert classifier.model.name == "mine"
    assert classifier.classify(request, measure(request)).model == classifier.model.label


def test_a_model_that_tells_no_tasks_tells_those_of_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").write_bytes(model_bytes(a_model(task=None, demanding=())))
    request = a_request("Translate 'good morning' into French.")

    classifier, prior = load_classifier(tmp_path / "mine.safetensors"), load_prior()

    assert classifier.classify(request, measure(request)).task == prior.classify(request, measure(request)).task


def test_a_file_that_is_not_there_or_no_file_is_refused_by_name(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ModelFileError) as raised:
            load_classifier(path)

        assert str(raised.value) == f"{path}: cannot be read: {why}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    file.write_bytes(FILE)
    file.chmod(0)

    with pytest.raises(ModelFileError) as raised:
        load_classifier(file)

    assert str(raised.value) == f"{file}: cannot be read: Permission denied"


def test_an_empty_file_and_a_text_are_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    for content in (b"", b"name: mine\n"):
        file.write_bytes(content)

        with pytest.raises(ModelFileError) as raised:
            load_classifier(file)

        assert str(raised.value).startswith(f"{file}: not a whole model file: ")


def _shipped() -> bytes:
    return files("gateway.classifiers").joinpath(PRIOR).read_bytes()


def test_the_shipped_model_is_small() -> None:
    assert len(_shipped()) < 2_000_000


def test_the_shipped_model_says_what_it_is() -> None:
    model = load_prior().model

    assert model.name == "prior"
    assert model.version
    assert len(model.provenance) > 20
    assert model.digest == hashlib.sha256(_shipped()).hexdigest()[:12]
    assert load_classifier(None).model.label == model.label


def test_the_shipped_model_tells_every_task() -> None:
    task = load_prior().model.task

    assert task is not None
    assert set(task.tasks) == set(get_args(Task))
    assert task.ngrams.shape == (len(KINDS) << TASK_SLOT_BITS, len(task.tasks))


def test_bands_of_equal_scores_are_a_history() -> None:
    history = (Band(0.5, 50, 10), Band(0.5, 50, 50), Band(0.75, 1, 0))

    assert parse_model(model_bytes(replace(a_model(), history=history)), "m").history == history


def test_what_weights_are_of_is_that_of_the_format() -> None:
    """Change FORMAT with this: weights of older files would be read as those of other n-grams and amounts."""
    text = "What is 3 + 4.5 €? A. 7 B. 7.5 我们的合同 – – not all-caps"

    seen = ngrams_of(text)
    kept = [*seen.slots.tolist(), *seen.counts, *(round(amount, 6) for amount in shape_of(text, tokens_of(text)))]

    assert (FORMAT, hashlib.sha256(repr(kept).encode()).hexdigest()[:12]) == (3, "d9306e4404ab")
