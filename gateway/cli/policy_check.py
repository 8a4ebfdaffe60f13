"""`sizewise policy check`: whether the policy files are right, and whether they can be meant."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.cli.assumed_environment import assumed_environment
from gateway.cli.options import assume_env_option, directory_argument
from gateway.policyfile.compilation import Compiled
from gateway.policyfile.loader import load_with_items
from gateway.policyfile.problems import PolicyError, Problem
from gateway.policyfile.review import review
from gateway.policyfile.source import overlooked
from gateway.providers.price_map import PriceMap


@click.command()
@directory_argument
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@assume_env_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def check(directory: Path, strict: bool, assume_env: bool, as_json: bool) -> None:
    """Check the policy files in DIR [SIZEWISE_POLICIES, else ./policies].

    Prints every error, and what loads but can hardly be meant as warnings; exits with 1 on errors. Warnings are looked
    for where there is no error.
    """
    environment = assumed_environment(directory) if assume_env else os.environ
    errors: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()
    read: Mapping[str, int] = {}
    try:
        loaded = load_with_items(directory, PriceMap(), environment)
    except PolicyError as exc:
        errors = exc.problems
    else:
        warnings, read = [*review(loaded.policies, loaded.items), *_overlooked(directory)], _read(loaded)
    click.echo(_as_json(errors, warnings, read) if as_json else _as_text(errors, warnings, read))
    if errors or (strict and warnings):
        raise click.exceptions.Exit(1)


def _overlooked(directory: Path) -> Iterator[Problem]:
    for path in overlooked(directory):
        suggestion = f"rename it to {path.with_suffix(path.suffix.lower()).name}"
        yield Problem(file=str(path), line=None, column=None, path="", message="nobody reads it", suggestion=suggestion)


def _read(loaded: Compiled) -> dict[str, int]:
    policies = loaded.policies
    return {
        "files": loaded.files,
        "deployments": len(policies.deployments),
        "routes": len(policies.routes),
        "policies": len(policies.policies),
        "aliases": len(policies.by_alias),
    }


def _as_text(errors: Sequence[Problem], warnings: Sequence[Problem], read: Mapping[str, int]) -> str:
    lines = [*map(str, errors), *(_as_warning(each) for each in warnings)]
    if read:
        lines.append("read " + ", ".join(_count(number, noun) for noun, number in read.items()))
    if errors or warnings:
        lines.append(f"{_count(len(errors), 'errors')}, {_count(len(warnings), 'warnings')}")
    return "\n".join(lines)


def _as_warning(problem: Problem) -> str:
    place = ":".join(str(part) for part in (problem.file, problem.line, problem.column) if part is not None)
    return f"{place}: warning: {str(problem).removeprefix(f'{place}: ')}"


def _count(number: int, plural: str) -> str:
    singular = {"policies": "policy", "aliases": "alias"}.get(plural, plural.removesuffix("s"))
    return f"{number} {singular if number == 1 else plural}"


def _as_json(errors: Sequence[Problem], warnings: Sequence[Problem], read: Mapping[str, int]) -> str:
    """`summary` counts what was read only where there is no error."""
    document: dict[str, Any] = {
        "errors": [asdict(each) for each in errors],
        "warnings": [asdict(each) for each in warnings],
        "summary": {"errors": len(errors), "warnings": len(warnings), **read},
    }
    return msgspec.json.encode(document).decode()
