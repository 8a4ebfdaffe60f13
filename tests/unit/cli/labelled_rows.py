"""Files of labelled rows, for the tests of the classifier's commands."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HARD = "Prove that every bounded monotone sequence converges."
EASY = "Translate 'good morning' into French."

_EASY_ASKS = (
    ("translation", "Translate this line into French please: {thing}"),
    ("translation", "Bitte übersetze diese Zeile ins Englische: {thing}"),
    ("rewriting", "Rewrite this line politely please: {thing}"),
    ("rewriting", "Bitte formuliere diese Zeile höflicher: {thing}"),
)
_HARD_ASKS = (
    ("math", "Prove step by step that this theorem holds: {thing}"),
    ("math", "Beweise Schritt für Schritt diesen Satz: {thing}"),
    ("legal", "Review the liability clause of this contract: {thing}"),
    ("legal", "Prüfe die Haftungsklausel in diesem Vertrag: {thing}"),
)
_THINGS = ("apples", "Häuser", "the river", "ein Zug", "seven lamps", "der Garten", "a violin", "Schnee", "old maps")


def labelled_file(file: Path, rows: int = 40) -> Path:
    """Rows by turns: an easy one that both models get right, and a hard one that only the large one does."""
    return written(
        file,
        [
            {
                "prompt": f"{HARD if number % 2 else EASY} ({number})",
                "small_correct": number % 2 == 0,
                "large_correct": True,
                "category": "hard" if number % 2 else "easy",
            }
            for number in range(rows)
        ],
    )


def training_file(file: Path, rows: int = 320, seed: int = 0) -> Path:
    """Rows to learn from: two languages, four tasks, three categories, an app of each kind, the small model's answers.

    The large model is always right. The small one is right in nine easy asks of ten and in one hard ask of ten, and
    what it says where it is wrong tells of it.
    """
    return written(file, list(_learnable(rows, random.Random(seed))))


def _learnable(rows: int, dice: random.Random) -> Iterator[dict[str, Any]]:
    for number in range(rows):
        hard = dice.random() < 0.5
        right = dice.random() < (0.1 if hard else 0.9)
        task, ask = dice.choice(_HARD_ASKS if hard else _EASY_ASKS)
        yield {
            "prompt": ask.format(thing=f"{dice.choice(_THINGS)} and {dice.choice(_THINGS)}, number {number}"),
            "task": task,
            "small_correct": right,
            "large_correct": True,
            "category": f"kind {dice.randrange(3)}",
            "app": "research" if hard else "desk",
            "small_answer": "Here it is, done as asked." if right else "I am not sure; perhaps it cannot be told.",
            "small_logprob": -0.1 if right else -0.9,
        }


def written(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return file
