"""Files of labelled rows, for the tests of the classifier's commands."""

import json
from pathlib import Path

HARD = "Prove that every bounded monotone sequence converges."
EASY = "Translate 'good morning' into French."


def labelled_file(file: Path, rows: int = 40) -> Path:
    """Rows by turns: an easy one that both models get right, and a hard one that only the large one does."""
    lines = [
        {
            "prompt": f"{HARD if number % 2 else EASY} ({number})",
            "small_correct": number % 2 == 0,
            "large_correct": True,
            "category": "hard" if number % 2 else "easy",
        }
        for number in range(rows)
    ]
    file.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    return file
