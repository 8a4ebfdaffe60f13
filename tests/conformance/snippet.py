"""How a row is written in a policy file: the same text for the tests, the gateway and the matrix."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from gateway.domain.policy import Deployment
from gateway.policyfile.drafts import load_texts
from gateway.providers.price_map import PriceMap
from tests.conformance.row import Row, secret

KEY: Final = "PROVIDER_KEY"
_PRICES: Final = PriceMap()


def snippet(row: Row, *, url: str | None = None, name: str = "small") -> str:
    """One deployment. `url`: of the server that stands for the provider's; None: as an operator writes it."""
    base = row.real_base if url is None else f"{url}{row.path}"
    lines = [f"name: {name}", "tier: small", f"provider: {row.provider}", f"model: {_quoted(row.model)}"]
    if base:
        lines.append(f"api_base: {base}")
    if row.has_key:
        lines.append(f"api_key: ${{{KEY}}}")
    options = {key: value.format(url=url) if "{url}" in value else value for key, value in row.options.items()}
    if url is None:
        options = {key: value for key, value in options.items() if "{url}" not in row.options[key]}
    if options:
        lines.append("provider_options:")
        lines += [f"  {key}: {_quoted(value)}" for key, value in options.items()]
    return "\n".join(f"{'  - ' if not at else '    '}{line}" for at, line in enumerate(lines)) + "\n"


def policy_of(deployments: Mapping[str, str]) -> str:
    """A policy file in which each of these deployments (name → text) has a policy that serves its name."""
    routes = "".join(f"  - {{name: {name}, try: [{name}]}}\n" for name in deployments)
    policies = "".join(f"  - {{name: {name}, serves: [{name}], default: {name}}}\n" for name in deployments)
    return f"deployments:\n{''.join(deployments.values())}routes:\n{routes}policies:\n{policies}"


@cache
def deployment_of(row: Row, url: str) -> Deployment:
    """The row's deployment, compiled from its text."""
    text = policy_of({"small": snippet(row, url=url)})
    return load_texts({"row.yaml": text}, _PRICES, environment_of(url, row)).deployments["small"]


@cache
def environment_of(url: str, *rows: Row) -> Mapping[str, str]:
    """What the `${NAME}`s of the rows stand for."""
    variables = {
        row.options[key].removeprefix("${").removesuffix("}"): value(url)
        for row in rows
        for key, value in row.secrets.items()
    }
    return {KEY: secret(), **variables}


def _quoted(text: str) -> str:
    return (
        f'"{text}"' if not text.replace("-", "").replace(".", "").replace("/", "").replace("_", "").isalnum() else text
    )
