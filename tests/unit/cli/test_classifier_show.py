import json

from click.testing import CliRunner

from gateway.classifiers.features import FEATURES
from gateway.cli.classifier_show import show


def test_the_loudest_features_each_way_come_first() -> None:
    lines = CliRunner().invoke(show, ["--top", "2"]).stdout.splitlines()

    small = next(number for number, line in enumerate(lines) if line.startswith("Speaks for the small model"))
    large = next(number for number, line in enumerate(lines) if line.startswith("Speaks for the large model"))
    assert lines[small].endswith("(the first 2 of 12)")
    assert lines[small + 2].split() == ["greeting,", "thanks", "or", "yes", "+3.00", "0.88"]
    assert lines[large + 2].startswith("proof or derivation")
    assert large - small == 5


def test_where_it_starts_and_what_says_nothing_is_told() -> None:
    text = CliRunner().invoke(show, []).stdout

    assert "it starts at -1.00 log-odds: small_ok 0.27." in text
    assert text.endswith("Says nothing: question\n")


def test_json_has_every_feature() -> None:
    assert list(json.loads(CliRunner().invoke(show, ["--json"]).stdout)["weights"]) == list(FEATURES)
