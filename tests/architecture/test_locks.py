"""What is installed is what was reviewed: names, versions and hashes, and nothing else."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_REQUIREMENT = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+?)(?: ; .+?)? \\$")
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")
both_locks = pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])


def versions(lock: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in (ROOT / lock).read_text(encoding="utf-8").splitlines():
        if (pinned := _REQUIREMENT.match(line)) is not None:
            found.setdefault(pinned[1], set()).add(pinned[2])
    return found


@both_locks
def test_every_dependency_is_pinned_by_hash(lock: str) -> None:
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()

    strange = [line for line in lines if not _REQUIREMENT.match(line) and not _HASH.match(line)]
    unhashed = [
        line
        for line, after in zip(lines, [*lines[1:], ""], strict=True)
        if _REQUIREMENT.match(line) and not _HASH.match(after)
    ]
    assert strange == []
    assert unhashed == []


@both_locks
def test_the_releases_of_litellm_that_carried_malware_are_not_among_them(lock: str) -> None:
    assert versions(lock)["litellm"].isdisjoint({"1.82.7", "1.82.8"})


def test_tests_run_on_what_is_shipped() -> None:
    shipped, tested = versions("requirements.lock"), versions("requirements-dev.lock")

    assert {name: tested.get(name) for name in shipped} == shipped
