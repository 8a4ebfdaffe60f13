import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.classifier_show import show
from tests.unit.cli.tiny_models import BANDS, judging_answers, model_file, tiny_model


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return model_file(tmp_path / "tiny.safetensors", judging_answers(tiny_model(history=BANDS)))


def _show(*arguments: str | Path) -> Result:
    return CliRunner().invoke(show, list(map(str, arguments)))


def test_the_model_says_who_it_is_and_where_it_is_from(tiny: Path) -> None:
    first = _show("--model", tiny).stdout.splitlines()[0]

    assert first.startswith("tiny@3+")
    assert first.endswith(": made by hand")


def test_what_it_judges_and_who_tells_the_tasks_is_told(tiny: Path, tmp_path: Path) -> None:
    judging = _show("--model", tiny).stdout.splitlines()
    plain = _show("--model", model_file(tmp_path / "plain.safetensors", tiny_model())).stdout.splitlines()

    assert judging[1:3] == [
        "It judges requests, and answers of the small model.",
        "Tasks: told as the shipped model does.",
    ]
    assert plain[1] == "It judges requests, not answers."
    assert "-0.50 where nothing is known" in judging[3]
    assert "1 n-grams have a weight" in judging[3]


def test_each_kind_is_listed_by_what_it_says_each_way(tiny: Path) -> None:
    parts = _show("--model", tiny).stdout.split("\n\n")

    assert [part.splitlines()[0] for part in parts[1:5]] == [
        "Named features for the small model",
        "Named features for the large model",
        "Words and pairs of words for the small model",
        "Amounts for the large model",
    ]
    assert [line.split() for line in parts[1].splitlines()[2:]] == [
        ["asks", "to", "translate", "+2.00"],
        ["app", "desk", "+1.50"],
        ["short", "ask", "+0.25"],
    ]
    assert parts[3].splitlines()[-1].split() == ["'please'", "+0.50"]
    assert parts[4].splitlines()[-1].split() == ["answer:", "hedges", "-4.00"]


def test_top_bounds_each_list_and_says_what_it_left_out(tiny: Path) -> None:
    parts = _show("--model", tiny, "--top", "1").stdout.split("\n\n")

    heading, _, *rows = parts[1].splitlines()
    assert heading == "Named features for the small model (the first 1 of 3)"
    assert [row.split()[0] for row in rows] == ["asks"]


def test_the_history_says_how_often_the_small_model_was_right(tiny: Path) -> None:
    *_, lowest, middle, highest = _show("--model", tiny).stdout.splitlines()

    assert lowest.split() == ["to", "0.27", "50", "10.0%"]
    assert middle.split() == ["0.27", "to", "0.73", "100", "60.0%"]
    assert highest.split() == ["from", "0.73", "50", "96.0%"]


def test_a_model_without_outcomes_shows_no_history(tmp_path: Path) -> None:
    result = _show("--model", model_file(tmp_path / "plain.safetensors", tiny_model()))

    assert "training rows" not in result.stdout


def test_json_has_all_of_it(tiny: Path) -> None:
    found = json.loads(_show("--model", tiny, "--json").stdout)

    assert (found["name"], found["version"], found["provenance"]) == ("tiny", "3", "made by hand")
    assert len(found["digest"]) == 12
    assert found["weights"] == {
        "asks to translate": 2.0,
        "short ask": 0.25,
        "proof or derivation": -2.0,
        "question": 0.0,
        "app desk": 1.5,
    }
    assert found["words"]["please"] == pytest.approx(0.5)
    assert found["amounts"]["answer: hedges"] == -4.0
    assert (found["bias"], found["ngrams"], found["tasks"], found["reads_answers"]) == (-0.5, 1, [], True)
    assert found["history"][1] == {"small_ok_max": pytest.approx(0.7311, abs=1e-4), "requests": 100, "right": 60}


def test_what_a_file_says_of_itself_cannot_steer_the_terminal(tmp_path: Path) -> None:
    model = tiny_model(provenance="fine\x1b[2J", name="n\x1b[0m")

    result = _show("--model", model_file(tmp_path / "odd.safetensors", model))

    assert "\x1b" not in result.stdout


def test_the_shipped_model_has_something_to_show() -> None:
    result = _show("--top", "1")

    assert result.exit_code == 0
    assert "Named features for the large model (the first 1 of " in result.stdout
    assert "Words and pairs of words for the small model (the first 1 of " in result.stdout
