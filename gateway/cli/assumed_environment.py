"""What `--assume-env` takes for the variables that policy files name and this machine does not set, as in CI."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.policyfile.problems import Problems
from gateway.policyfile.source import read_directory

_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def assumed_environment(directory: Path) -> dict[str, str]:
    """The environment, and for each variable that the files name and it lacks, a value that fits the place."""
    files = read_directory(directory, Problems())  # what cannot be read is for the loader to report
    assumed = {name: value for file in files for name, value in _placeholders(file.text)}
    return assumed | {name: value for name, value in os.environ.items() if value}


def _placeholders(text: str) -> Iterator[tuple[str, str]]:
    for match in _REFERENCE.finditer(text):
        before = re.split(r"[\s\"']", text[: match.start()])[-1]
        if text.startswith("://", match.end()):
            yield match[1], "https"
        elif not before:
            yield match[1], "https://assumed.invalid/v1"
        else:
            yield match[1], "443" if "://" in before and before.endswith(":") else "assumed"
