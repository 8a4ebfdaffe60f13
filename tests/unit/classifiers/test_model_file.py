import json
from typing import Any

import pytest

from gateway.classifiers.features import FEATURES
from gateway.classifiers.model_file import ModelFileError, load_prior, parse_model


def a_model(**changes: Any) -> str:
    model = {
        "name": "mine",
        "version": "7",
        "provenance": "made up",
        "bias": -1.5,
        "evidence_min": 1,
        "weights": dict.fromkeys(FEATURES, 0.25),
    }
    return json.dumps({**model, **changes})


def weights(**changes: Any) -> dict[str, Any]:
    return {**dict.fromkeys(FEATURES, 0.25), **changes}


def test_a_model_is_read_as_written() -> None:
    model = parse_model(a_model(), "mine.json")

    assert (model.name, model.version, model.bias, model.evidence_min) == ("mine", "7", -1.5, 1.0)
    assert model.weights == dict.fromkeys(FEATURES, 0.25)


def test_the_shipped_prior_says_that_it_was_not_trained() -> None:
    prior = load_prior()

    assert (prior.model.name, prior.model.version) == ("prior", "1")
    assert "not trained" in prior.model.provenance


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"m\.json: not JSON: "),
        ("[]", r"m\.json: expected an object with the keys name, "),
        (a_model(biass=1), r"m\.json: unknown key 'biass'; did you mean 'bias'\?"),
        (a_model(weights=weights(**{"legal term": 1})), r"'weights\.legal term'; did you mean 'legal terms'\?"),
        (a_model(weights=weights(zzzz=1)), r"unknown key 'weights\.zzzz'; known are 'greeting, thanks or yes', "),
        (a_model(weights=[]), r"m\.json: 'weights': expected an object of feature names and numbers, got \[\]"),
        (a_model(weights={}), r"m\.json: 'weights\.greeting, thanks or yes' is missing"),
        ("{}", r"m\.json: 'name' is missing"),
        (a_model(name=""), r"m\.json: 'name': expected a text, got ''"),
        (a_model(version=1), r"m\.json: 'version': expected a text, got 1"),
        (a_model(bias=float("nan")), r"m\.json: 'bias': expected a finite number, got nan"),
        (a_model(bias="-1"), r"m\.json: 'bias': expected a finite number, got '-1'"),
        (a_model(weights=weights(question=float("inf"))), r"'weights\.question': expected a finite number, got inf"),
        (a_model(weights=weights(question=None)), r"'weights\.question': expected a finite number, got None"),
        (a_model(weights=weights(question=True)), r"'weights\.question': expected a finite number, got True"),
        (a_model(bias=-0.5), r"m\.json: 'bias': -0\.5 must be at most -evidence_min \(1\.0, above 0\)"),
        (a_model(evidence_min=0), r"m\.json: 'bias': -1\.5 must be at most -evidence_min \(0\.0, above 0\)"),
    ],
    ids=range(17),
)
def test_an_unusable_model_is_refused_with_the_file_and_the_key(text: str, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        parse_model(text, "m.json")
