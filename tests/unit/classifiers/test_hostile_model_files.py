"""Files that are no models, or broken ones: each is refused by name, or loads with nothing but finite numbers."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load, save

from gateway.classifiers.linear import Model
from gateway.classifiers.model_file import FORMAT, load_prior, model_bytes, parse_model
from gateway.classifiers.tensors import ModelFileError
from tests.unit.classifiers.synthetic import a_model

FILE = model_bytes(a_model())
HEADER_END = 8 + int.from_bytes(FILE[:8], "little")


def _header() -> dict[str, Any]:
    envelope = msgspec.json.decode(FILE[8:HEADER_END], type=dict[str, dict[str, Any]])
    header: dict[str, Any] = msgspec.json.decode(envelope["__metadata__"]["sizewise"])
    return header


def _with_header(text: str) -> bytes:
    return save(load(FILE), metadata={"sizewise": text})


def _with(**changes: Any) -> bytes:
    """The file with other values in its header; `ask` and `answer` are changed key by key."""
    header = _header()
    for key, value in changes.items():
        header[key] = {**header[key], **value} if key in {"ask", "answer"} and value else value
    return _with_header(msgspec.json.encode(header).decode())


def _with_tensors(**tensors: NDArray[Any] | None) -> bytes:
    """The file with other tensors, their dots written as two underscores; None: without it."""
    found = load(FILE)
    for name, tensor in tensors.items():
        found.pop(name.replace("__", "."), None)
        if tensor is not None:
            found[name.replace("__", ".")] = tensor
    return save(found, metadata={"sizewise": msgspec.json.encode(_header()).decode()})


def _with_envelope(**changes: Any) -> bytes:
    """The file with other entries in what safetensors says of it; dots as two underscores."""
    envelope = msgspec.json.decode(FILE[8:HEADER_END], type=dict[str, Any])
    for key, change in changes.items():
        name = key if key == "__metadata__" else key.replace("__", ".")
        envelope[name] = {**envelope[name], **change} if isinstance(change, dict) else change
    text = msgspec.json.encode(envelope)
    return len(text).to_bytes(8, "little") + text + FILE[HEADER_END:]


def _fault(data: bytes) -> str:
    with pytest.raises(ModelFileError) as raised:
        parse_model(data, "m.safetensors")
    message = str(raised.value)
    assert message.startswith("m.safetensors: ")
    return message.removeprefix("m.safetensors: ")


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 100, HEADER_END - 1, HEADER_END, HEADER_END + 1, len(FILE) - 1])
def test_a_file_that_was_cut_short_is_refused(length: int) -> None:
    assert "not a whole model file" in _fault(FILE[:length])


def test_a_file_with_more_after_it_is_refused() -> None:
    assert "not a whole model file" in _fault(FILE + b"\0")


@pytest.mark.parametrize(
    "data",
    [
        b"a text, of more than eight bytes\n",
        b"\0" * 64,
        b"\xff" * 64,
        b'{"name": "prior", "bias": -1.5}',
        b"PK\3\4" * 9,
    ],
)
def test_what_is_no_model_file_at_all_is_refused_with_the_next_step(data: bytes) -> None:
    assert _fault(data).endswith("; train it again, or copy it again")


@pytest.mark.parametrize("found", [0, 2, FORMAT + 1, -1])
def test_a_file_of_another_format_is_refused_with_both(found: int) -> None:
    assert _fault(_with(format=found)) == (
        f"has format {found}, and this version of Sizewise reads format {FORMAT}; train it again with "
        "'sizewise classifier train'"
    )


def test_a_later_format_is_told_whatever_else_it_holds() -> None:
    assert "has format 9" in _fault(_with_header('{"format": 9, "name": 7, "more": [1]}'))


@pytest.mark.parametrize(
    "data",
    [
        save({"weight": np.zeros(3, np.float32)}),
        save({"weight": np.zeros(3, np.float32)}, metadata={"format": "pt"}),
        _with_envelope(__metadata__=None),
    ],
    ids=["none", "another's", "null"],
)
def test_a_file_of_another_program_is_told_by_its_header(data: bytes) -> None:
    assert _fault(data) == "not a model of Sizewise: it has no header 'sizewise'"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "7", '"text"', '{"format": "2"}', '{"format": 3}', "{}{}", "\ud7ff", '{"name": "\\ud800"}'],
)
def test_a_header_that_is_no_description_of_a_model_is_refused(text: str) -> None:
    assert "header cannot be read" in _fault(_with_header(text)) or "has format 0" in _fault(_with_header(text))


@pytest.mark.parametrize("text", ['{"x": %s}', '{"format": 2, "x": %s}', "%s"])
def test_a_header_of_endless_brackets_is_refused(text: str) -> None:
    assert "header cannot be read" in _fault(_with_header(text % ("[" * 50_000 + "]" * 50_000)))


_NOT_NUMBERS = ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", f"1{'0' * 400}", "null", '"1"', "true", "[]"]


@pytest.mark.parametrize("value", _NOT_NUMBERS)
@pytest.mark.parametrize("key", ["bias", "known_min", "evidence_min", "legal terms", "app tutor", "scores", "history"])
def test_a_number_that_is_none_is_refused(key: str, value: str) -> None:
    header = _header()
    places: dict[str, tuple[Any, Any]] = {
        "bias": (header["ask"], "bias"),
        "legal terms": (header["ask"]["features"], "legal terms"),
        "app tutor": (header["ask"]["callers"], "app tutor"),
        "scores": (header["ask_curve"]["scores"], 0),
        "history": (header["history"][0], 0),
    }
    holder, place = places.get(key, (header, key))
    holder[place] = "the value"
    text = msgspec.json.encode(header).decode().replace('"the value"', value)

    assert _fault(_with_header(text)).startswith("its header cannot be read: ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": " "}, "'name' is empty"),
        ({"version": ""}, "'version' is empty"),
        ({"provenance": "\n"}, "'provenance' is empty"),
        ({"name": None}, "its header cannot be read: Expected `str`, got `null` - at `$.name`"),
        ({"biass": 1}, "its header cannot be read: Object contains unknown field `biass`"),
        ({"ask": {"weights": {}}}, "its header cannot be read: Object contains unknown field `weights` - at `$.ask`"),
        ({"ask": None}, "its header cannot be read: Expected `object`, got `null` - at `$.ask`"),
        ({"ask": {"texts": []}}, "a head reads no text"),
        ({"answer": {"texts": []}}, "a head reads no text"),
        ({"ask": {"texts": ["answer"]}}, "its header cannot be read: Invalid enum value 'answer'"),
        ({"ask": {"texts": ["instruction"]}}, "tensor 'ask.ngrams.instruction.steps' is missing"),
        (
            {"ask": {"features": {"legal term": 1}}},
            "has a weight for 'legal term', which is no feature of this version",
        ),
        ({"answer": {"features": {"legals": 1}}}, "has a weight for 'legals', which is no feature of this version"),
        ({"task_features": ["codes"]}, "has a weight for 'codes', which is no feature of this version"),
        ({"task_features": []}, "tensor 'task.features' has shape (1, 2), expected (0, 2)"),
        ({"tasks": ["chat", "sports"]}, "its header cannot be read: Invalid enum value 'sports'"),
        ({"tasks": ["chat"]}, "tensor 'task.features' has shape (1, 2), expected (1, 1)"),
        ({"demanding": ["sports"]}, "its header cannot be read: Invalid enum value 'sports'"),
    ],
    ids=range(18),
)
def test_a_header_that_does_not_fit_is_refused_with_what_is_wrong(changes: dict[str, Any], message: str) -> None:
    assert _fault(_with(**changes)).startswith(message)


@pytest.mark.parametrize("curve", ["ask_curve", "answer_curve"])
@pytest.mark.parametrize(
    ("scores", "log_odds"),
    [
        ([0.0, 1.0], [1.0, 0.0]),
        ([1.0, 0.0], [0.0, 1.0]),
        ([0.0, 1.0], [1.0, 1.0]),
        ([0.0, 0.0], [0.0, 1.0]),
        ([0.0, 1.0], [0.0]),
        ([], [0.0]),
    ],
)
def test_a_curve_that_does_not_rise_is_refused(curve: str, scores: list[float], log_odds: list[float]) -> None:
    data = _with(**{curve: {"scores": scores, "log_odds": log_odds}})

    assert _fault(data) == "its calibration curve does not rise from knot to knot"


@pytest.mark.parametrize(
    "history", [[[1.0, 9, 3], [0.0, 9, 4]], [[0.0, 0, 0]], [[0.0, -2, -3]], [[0.0, 9, 10]], [[0.0, 9, -1]]]
)
def test_a_history_that_cannot_be_is_refused(history: list[list[float]]) -> None:
    assert _fault(_with(history=history)).startswith("its history is not of rows by rising score")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "name",
    [
        "ask.shape",
        "ask.ngrams.ask.steps",
        "answer.amounts",
        "answer.ngrams.steps",
        "task.bias",
        "task.features",
        "task.steps",
    ],
)
def test_a_tensor_with_a_value_that_is_no_number_is_refused(name: str, value: float) -> None:
    tensor = load(FILE)[name].copy()
    tensor.flat[tensor.size // 2] = value

    fault = _fault(_with_tensors(**{name.replace(".", "__"): tensor}))

    assert fault == f"tensor {name!r} holds values that are not finite numbers"


def test_weights_that_are_too_large_for_a_number_are_refused() -> None:
    steps = np.full((3, 1), 3e38, np.float32)

    assert _fault(_with_tensors(ask__ngrams__ask__steps=steps)) == (
        "tensor 'ask.ngrams.ask' holds values that are not finite numbers"
    )


@pytest.mark.parametrize("name", sorted(load(FILE)))
def test_a_tensor_that_is_missing_or_renamed_is_refused_by_name(name: str) -> None:
    key, tensor = name.replace(".", "__"), load(FILE)[name]

    missing, renamed = _with_tensors(**{key: None}), _with_tensors(**{key: None, f"{key}x": tensor})

    assert _fault(missing) == _fault(renamed) == f"tensor {name!r} is missing"


@pytest.mark.parametrize("name", sorted(load(FILE)))
def test_a_tensor_of_another_shape_is_refused_with_both(name: str) -> None:
    tensor = load(FILE)[name]

    fault = _fault(_with_tensors(**{name.replace(".", "__"): np.concatenate((tensor, tensor))}))

    assert fault.startswith(f"tensor {name!r} has shape {(2 * len(tensor), *tensor.shape[1:])}, expected ")


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "uint8", "complex64", "bool"])
def test_a_tensor_of_another_type_is_refused_with_both(dtype: str) -> None:
    fault = _fault(_with_tensors(task__bias=np.zeros(2, dtype)))

    assert fault == f"tensor 'task.bias' is of {dtype}, expected int8 or float32"


@pytest.mark.parametrize(("dtype", "length"), [("BF16", 4), ("F8_E4M3", 8), ("F4", 16)])
def test_a_tensor_of_a_type_that_cannot_be_read_is_refused(dtype: str, length: int) -> None:
    fault = _fault(_with_envelope(task__bias={"dtype": dtype, "shape": [length]}))

    assert fault == f"not a model of Sizewise: it has a tensor of type {dtype!r}"


@pytest.mark.parametrize("name", ["ask.shape", "answer.amounts"])
@pytest.mark.parametrize("scale", [-1.0, 0.0])
def test_a_scale_that_is_not_above_zero_is_refused(name: str, scale: float) -> None:
    tensor = load(FILE)[name].copy()
    tensor[1, 3] = scale

    fault = _fault(_with_tensors(**{name.replace(".", "__"): tensor}))

    assert fault == f"tensor {name!r} holds a scale that is not above 0"


def _is_finite(model: Model) -> bool:
    tables: list[NDArray[Any]] = [*model.ask.ngrams.values()]
    amounts = [model.ask.shape]
    if model.answer is not None:
        tables += [*model.answer.ask.ngrams.values(), model.answer.ngrams]
        amounts += [model.answer.ask.shape, model.answer.amounts]
    if model.task is not None:
        tables += [model.task.bias, model.task.ngrams, *model.task.features.values()]
    for each in amounts:
        if each is not None:
            tables += [each.means, each.scales, each.weights]
    numbers = [model.ask.bias, model.known_min, model.evidence_min, *model.ask.features.values()]
    return all(np.isfinite(table).all() for table in [*tables, np.array(numbers)])


def _assert_loads_finite_or_is_refused(data: bytes) -> None:
    try:
        model = parse_model(data, "m.safetensors")
    except ModelFileError as error:
        assert str(error).startswith("m.safetensors: ")  # noqa: PT017
    else:
        assert _is_finite(model)


FUZZ = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FUZZ
@given(length=st.integers(0, len(FILE) - 1))
def test_a_file_that_was_cut_anywhere_is_refused(length: int) -> None:
    assert _fault(FILE[:length])


@FUZZ
@given(
    flips=st.lists(
        st.tuples(st.integers(0, HEADER_END - 1) | st.integers(HEADER_END, len(FILE) - 1), st.integers(1, 255)),
        min_size=1,
        max_size=4,
    )
)
@example(flips=[(0, 1)])
@example(flips=[(7, 128)])
@example(flips=[(HEADER_END + 3, 127)])
def test_a_file_with_flipped_bits_loads_with_finite_numbers_or_is_refused(flips: list[tuple[int, int]]) -> None:
    data = bytearray(FILE)
    for place, bits in flips:
        data[place] ^= bits

    _assert_loads_finite_or_is_refused(bytes(data))


@FUZZ
@given(place=st.integers(0, 200), bits=st.integers(1, 255))
def test_a_number_with_flipped_bits_loads_finite_or_is_refused(place: int, bits: int) -> None:
    """The scales and amounts lie apart from the many weights, which hardly any random place would miss."""
    tensors = {name: tensor.copy() for name, tensor in load(FILE).items()}
    for tensor in tensors.values():
        if tensor.dtype == np.float32:
            raw = tensor.reshape(-1).view(np.uint8)
            raw[place % raw.size] ^= bits

    _assert_loads_finite_or_is_refused(save(tensors, metadata={"sizewise": msgspec.json.encode(_header()).decode()}))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@FUZZ
@given(key=st.sampled_from(sorted(_header())), value=_JSON)
def test_a_header_with_any_other_value_loads_or_is_refused(key: str, value: Any) -> None:
    header = {**_header(), key: value}

    _assert_loads_finite_or_is_refused(_with_header(msgspec.json.encode(header).decode()))


@FUZZ
@given(key=st.sampled_from(sorted(_header())))
def test_a_header_without_any_of_its_keys_is_refused(key: str) -> None:
    header = _header()
    del header[key]

    fault = _fault(_with_header(msgspec.json.encode(header).decode()))

    assert f"missing required field `{key}`" in fault or (key == "format" and "has format 0" in fault)


def test_the_shipped_model_is_finite() -> None:
    assert _is_finite(load_prior().model)
