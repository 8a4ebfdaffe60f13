"""Loads a directory of policy files, and keeps the last set that was without a problem."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gateway.domain.policy import PolicySet
from gateway.policyfile.compiler import compile_set
from gateway.policyfile.deployments import DeploymentCompiler, PriceBook
from gateway.policyfile.items import Items, read_items
from gateway.policyfile.nodes import parse
from gateway.policyfile.problems import Place, Problems
from gateway.policyfile.source import read_directory, version_of


class Loaded(NamedTuple):
    """A set, and what it was made of. `items` know their places in the files."""

    policies: PolicySet
    items: Items
    files: int


def load_policies(directory: Path, prices: PriceBook, environment: Mapping[str, str]) -> PolicySet:
    """The compiled set alone; see `load_with_items`."""
    return load_with_items(directory, prices, environment).policies


def load_with_items(directory: Path, prices: PriceBook, environment: Mapping[str, str]) -> Loaded:
    """Read, check and compile the policy files of a directory.

    prices       the price of a deployment whose file gives none
    environment  what `${NAME}` in api_base and api_key stands for
    Raises PolicyError with every problem found.
    """
    problems = Problems()
    files = read_directory(directory, problems)
    documents = [document for file in files if (document := parse(file, problems)) is not None]
    unreadable = len(problems)
    items = read_items(documents, problems)
    if unreadable:  # the missing file may define what the others refer to, so references would mislead
        problems.raise_if_any()
    compiled = compile_set(items, DeploymentCompiler(prices, environment, problems), version_of(files), problems)
    if not items.policies and not len(problems):
        problems.add(Place(str(directory)), "", "no policy in these files", "write one under 'policies'")
    problems.raise_if_any()
    return Loaded(compiled, items, len(files))


class FilePolicySource:
    """Implements `ports.PolicySource` over a directory; what `current` gives out never changes under a request."""

    def __init__(self, directory: Path, prices: PriceBook, environment: Mapping[str, str]) -> None:
        """Loads at once. Raises PolicyError."""
        self._directory = directory
        self._prices = prices
        self._environment = environment
        self._current = load_policies(directory, prices, environment)

    def current(self) -> PolicySet:
        return self._current

    def reload(self) -> PolicySet:
        """Put the files' present state in force. Raises PolicyError, and then the old set stays."""
        self._current = load_policies(self._directory, self._prices, self._environment)
        return self._current
