"""Reads a linear model's JSON file, and refuses one that could route wrongly without saying so."""

import difflib
import json
import math
from importlib.resources import files
from typing import Any, NoReturn

from gateway.classifiers.features import FEATURES, FeatureExtractor
from gateway.classifiers.lexicon import load_lexicon
from gateway.classifiers.linear import LinearClassifier, LinearModel

_PRIOR = "prior.json"
_KEYS = ("name", "version", "provenance", "bias", "evidence_min", "weights")


class ModelFileError(ValueError):
    """A model file is not usable; the message names the file, the key and what is wrong with it."""


def load_prior() -> LinearClassifier:
    """The classifier shipped with the package; reads two files, so load it once and pass it on."""
    text = files(__package__).joinpath(_PRIOR).read_text("utf-8")
    return LinearClassifier(parse_model(text, _PRIOR), FeatureExtractor(load_lexicon()))


def parse_model(text: str, file: str) -> LinearModel:
    """The model a JSON text describes. Raises ModelFileError.

    file  what the error messages call it
    """
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise ModelFileError(f"{file}: not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise ModelFileError(f"{file}: expected an object with the keys {', '.join(_KEYS)}")
    _check_keys(raw, _KEYS, file, "")
    weights = raw["weights"]
    if not isinstance(weights, dict):
        raise ModelFileError(f"{file}: 'weights': expected an object of feature names and numbers, got {weights!r}")
    _check_keys(weights, FEATURES, file, "weights.")
    model = LinearModel(
        name=_text(raw["name"], file, "name"),
        version=_text(raw["version"], file, "version"),
        provenance=_text(raw["provenance"], file, "provenance"),
        bias=_number(raw["bias"], file, "bias"),
        evidence_min=_number(raw["evidence_min"], file, "evidence_min"),
        weights={name: _number(weights[name], file, f"weights.{name}") for name in FEATURES},
    )
    if not 0.0 < model.evidence_min <= -model.bias:
        raise ModelFileError(
            f"{file}: 'bias': {model.bias!r} must be at most -evidence_min ({model.evidence_min!r}, above 0), "
            "or a request without evidence could go small"
        )
    return model


def _check_keys(given: dict[str, Any], known: tuple[str, ...], file: str, where: str) -> None:
    for key in given:
        if key not in known:
            _unknown(key, known, file, where)
    for key in known:
        if key not in given:
            raise ModelFileError(f"{file}: '{where}{key}' is missing")


def _unknown(key: str, known: tuple[str, ...], file: str, where: str) -> NoReturn:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(map(repr, known))}"
    raise ModelFileError(f"{file}: unknown key '{where}{key}'; {hint}")


def _text(value: Any, file: str, key: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ModelFileError(f"{file}: {key!r}: expected a text, got {value!r}")
    return value


def _number(value: Any, file: str, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ModelFileError(f"{file}: {key!r}: expected a finite number, got {value!r}")
    return float(value)
