"""From policy files as read to the compiled set: what a directory, a reload and a draft have in common."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.domain.policy import PolicySet
from gateway.policyfile.compiler import compile_set
from gateway.policyfile.deployments import DeploymentCompiler, PriceBook
from gateway.policyfile.items import Items, read_items
from gateway.policyfile.nodes import parse
from gateway.policyfile.problems import Place, Problems
from gateway.policyfile.source import SourceFile, version_of


class Compiled(NamedTuple):
    """A set, and what it was made of. `items` know their places in the files."""

    policies: PolicySet
    items: Items
    files: int


def compile_files(
    files: Sequence[SourceFile],
    prices: PriceBook,
    environment: Mapping[str, str],
    problems: Problems,
    *,
    of: str,
) -> Compiled:
    """The set of these files.

    prices       the price of a deployment whose file gives none
    environment  what `${NAME}` in api_base, api_key and provider_options stands for
    problems     what was wrong with reading the files
    of           what problems call the files together
    Raises PolicyError with every problem found.
    """
    documents = [document for file in files if (document := parse(file, problems)) is not None]
    unreadable = len(problems)
    items = read_items(documents, problems)
    if unreadable:  # the missing file may define what the others refer to, so references would mislead
        problems.raise_if_any()
    policies = compile_set(items, DeploymentCompiler(prices, environment, problems), version_of(files), problems)
    if not items.policies and not len(problems):
        problems.add(Place(of), "", "no policy in these files", "write one under 'policies'")
    problems.raise_if_any()
    return Compiled(policies, items, len(files))
