"""SECURITY.md promises nothing that no test shows: every test it names is there, and every row of both lists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[f"{path}::{name}" for path, name in NAMED])
def test_each_test_it_names_is_there(path: str, name: str) -> None:
    assert (ROOT / path).is_file()
    if name:
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("risk", [f"{kind}{number}" for kind in ("LLM", "API") for number in range(1, 11)])
def test_each_risk_of_both_lists_has_a_row_with_a_test(risk: str) -> None:
    number = risk if risk.startswith("API") else f"LLM{int(risk[3:]):02}"

    rows = [line for line in PAGE.splitlines() if line.startswith(f"| {number} ")]

    assert len(rows) == 1
    assert "`tests/" in rows[0].rpartition(" | ")[2]


def test_it_says_where_to_report_and_when_there_is_an_answer() -> None:
    assert "Report a vulnerability" in PAGE
    assert "three working days" in PAGE
