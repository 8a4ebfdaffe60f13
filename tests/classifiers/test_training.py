"""What the shipped classifier learns from, and that it is what comes of it."""

import json
from collections import Counter
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner

from gateway.api.openai_chat import parse_chat
from gateway.classifiers.model_file import PRIOR, load_classifier, load_prior
from gateway.cli.classifier_train import train
from gateway.domain.classification import Task
from gateway.domain.signals import measure
from tests.classifiers.sets import HALVES, SETS, rows_of
from tests.classifiers.test_tasks import TOO_ALIKE, trigrams

LANGUAGES = ("en", "es", "pt", "de", "fr", "zh", "ja")
FILES = sorted((SETS / "training").glob("*.jsonl"))
SETTINGS = ("--instruction-only", "--no-amounts", "--evidence-min", "1", "--no-history")
EVALUATED = [*(f"{name}/{half}" for name in ("tasks", "prior", "paraphrases") for half in HALVES), "steering/neutral"]


@cache
def training_rows(language: str) -> list[dict[str, Any]]:
    return rows_of(f"training/{language}")


def ask_of(row: dict[str, Any]) -> str:
    return str(row["prompt"] if "prompt" in row else row["request"]["messages"][0]["content"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_task_is_learned_from_forty_asks_at_least(language: str) -> None:
    counts = Counter(row["task"] for row in training_rows(language))

    assert set(counts) == set(get_args(Task))
    assert min(counts.values()) >= 40
    assert {row["category"] for row in training_rows(language)} == {language}


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_learned_from_what_is_evaluated(language: str) -> None:
    learned = [trigrams(ask_of(row)) for row in training_rows(language)]
    rows = [row for name in EVALUATED for row in rows_of(name) if row["language"] == language]
    evaluated = [row[wording] for row in rows for wording in ("ask", "synonym") if wording in row]

    alike = [
        ask
        for (ask, a), b in product(((ask, trigrams(ask)) for ask in evaluated), learned)
        if len(a & b) > TOO_ALIKE * len(a | b)
    ]

    assert alike == []


def test_training_again_gives_the_model_that_ships(tmp_path: Path) -> None:
    out = tmp_path / PRIOR

    ran = CliRunner().invoke(
        train, ["--data", *map(str, FILES), "--out", str(out), "--name", "prior", "--model-version", "2", *SETTINGS]
    )

    assert ran.exit_code == 0, ran.output
    again, shipped = load_classifier(out), load_prior()
    assert again.model.provenance == shipped.model.provenance
    for row in rows_of("tasks/dev"):
        body = row.get("request") or {"model": "auto", "messages": [{"role": "user", "content": row["ask"]}]}
        request = parse_chat(json.dumps(body).encode())
        signals = measure(request)
        found, expected = again.classify(request, signals), shipped.classify(request, signals)
        assert (found.task, found.has_evidence) == (expected.task, expected.has_evidence)
        assert found.small_ok == pytest.approx(expected.small_ok, abs=0.01)
