"""What is counted for a request: a flat list of meters, out of the allowances of whoever it counts against."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.allowances import Allowance, BudgetTerms, Period
from gateway.domain.estimate import USUAL_OUTPUT_TOKENS
from gateway.domain.policy import Deployment, Policy, Route
from gateway.domain.pricing import text_cost_nano_usd
from gateway.domain.rate_limits import interval_s
from gateway.domain.request import ChatRequest

Kind = Literal["rate", "concurrent", "budget"]
Unit = Literal["requests", "tokens", "nano_usd"]
_RATES: Final[tuple[tuple[str, Unit, float], ...]] = (
    ("requests_per_minute", "requests", 60.0),
    ("requests_per_day", "requests", 86_400.0),
    ("tokens_per_minute", "tokens", 60.0),
    ("tokens_per_day", "tokens", 86_400.0),
)
_BYTES_PER_TOKEN = 4
_TOKENS_PER_IMAGE = 1_000


class Meter(Struct, frozen=True, kw_only=True):
    """One number that is kept of one owner, and how far it may go.

    key         names it among all: the owner and `name`
    name        `requests_per_minute`, …, `concurrent`, `budget_month`, `soft_budget_month`; a metric label
    window_s    of a rate
    interval_s  of a rate: the time in which one unit flows back
    is_share    the limit is but this gateway's share of the declared one
    """

    key: str
    owner: str
    name: str
    kind: Kind
    unit: Unit
    limit: int
    window_s: float = 0.0
    interval_s: float = 0.0
    period: Period = "day"
    is_hard: bool = True
    alert_at: tuple[float, ...] = ()
    is_share: bool = False


class Need(Struct, frozen=True, kw_only=True):
    """What a request is likely to take, before anything is known of its answer."""

    tokens: int
    nano_usd: int = 0

    def of(self, meter: Meter) -> int:
        """In the meter's unit."""
        if meter.unit == "requests":
            return 1
        return self.tokens if meter.unit == "tokens" else self.nano_usd


@lru_cache(maxsize=4096)
def meters_of(allowances: tuple[Allowance, ...]) -> tuple[Meter, ...]:
    """Every meter once, however often it is asked for: then with the tightest limit."""
    tightest: dict[str, Meter] = {}
    for meter in _declared(allowances):
        known = tightest.get(meter.key)
        if known is None or meter.limit < known.limit:
            tightest[meter.key] = meter
    return tuple(tightest.values())


def _declared(allowances: tuple[Allowance, ...]) -> Iterator[Meter]:
    for allowance in allowances:
        for name, unit, window_s in _RATES:
            if (limit := getattr(allowance.limits, name)) is not None:
                yield _rate(allowance.owner, name, unit, limit, window_s)
        if (calls := allowance.limits.concurrent) is not None:
            owner = allowance.owner
            yield Meter(
                key=f"{owner}:concurrent",
                owner=owner,
                name="concurrent",
                kind="concurrent",
                unit="requests",
                limit=calls,
            )
        for terms in allowance.budgets:
            yield budget_meter(allowance.owner, terms)


def _rate(owner: str, name: str, unit: Unit, limit: int, window_s: float) -> Meter:
    return Meter(
        key=f"{owner}:{name}",
        owner=owner,
        name=name,
        kind="rate",
        unit=unit,
        limit=limit,
        window_s=window_s,
        interval_s=interval_s(limit, window_s),
    )


def budget_meter(owner: str, terms: BudgetTerms) -> Meter:
    name = f"{'' if terms.is_hard else 'soft_'}budget_{terms.period}"
    return Meter(
        key=f"{owner}:{name}",
        owner=owner,
        name=name,
        kind="budget",
        unit="nano_usd",
        limit=terms.limit_nano_usd,
        period=terms.period,
        is_hard=terms.is_hard,
        alert_at=terms.alert_at,
    )


def share_of(meter: Meter, gateways: int, known_nano_usd: int = 0) -> Meter:
    """What one of so many gateways may let pass by itself: of a budget, a share of what is left beyond `known`."""
    if meter.kind == "budget":
        left = max(0, meter.limit - known_nano_usd)
        return replace(meter, limit=meter.limit - left + left // gateways, is_share=True)
    limit = max(1, meter.limit // gateways) if meter.limit > 0 else 0
    interval = interval_s(limit, meter.window_s) if meter.kind == "rate" else 0.0
    return replace(meter, limit=limit, interval_s=interval, is_share=True)


def need_of(request: ChatRequest, policy: Policy, meters: tuple[Meter, ...]) -> Need:
    """Tokens from the size of the request and the longest answer it asks for, and their cost at the dearest price.

    A budget is held for the dearest deployment of the policy, which is not known to be the one that answers.
    """
    prompt, answer = _prompt_tokens(request), _answer_tokens(request)
    if any(meter.kind == "budget" for meter in meters):
        return Need(tokens=prompt + answer, nano_usd=_dearest(policy, prompt, answer))
    return Need(tokens=prompt + answer)


def need_of_call(request: ChatRequest) -> Need:
    """What one call of a deployment is likely to take of its limits."""
    return Need(tokens=_prompt_tokens(request) + _answer_tokens(request))


def _answer_tokens(request: ChatRequest) -> int:
    """Of all the answers that are asked for."""
    answers = request.payload.get("n")
    return (request.max_output_tokens or USUAL_OUTPUT_TOKENS) * (answers if isinstance(answers, int) else 1)


def _prompt_tokens(request: ChatRequest) -> int:
    if not any(message.images for message in request.messages):
        return request.size_bytes // _BYTES_PER_TOKEN
    text = sum(len(message.text) for message in request.messages)
    return text // _BYTES_PER_TOKEN + _TOKENS_PER_IMAGE * sum(message.images for message in request.messages)


def _dearest(policy: Policy, prompt: int, answer: int) -> int:
    prices = {each.price for each in _deployments(policy).values() if each.price is not None}
    return max((text_cost_nano_usd(prompt, answer, price) for price in prices), default=0)


def _deployments(policy: Policy) -> Mapping[str, Deployment]:
    routes: tuple[Route, ...] = (policy.default, *policy.routes.values())
    return {each.name: each for route in routes for each in (*route.first, *route.then)}
