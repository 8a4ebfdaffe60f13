from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from gateway.cli.classifier_model import MODEL_VARIABLE, classifier_from, label_of, model_option, scorer_of
from tests.unit.cli.tiny_models import model_file, tiny_model


@click.command()
@model_option
def _named(model: Path | None) -> None:
    click.echo(label_of(scorer_of(model).card).partition("+")[0])


def _invoked(*arguments: str, variable: str | None = None) -> Result:
    return CliRunner().invoke(_named, arguments, env={MODEL_VARIABLE: variable})


def test_without_a_file_it_is_the_shipped_model() -> None:
    assert label_of(scorer_of(None).card).startswith("prior@")


def test_a_model_file_is_read(tmp_path: Path) -> None:
    card = scorer_of(model_file(tmp_path / "tiny.safetensors", tiny_model())).card

    assert card.weights["asks to translate"] == 2.0
    assert label_of(card) == f"tiny@3+{card.digest}"


def test_the_option_wins_over_the_variable_and_the_variable_over_what_ships(tmp_path: Path) -> None:
    one, two = (str(model_file(tmp_path / f"{name}.safetensors", tiny_model(name=name))) for name in ("one", "two"))

    assert _invoked("--model", one, variable=two).stdout == "one@3\n"
    assert _invoked(variable=two).stdout == "two@3\n"
    assert _invoked(variable="").stdout.startswith("prior@")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "cannot be read: No such file"),
        (b"", "not a whole model file"),
        (b"{", "not a whole model file"),
        (b"\xff\xfe\x00" * 9, "not a whole model file"),
        (b"\x02\x00\x00\x00\x00\x00\x00\x00{}", "not a model of Sizewise"),
    ],
    ids=range(5),
)
def test_a_file_that_is_no_model_is_one_line(tmp_path: Path, content: bytes | None, fault: str) -> None:
    file = tmp_path / "model.safetensors"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(click.ClickException) as raised:
        classifier_from(file)

    assert raised.value.message.startswith(f"{file}: {fault}")
    assert "\n" not in raised.value.message


def test_a_directory_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="cannot be read: Is a directory"):
        classifier_from(tmp_path)
