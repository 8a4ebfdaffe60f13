"""`python -m tests.faults.report`: docs/FAULTS.md from the results that the last runs of the fault tests left."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.faults.catalogue import FAULTS, NOT_HERE

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / ".sizewise" / "faults"
PAGE = ROOT / "docs" / "FAULTS.md"

_HEAD = """# Faults, and what comes of them

Written by `python -m tests.faults.report` from the results of `pytest tests/faults`; do not edit it. A row is a
test, with the range of its figures over its cases. Where `requests` are counted it is a run: healthy traffic, the
fault, healthy traffic again; beside what stands here, each run asserts on both sides:

- every request has exactly one record (I1)
- costs add up to the upstream's own ledger (I2)
- what a client of a stream got is a prefix of what the upstream sent, or ends in an error event (I4)
- no key and no prompt is in a log, row, metric or answer (I5)
- there are at most 1.2 upstream calls a request (I6)
- descriptors, threads, tasks, memory and overhead are back at where they were within 30 s (I7)

| # | fault | expected | measured | |
|---|---|---|---|---|
"""
_TEST = re.compile(r"def (test_f(\d{3})_\w+)")


def names_by_number() -> dict[int, list[str]]:
    """The names of the tests there are, from their files."""
    found: dict[int, list[str]] = {}
    for path in sorted((ROOT / "tests" / "faults").rglob("test_*.py")):
        for name, number in _TEST.findall(path.read_text(encoding="utf-8")):
            found.setdefault(int(number), []).append(name)
    return found


def results() -> dict[int, list[Mapping[str, Any]]]:
    """By number, of tests that still exist."""
    known = {name for names in names_by_number().values() for name in names}
    found: dict[int, list[Mapping[str, Any]]] = {}
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        if result["test"].rpartition("::")[2].partition("[")[0] in known:
            found.setdefault(result["number"], []).append(result)
    return found


def page(found: Mapping[int, Sequence[Mapping[str, Any]]]) -> str:
    rows = [row for number in FAULTS for row in _rows(number, found.get(number, ()))]
    return _HEAD + "\n".join(rows) + "\n"


def _rows(number: int, found: Sequence[Mapping[str, Any]]) -> list[str]:
    if not found:
        reason = NOT_HERE.get(number, "its test has not been run")
        return [f"| {number} | {FAULTS[number]} | {reason} | | – |"]
    by_test: dict[str, list[Mapping[str, Any]]] = {}
    for result in found:
        by_test.setdefault(result["test"].partition("[")[0], []).append(result)
    return [_row(number, cases) for cases in by_test.values()]


def _row(number: int, cases: Sequence[Mapping[str, Any]]) -> str:
    passed = sum(case["outcome"] == "passed" for case in cases)
    if passed == len(cases):
        outcome = "passed" if len(cases) == 1 else f"{passed} passed"
    else:
        outcome = f"{len(cases) - passed} failed"
    expected = cases[0]["expected"] or _sentence(cases[0]["test"])
    return f"| {number} | {FAULTS[number]} | {expected} | {_figures(cases)} | {outcome} |"


def _sentence(test: str) -> str:
    """What the name of a test says."""
    _, _, words = test.rpartition("::")[2].partition("[")[0].removeprefix("test_").partition("_")
    return f"{words[:1].upper()}{words[1:].replace('_', ' ')}."


def _figures(cases: Sequence[Mapping[str, Any]]) -> str:
    """Each figure over all cases: one number, or the range."""
    values: dict[str, list[float]] = {}
    for case in cases:
        for name, value in case["measured"].items():
            if isinstance(value, int | float):
                values.setdefault(name, []).append(value)
    return ", ".join(f"{name.replace('_', ' ')} {_range(each)}" for name, each in values.items())


def _range(values: Sequence[float]) -> str:
    lowest, highest = min(values), max(values)
    return f"{lowest}" if lowest == highest else f"{lowest}–{highest}"


def main() -> None:
    PAGE.write_text(page(results()), encoding="utf-8")


if __name__ == "__main__":
    main()
