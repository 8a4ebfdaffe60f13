from pathlib import Path

import pytest

from gateway.cli.assumed_environment import assumed_environment


def _assumed(tmp_path: Path, line: str) -> dict[str, str]:
    (tmp_path / "p.yaml").write_text(f"deployments:\n  - {line}\n", encoding="utf-8")
    return assumed_environment(tmp_path)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("api_base: ${ASSUMED}", "https://assumed.invalid/v1"),
        ("api_base: http://${ASSUMED}/v1", "assumed"),
        ("api_base: http://host:${ASSUMED}/v1", "443"),
        ("api_base: ${ASSUMED}://host/v1", "https"),
    ],
)
def test_a_variable_that_is_not_set_gets_a_value_that_fits_its_place(tmp_path: Path, line: str, value: str) -> None:
    assert _assumed(tmp_path, line)["ASSUMED"] == value


def test_a_variable_that_is_set_keeps_its_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSUMED", "http://here/v1")

    assert _assumed(tmp_path, "api_base: ${ASSUMED}")["ASSUMED"] == "http://here/v1"
