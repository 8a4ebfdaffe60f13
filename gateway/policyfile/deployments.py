"""Compiles deployments: environment references, the endpoint, the price."""

import re
from collections.abc import Iterator, Mapping
from typing import Protocol
from urllib.parse import urlsplit

from msgspec.structs import replace

from gateway.domain.policy import Concurrency, Deployment, Secret
from gateway.domain.pricing import Price, amortised, per_mtok
from gateway.policyfile.items import Item
from gateway.policyfile.nodes import Node
from gateway.policyfile.problems import Problems
from gateway.policyfile.schema import RawConcurrency, RawDeployment, RawPrice

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_REPLACED_IN = ("api_base", "api_key")


class PriceBook(Protocol):
    """The bundled price map."""

    def __call__(self, provider: str, model: str) -> Price | None: ...


class DeploymentCompiler:
    def __init__(self, prices: PriceBook, environment: Mapping[str, str], problems: Problems) -> None:
        self._prices = prices
        self._environment = environment
        self._problems = problems

    def compile(self, item: Item[RawDeployment], raw: RawDeployment, rank: int) -> Deployment:
        """The deployment; what is wrong with it is added to the problems. `rank`: the place of its tier."""
        self._check_references(item)
        price = self._prices(raw.provider, raw.model) if raw.price is None else _price(raw.price)
        missing = f"the price map does not know {raw.provider}/{raw.model} and the policy file gives no price"
        return Deployment(
            name=raw.name,
            tier=raw.tier,
            rank=rank,
            provider=raw.provider,
            model=raw.model,
            api_base=None if raw.api_base is None else self._api_base(item, raw.api_base),
            api_key=None if raw.api_key is None else self._api_key(item, raw.api_key),
            context_window=raw.context_window,
            capabilities=None if raw.capabilities is None else frozenset(raw.capabilities),
            labels=dict(raw.labels),
            price=price,
            unpriced=missing if price is None else None,
            concurrency=None if raw.concurrency is None else _concurrency(raw.concurrency),
        )

    def _api_key(self, item: Item[RawDeployment], text: str) -> Secret | None:
        node = item.at("api_key")
        if not _REFERENCE.fullmatch(text):
            message = "must be a reference such as ${OPENAI_API_KEY}"
            self._problems.add(node.place, item.path(node.loc), message, "policy files hold no secrets")
            return None
        return Secret(self._expanded(item, node, text))

    def _api_base(self, item: Item[RawDeployment], text: str) -> str | None:
        node = item.at("api_base")
        before = len(self._problems)
        url = self._expanded(item, node, text)
        if len(self._problems) > before:
            return None
        if fault := _fault(url):
            shown = "the value of its variables" if url != text else "it"
            self._problems.add(node.place, item.path(node.loc), f"{shown} {fault}")
        return url.rstrip("/")

    def _expanded(self, item: Item[RawDeployment], node: Node, text: str) -> str:
        """The text with its `${NAME}`s replaced; values are never shown."""
        if "${" in _REFERENCE.sub("", text):
            message = "holds a '${' that begins no reference"
            self._problems.add(node.place, item.path(node.loc), message, "write ${NAME}, in letters, digits and '_'")
        for name in _REFERENCE.findall(text):
            if not self._environment.get(name):
                fault = "set but empty" if name in self._environment else "not set"
                message = f"environment variable {name!r} is {fault}"
                self._problems.add(node.place, item.path(node.loc), message, "set it where the gateway starts")
        return _REFERENCE.sub(lambda match: self._environment.get(match[1], ""), text)

    def _check_references(self, item: Item[RawDeployment]) -> None:
        for key, child in item.node.content.items() if isinstance(item.node.content, dict) else ():
            for node in _scalars(child) if key not in _REPLACED_IN else ():
                if isinstance(node.content, str) and "${" in node.content:
                    message = f"{node.content!r} would not be replaced"
                    suggestion = "only api_base and api_key take variables"
                    self._problems.add(node.place, item.path(node.loc), message, suggestion)


def _scalars(node: Node) -> Iterator[Node]:
    if isinstance(node.content, dict):
        for child in node.content.values():
            yield from _scalars(child)
    elif not isinstance(node.content, list):
        yield node


def _concurrency(raw: RawConcurrency) -> Concurrency:
    limit = Concurrency(calls=raw.calls, queue=raw.queue)
    return limit if raw.queue_s is None else replace(limit, queue_s=float(raw.queue_s))


def _price(raw: RawPrice) -> Price:
    if raw.gpu_hour_usd is not None and raw.tokens_per_second is not None:
        return amortised(raw.gpu_hour_usd, raw.tokens_per_second)
    if raw.input_per_mtok_usd is None or raw.output_per_mtok_usd is None:
        raise ValueError("a price without either of its two forms is refused by the schema")
    return per_mtok(raw.input_per_mtok_usd, raw.output_per_mtok_usd, raw.cached_input_per_mtok_usd)


def _fault(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable or not url.isprintable() or " " in url:
        return "is not an http:// or https:// URL"
    if parts.username is not None or parts.password is not None:
        return "holds credentials; use api_key"
    if parts.fragment:
        return "holds a fragment; end it with the path, such as /v1, or with a query, such as Azure's api-version"
    return None
