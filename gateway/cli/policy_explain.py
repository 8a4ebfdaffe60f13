"""`sizewise policy explain`: where one request would go, and why."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import click
import msgspec

from gateway.cli.options import assume_env_option
from gateway.cli.policy_trial import policies_to_try, trial
from gateway.domain.errors import GatewayError
from gateway.domain.walkthrough import as_document
from gateway.domain.walkthrough_lines import lines
from gateway.policyfile.explainer import Explainer
from gateway.policyfile.problems import PolicyError


class _Places(NamedTuple):
    """Where the policies are, and where the request is, if that is a file."""

    directory: Path
    request: Path | None


class HeaderPair(click.ParamType[tuple[str, str], str]):
    """`NAME=VALUE`; the name as policies write it, in lower case."""

    name = "header"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, sign, text = value.partition("=")
        if not name or not sign:
            self.fail(f"{value!r} is not a header; write it as x-department=claims", param, ctx)
        return name.lower(), text


@click.command()
@click.argument("where", metavar="[REQUEST.json|-] [DIR]", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--policies",
    "directory",
    envvar="SIZEWISE_POLICIES",
    default=Path("policies"),
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The policies, if DIR does not say.  [default: $SIZEWISE_POLICIES or ./policies]",
)
@click.option("--request", type=click.File("rb"), metavar="FILE|-", help="The same as REQUEST.json.")
@click.option("--ask", metavar="TEXT", help="A request of one message.")
@click.option("--alias", metavar="MODEL", help="The model alias --ask goes to.  [default: auto]")
@click.option("--policy", metavar="NAME", help="Decide by this policy, though it is only being rolled out.")
@click.option("--team", metavar="NAME", help="The team whose key it comes with.")
@click.option("--app", metavar="NAME", help="The application whose key it comes with.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A tag of that key; repeatable.")
@click.option("--header", "headers", metavar="NAME=VALUE", type=HeaderPair(), multiple=True, help="Repeatable.")
@click.option("--budget-used", type=click.FloatRange(0, 1000), metavar="RATIO", help="Of the budget; 0.9 is 90 %.")
@click.option("--resting", metavar="DEPLOYMENT", multiple=True, help="One that is cooling down; repeatable.")
@click.option("--at", metavar="TIME", help="Such as '2026-11-20 14:30', UTC if it names no zone.  [default: now]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@assume_env_option
def explain(
    *,
    where: Sequence[Path],
    directory: Path,
    request: BinaryIO | None,
    ask: str | None,
    headers: Sequence[tuple[str, str]],
    budget_used: float | None,
    as_json: bool,
    assume_env: bool,
    **circumstances: Any,
) -> None:
    """Show what would happen to one request: signals, classification, each condition with its values, plan and costs.

    REQUEST.json is an OpenAI or Anthropic chat body; '-' reads it from standard input. What is a directory is DIR,
    anything else is the request. Nothing is called and nothing is recorded.
    """
    places = _places(where, directory)
    body = _body(places.request, request, ask, circumstances["alias"])
    asked: dict[str, Any] = {"ask": ask} | {
        key: list(value) if isinstance(value, tuple) else value for key, value in circumstances.items()
    }
    asked["headers"] = dict(headers)
    if budget_used is not None:
        asked["budget"] = {"used_ratio": budget_used}
    try:
        policies = policies_to_try(places.directory, assume_env=assume_env)
    except PolicyError as error:
        raise click.ClickException(str(error)) from error
    try:
        given = {key: value for key, value in asked.items() if value is not None}
        answer = Explainer(trial(), now=time.time).walk(policies, given, body)
    except PolicyError as error:
        raise click.UsageError(str(error)) from error
    except GatewayError as error:
        raise click.ClickException(str(error)) from error
    text = msgspec.json.encode(as_document(answer)).decode() if as_json else "\n".join(lines(answer))
    click.echo(text)


def _places(where: Sequence[Path], directory: Path) -> _Places:
    directories = [path for path in where if path.is_dir()]
    requests = [path for path in where if path not in directories]
    if len(directories) > 1 or len(requests) > 1:
        raise click.UsageError("give one REQUEST.json and one DIR at most")
    return _Places(directories[0] if directories else directory, requests[0] if requests else None)


def _body(file: Path | None, request: BinaryIO | None, ask: str | None, alias: str | None) -> bytes | None:
    """The bytes of the request; None where it is a text."""
    if file is not None and str(file) != "-" and not file.exists():
        raise click.UsageError(f"there is no directory or file {str(file)!r}")
    if sum(each is not None for each in (file, request, ask)) != 1:
        raise click.UsageError("give one of REQUEST.json, --request FILE and --ask TEXT")
    if ask is not None:
        return None
    if alias is not None:
        raise click.UsageError("--alias goes with --ask; the request's 'model' is its alias")
    if request is not None:
        return request.read()
    try:
        with click.open_file(str(file), "rb") as stream:
            content: bytes = stream.read()
            return content
    except OSError as error:
        message = f"cannot read {str(file)!r}: {error.strerror}; name a request body or a directory of policies"
        raise click.UsageError(message) from error
