"""`sizewise policy explain`: where one request would go, and why."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from gateway.classifiers.model_file import load_prior
from gateway.cli.options import assume_env_option, directory_argument
from gateway.cli.policy_trial import policies_to_try, tried
from gateway.domain.decision import Decision
from gateway.domain.errors import GatewayError
from gateway.domain.explanation import classified, decided, measured
from gateway.domain.policy import Facts
from gateway.domain.request import Caller
from gateway.policyfile.cases import chat_body
from gateway.policyfile.problems import PolicyError


@click.command()
@directory_argument
@click.option("--request", type=click.File("rb"), metavar="FILE|-", help="An OpenAI chat body in JSON.")
@click.option("--ask", metavar="TEXT", help="A request of one message.")
@click.option("--alias", metavar="MODEL", help="The model alias --ask goes to.  [default: auto]")
@click.option("--team", default="", help="The team whose key it comes with.")
@click.option("--app", default="", help="The application whose key it comes with.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@assume_env_option
def explain(
    *,
    directory: Path,
    request: BinaryIO | None,
    ask: str | None,
    alias: str | None,
    team: str,
    app: str,
    as_json: bool,
    assume_env: bool,
) -> None:
    """Show what would happen to one request under the policies in DIR.

    DIR is $SIZEWISE_POLICIES or ./policies by default. Nothing is called and nothing is recorded.
    """
    body = _body(request, ask, alias)
    try:
        policies = policies_to_try(directory, assume_env=assume_env)
        caller = Caller(key_id="trial", team=team, app=app)
        facts, decision = tried(policies, body, load_prior(), caller=caller)
    except (PolicyError, GatewayError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(msgspec.json.encode(as_document(facts, decision)).decode())
    else:
        click.echo("\n".join(lines(facts, decision)))


def _body(request: BinaryIO | None, ask: str | None, alias: str | None) -> bytes:
    if (request is None) == (ask is None):
        raise click.UsageError("give --request FILE or --ask TEXT, and not both")
    if request is not None:
        if alias is not None:
            raise click.UsageError("--alias goes with --ask; the request's 'model' is its alias")
        return request.read()
    try:
        return msgspec.json.encode(chat_body(ask or "", alias or "auto"))
    except UnicodeEncodeError as error:
        raise click.UsageError("--ask and --alias must be UTF-8 text") from error


def lines(facts: Facts, decision: Decision) -> Iterator[str]:
    """The story so far as it would go, in the words of `report explain`."""
    caller = facts.caller
    owner = "".join(f", {word} {name!r}" for word, name in (("team", caller.team), ("app", caller.app)) if name)
    yield f"Asked: model alias {facts.request.alias!r}{owner}"
    yield from measured(facts.signals)
    yield from classified(facts.classification, decision.threshold)
    policy = f"{decision.policy}@{decision.policy_version}"
    yield from decided(policy, decision.rule, decision.route.name, decision.reasons, decision.excluded)
    if not decision.plan:
        yield "Plan: none, it would be refused: no deployment may serve it"
        return
    yield "Plan: in this order, were every deployment well"
    for number, each in enumerate(decision.plan, 1):
        yield f"  {number}. {each.name} (tier {each.tier}, model {each.model})"


def as_document(facts: Facts, decision: Decision) -> dict[str, Any]:
    """What is shown, for programs; never the request's text, a URL or a key."""
    return {
        "alias": facts.request.alias,
        "team": facts.caller.team,
        "app": facts.caller.app,
        "signals": facts.signals,
        "classification": msgspec.to_builtins(facts.classification)
        | {
            "contributions": [
                {"feature": each.feature, "log_odds": each.log_odds} for each in facts.classification.contributions
            ]
        },
        "policy": decision.policy,
        "policy_version": decision.policy_version,
        "threshold": decision.threshold,
        "rule": decision.rule,
        "route": decision.route.name,
        "reasons": decision.reasons,
        "plan": [{"deployment": each.name, "tier": each.tier, "model": each.model} for each in decision.plan],
        "excluded": decision.excluded,
        "refused": not decision.plan,
        "baseline": None if decision.baseline is None else decision.baseline.name,
    }
