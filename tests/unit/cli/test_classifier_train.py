import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from gateway.cli.classifier_train import _write
from gateway.cli.main import main
from tests.unit.cli.labelled_rows import labelled_file, training_file, written

QUICK = ("--instruction-only",)
"""A third of the settings that are tried."""


def _classifier(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["classifier", *map(str, arguments)])


def _train(out: Path, *arguments: str | Path) -> Result:
    return _classifier("train", "--out", out, "--data", *arguments, *QUICK)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A model file, and what training it said."""
    directory = tmp_path_factory.mktemp("trained")
    out = directory / "mine.safetensors"
    return out, _train(out, training_file(directory / "rows.jsonl"), "--cascade", "--json")


@pytest.fixture(scope="module")
def model(trained: tuple[Path, Result]) -> Path:
    return trained[0]


@pytest.fixture(scope="module")
def kept_aside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_file(tmp_path_factory.mktemp("rows") / "other.jsonl", rows=400, seed=1)


def _lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return list(map(json.loads, result.stdout.splitlines()))


def test_json_is_one_document_on_stdout_and_progress_is_on_stderr(trained: tuple[Path, Result]) -> None:
    out, result = trained

    (document,) = _lines(result)
    assert document["out"] == str(out)
    assert document["model"].startswith("mine@1+")
    assert document["bytes"] == out.stat().st_size
    assert (document["rows"], document["rows_given"]) == (320, 320)
    assert document["ask"]["apgr"] > 0.5
    assert document["answer"]["apgr"] > document["ask"]["apgr"]
    assert set(document["tasks"]) == {"translation", "rewriting", "math", "legal"}
    assert "best APGR so far" in result.stderr


def test_the_trained_file_is_shown(model: Path, trained: tuple[Path, Result]) -> None:
    (card,) = _lines(_classifier("show", "--model", model, "--json"))
    (document,) = _lines(trained[1])

    assert f"mine@1+{card['digest']}" == document["model"]
    assert "320 labelled rows of rows.jsonl (SHA-256 " in card["provenance"]
    assert card["weights"]["app research"] < 0.0 < card["weights"]["app desk"]
    assert card["reads_answers"] is True
    assert sum(band["requests"] for band in card["history"]) == 320


def test_the_trained_file_scores(model: Path, kept_aside: Path) -> None:
    scored = _lines(_classifier("score", "--model", model, "--data", kept_aside, "--json"))
    judged = _lines(_classifier("score", "--model", model, "--data", kept_aside, "--json", "--cascade"))

    assert len(scored) == len(judged) == 400
    assert {each["task"] for each in scored} == {"translation", "rewriting", "math", "legal"}
    assert all(0 <= each["history"]["right"] <= each["history"]["requests"] for each in scored)
    assert all(each["history"] is None for each in judged)


def test_the_trained_file_is_measured_and_better_with_the_answers(model: Path, kept_aside: Path) -> None:
    arguments = ("evaluate", "--model", model, "--data", kept_aside, "--json")

    (asks,), (answers,) = (_lines(_classifier(*arguments, *more))[0]["files"] for more in ((), ("--cascade",)))

    assert 0.6 < asks["apgr"] < answers["apgr"]
    assert asks["calibration_error"] < 0.1
    assert [each["name"] for each in asks["apgr_by_category"]] == ["kind 1", "kind 0", "kind 2"]


def test_the_trained_file_is_calibrated_and_cheaper_with_the_answers(model: Path, kept_aside: Path) -> None:
    arguments = ("calibrate", "--model", model, "--data", kept_aside, "--keep", "0.95", "--json")

    ((asks,), (answers,)) = (_lines(_classifier(*arguments, *more)) for more in ((), ("--cascade",)))

    assert asks["quality_bound"] >= 0.95
    assert answers["quality_bound"] >= 0.95
    assert answers["large_share"] < asks["large_share"]


def test_the_same_rows_give_the_same_file_and_one_that_is_there_is_replaced(model: Path, tmp_path: Path) -> None:
    data = training_file(tmp_path / "rows.jsonl", rows=160)
    first, again = tmp_path / "first" / "m.safetensors", tmp_path / "again" / "m.safetensors"
    for out in (first, again):
        out.parent.mkdir()
    again.write_bytes(model.read_bytes())
    again.chmod(0o640)

    results = [_train(out, data) for out in (first, again)]

    assert [result.exit_code for result in results] == [0, 0]
    assert first.read_bytes() == again.read_bytes()
    assert stat.S_IMODE(again.stat().st_mode) == 0o640
    assert [file.name for file in again.parent.iterdir()] == ["m.safetensors"]


def test_people_are_told_how_good_it_is_and_what_to_do_next(tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"

    result = _train(out, labelled_file(tmp_path / "rows.jsonl", rows=120))

    first, *_, last = result.stdout.splitlines()
    assert first.startswith(f"{out}: m@1+")
    assert "  tasks: told as the shipped model does; no row names a 'task'" in result.stdout
    assert last == f"  sizewise classifier evaluate --model {out} --data OTHER-ROWS"


def test_a_stream_is_learned_from_and_not_named_by_what_is_left_of_it(tmp_path: Path) -> None:
    rows = labelled_file(tmp_path / "rows.jsonl", rows=120).read_bytes()
    reading, writing = os.pipe()
    os.write(writing, rows)
    os.close(writing)

    result = _train(tmp_path / "m.safetensors", Path(f"/dev/fd/{reading}"))

    os.close(reading)
    (card,) = _lines(_classifier("show", "--model", tmp_path / "m.safetensors", "--json"))
    assert result.exit_code == 0
    assert f"120 labelled rows of {reading} (a stream, not kept)" in card["provenance"]


@pytest.mark.parametrize("parent", ["missing", "rows.jsonl"])
def test_where_it_cannot_be_written_is_told_before_the_data_are_read(tmp_path: Path, parent: str) -> None:
    data = written(tmp_path / "rows.jsonl", [{"prompt": "unlabelled"}])
    out = tmp_path / parent / "m.safetensors"

    result = _train(out, data)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"Error: {out}: there is no directory '{tmp_path / parent}'; make it, or name another file\n"
    )


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="takes a directory in which not even root can write")
def test_a_directory_that_takes_no_file_is_told_before_the_data_are_read(tmp_path: Path) -> None:
    data = written(tmp_path / "rows.jsonl", [{"prompt": "unlabelled"}])

    result = _train(Path("/proc/m.safetensors"), data)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: /proc/m.safetensors: cannot be written: ")


def test_what_is_no_file_is_never_replaced_by_a_model(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")

    result = _train(tmp_path / "link", labelled_file(tmp_path / "rows.jsonl", rows=120))

    assert result.exit_code == 1
    assert "link: not a file" in result.stderr
    assert (tmp_path / "pipe").is_fifo()


def test_the_data_are_never_overwritten(tmp_path: Path) -> None:
    data = labelled_file(tmp_path / "rows.jsonl")
    (tmp_path / "link").symlink_to(data)
    before = data.read_bytes()

    result = _train(tmp_path / "link", data)

    assert result.exit_code == 2
    assert "is one of the files with the data" in result.stderr
    assert data.read_bytes() == before


def test_a_write_that_fails_leaves_the_old_model_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "m.safetensors"
    (place / "in the way").mkdir(parents=True)

    with pytest.raises(click.ClickException, match="cannot be written"):
        _write(place, b"model")

    assert list(tmp_path.iterdir()) == [place]
    assert (place / "in the way").is_dir()


def test_a_link_goes_on_to_name_the_model(tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(tmp_path / "v2.safetensors")

    result = _train(tmp_path / "current", labelled_file(tmp_path / "rows.jsonl", rows=120))

    assert result.exit_code == 0
    assert (tmp_path / "current").is_symlink()
    assert (tmp_path / "v2.safetensors").is_file()


def test_every_bad_line_is_named_with_its_file(tmp_path: Path) -> None:
    data = written(tmp_path / "rows.jsonl", [{"prompt": "hello"}, {"small_correct": 1, "large_correct": 1}])

    result = _train(tmp_path / "m.safetensors", data)

    assert result.exit_code == 1
    assert f"{data}:1: 'small_correct' is missing" in result.stderr
    assert f"{data}:2: needs 'prompt'" in result.stderr
    assert not (tmp_path / "m.safetensors").exists()


def test_data_given_twice_are_named(tmp_path: Path) -> None:
    data = labelled_file(tmp_path / "rows.jsonl", rows=120)
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(data.read_bytes())

    same = _train(tmp_path / "m.safetensors", data, data)
    copied = _train(tmp_path / "m.safetensors", data, copy)

    assert (same.exit_code, copied.exit_code) == (2, 2)
    assert f"{data}: given twice" in same.stderr
    assert f"{copy}: holds what {data} does" in copied.stderr


def test_rows_that_nothing_can_be_learned_from_are_one_line(tmp_path: Path) -> None:
    few = _train(tmp_path / "m.safetensors", labelled_file(tmp_path / "few.jsonl", rows=20))
    unanswered = _train(tmp_path / "m.safetensors", labelled_file(tmp_path / "rows.jsonl", rows=120), "--cascade")

    assert (few.exit_code, unanswered.exit_code) == (1, 1)
    assert few.stderr == "Error: 20 labelled rows are too few to learn from; give at least 100\n"
    assert unanswered.stderr.startswith("Error: 120 of 120 rows have no 'small_answer'")


def test_labels_that_are_guesses_are_not_told_as_outcomes(tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"

    _train(out, labelled_file(tmp_path / "rows.jsonl", rows=120), "--no-history", "--name", "guess", "--no-amounts")

    (card,) = _lines(_classifier("show", "--model", out, "--json"))
    assert (card["name"], card["history"], card["amounts"]) == ("guess", [], {})


@pytest.mark.parametrize("library", ["scipy", "sklearn"])
def test_a_missing_library_names_the_extra(tmp_path: Path, library: str) -> None:
    code = f"import sys; sys.modules[{library!r}] = None; from gateway.cli.main import main; main()"
    arguments = ("classifier", "train", "--out", tmp_path / "m.safetensors", "--data", tmp_path / "rows.jsonl")

    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"Error: this needs {library}, which is not installed; install it with: pip install 'sizewise[train]'\n"
    )


def test_without_a_place_for_the_model_it_is_wrong_use(tmp_path: Path) -> None:
    assert _classifier("train", "--data", labelled_file(tmp_path / "rows.jsonl")).exit_code == 2


@pytest.mark.parametrize(
    ("option", "value"),
    [("--name", " "), ("--name", "a\nb"), ("--name", "n" * 101), ("--model-version", ""), ("--evidence-min", "nan")],
)
def test_what_a_file_could_not_hold_is_wrong_use_before_the_data_are_read(
    tmp_path: Path, option: str, value: str
) -> None:
    result = _classifier("train", "--data", tmp_path / "none.jsonl", "--out", tmp_path / "m", option, value)

    assert result.exit_code == 2
    assert option in result.stderr
