import click
import pytest

from gateway.cli.extras import needs_extra


def test_a_missing_library_is_one_line_that_names_the_extra() -> None:
    with (
        pytest.raises(click.ClickException, match=r"needs numpy.*pip install 'sizewise\[train\]'"),
        needs_extra("train", "numpy"),
    ):
        raise ModuleNotFoundError("No module named 'numpy.linalg'", name="numpy.linalg")


def test_a_module_of_ours_that_is_missing_is_a_fault() -> None:
    with pytest.raises(ModuleNotFoundError), needs_extra("train", "numpy"):
        raise ModuleNotFoundError("No module named 'gateway.x'", name="gateway.x")
