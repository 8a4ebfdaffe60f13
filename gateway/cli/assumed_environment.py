"""What `--assume-env` takes for the variables that policy files name and this machine does not set, as in CI."""

import os
from pathlib import Path

from gateway.policyfile.drafts import stand_ins
from gateway.policyfile.problems import Problems
from gateway.policyfile.source import read_directory


def assumed_environment(directory: Path) -> dict[str, str]:
    """The environment, and for each variable that the files name and it lacks, a value that fits the place."""
    files = read_directory(directory, Problems())  # what cannot be read is for the loader to report
    return stand_ins(file.text for file in files) | {name: value for name, value in os.environ.items() if value}
