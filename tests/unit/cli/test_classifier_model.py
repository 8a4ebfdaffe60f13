import json
from importlib.resources import files
from pathlib import Path

import click
import pytest

from gateway.cli.classifier_model import label_of, scorer_of


def test_without_a_file_it_is_the_shipped_model() -> None:
    assert label_of(scorer_of(None).card).startswith("prior@")


def test_a_model_file_is_read(tmp_path: Path) -> None:
    shipped = json.loads(files("gateway.classifiers").joinpath("prior.json").read_text("utf-8"))
    (tmp_path / "mine.json").write_text(json.dumps({**shipped, "name": "mine", "version": "7"}), "utf-8")

    card = scorer_of(tmp_path / "mine.json").card

    assert (label_of(card), card.weights["legal terms"]) == ("mine@7", shipped["weights"]["legal terms"])


@pytest.mark.parametrize(
    ("content", "fault"),
    [(None, "cannot be read"), (b"{", "not JSON"), (b"\xff\xfe\x00", "not a model file"), (b"{}", "'name' is missing")],
)
def test_a_file_that_is_no_model_is_one_line(tmp_path: Path, content: bytes | None, fault: str) -> None:
    file = tmp_path / "model.json"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(click.ClickException) as raised:
        scorer_of(file)

    assert raised.value.message.startswith(str(file))
    assert fault in raised.value.message
