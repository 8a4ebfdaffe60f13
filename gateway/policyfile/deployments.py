"""Compiles deployments: environment references, the endpoint, the provider's options, the price."""

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, Protocol

from msgspec.structs import replace

from gateway.domain.allowances import Limits
from gateway.domain.policy import Concurrency, Deployment
from gateway.domain.price_tiers import Tariff
from gateway.domain.pricing import Price, amortised, atto_usd, per_mtok
from gateway.policyfile.items import Item
from gateway.policyfile.nodes import Node
from gateway.policyfile.problems import Problems
from gateway.policyfile.provider_options import ProviderOptionsCompiler
from gateway.policyfile.schema import RawConcurrency, RawDeployment, RawLimits, RawPrice
from gateway.policyfile.substitution import Substitution

_PER_MTOK: Final[Mapping[str, str]] = {
    "cache_write_per_mtok_usd": "cache_write_atto_usd",
    "cache_write_1h_per_mtok_usd": "cache_write_1h_atto_usd",
    "reasoning_per_mtok_usd": "reasoning_atto_usd",
    "audio_input_per_mtok_usd": "audio_input_atto_usd",
    "audio_output_per_mtok_usd": "audio_output_atto_usd",
    "image_input_per_mtok_usd": "image_input_atto_usd",
    "image_output_per_mtok_usd": "image_output_atto_usd",
}
"""Keys of a price per million tokens, besides input, output and cached input."""

_NANO: Final = 10**9
_REPLACED_IN = ("api_base", "api_key", "provider_options")


class PriceBook(Protocol):
    """The bundled price map."""

    def __call__(self, provider: str, model: str) -> Price | None: ...


class DeploymentCompiler:
    def __init__(self, prices: PriceBook, environment: Mapping[str, str], problems: Problems) -> None:
        self._prices = prices
        self._problems = problems
        self._substitution = Substitution(environment, problems)
        self._options = ProviderOptionsCompiler(self._substitution, problems)

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
            api_key=None if raw.api_key is None else self._substitution.secret(item, item.at("api_key"), raw.api_key),
            provider_options=self._options.compile(item, raw),
            context_window=raw.context_window,
            capabilities=None if raw.capabilities is None else frozenset(raw.capabilities),
            labels=dict(raw.labels),
            price=price,
            unpriced=missing if price is None else None,
            concurrency=None if raw.concurrency is None else _concurrency(raw.concurrency),
            limits=None if raw.limits is None else _limits(raw.limits),
            energy_nwh=_energy_nwh(raw.energy_wh_per_1k_tokens),
        )

    def _api_base(self, item: Item[RawDeployment], text: str) -> str | None:
        url = self._substitution.url(item, item.at("api_base"), text)
        return None if url is None else url.rstrip("/")

    def _check_references(self, item: Item[RawDeployment]) -> None:
        for key, child in item.node.content.items() if isinstance(item.node.content, dict) else ():
            for node in _scalars(child) if key not in _REPLACED_IN else ():
                if isinstance(node.content, str) and "${" in node.content:
                    message = f"{node.content!r} would not be replaced"
                    suggestion = "only api_base, api_key and provider_options take variables"
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


def _limits(raw: RawLimits) -> Limits:
    return Limits(
        requests_per_minute=raw.requests_per_minute,
        requests_per_day=raw.requests_per_day,
        tokens_per_minute=raw.tokens_per_minute,
        tokens_per_day=raw.tokens_per_day,
    )


def _price(raw: RawPrice) -> Price:
    if raw.gpu_hour_usd is not None and raw.tokens_per_second is not None:
        return amortised(raw.gpu_hour_usd, raw.tokens_per_second)
    if raw.input_per_mtok_usd is None or raw.output_per_mtok_usd is None:
        raise ValueError("a price without either of its two forms is refused by the schema")
    price = per_mtok(raw.input_per_mtok_usd, raw.output_per_mtok_usd, raw.cached_input_per_mtok_usd)
    of_tokens = {rate: getattr(raw, key) for key, rate in _PER_MTOK.items()}
    rates: dict[str, int] = {rate: atto_usd(usd / 1_000_000) for rate, usd in of_tokens.items() if usd is not None}
    if raw.search_usd is not None:
        rates["search_atto_usd"] = atto_usd(raw.search_usd)
    tariff = None if raw.request_usd is None else Tariff(request_atto_usd=atto_usd(raw.request_usd))
    return replace(price, **rates, tariff=tariff)


def _energy_nwh(wh_per_1k_tokens: Decimal | None) -> int | None:
    """Nano-watt-hours a token, rounded up."""
    return None if wh_per_1k_tokens is None else math.ceil(wh_per_1k_tokens * _NANO / 1000)
