"""What the policy's baseline would have cost for an answer, and between what the saving lies.

Nobody asked the baseline, so the length of its answer is not known. How much longer or shorter the larger of two models
answers was measured on 771 questions of GSM8K that Mixtral and GPT-4 both answered: nine in ten of the larger one's
answers have 0.72 to 3.47 times as many characters. For models of one tier there is no measurement; half to twice is
taken. Of what the baseline's cache would have held nothing is known either: at worst as much as was cached here.
"""

from typing import Final

from msgspec import Struct

from gateway.domain.policy import Deployment
from gateway.domain.pricing import Price, cost_nano_usd
from gateway.domain.usage import Usage, without_cache, without_output

Percents = tuple[int, int]

_OF_A_LARGER: Final[Percents] = (72, 347)
_OF_A_SMALLER: Final[Percents] = (28, 139)
_OF_ITS_LIKE: Final[Percents] = (50, 200)
_OF_AN_ESTIMATE: Final[Percents] = (85, 115)
"""Nine in ten of our own counts of tokens are not further off."""
_EXACT: Final[Percents] = (100, 100)


class Comparison(Struct, frozen=True, kw_only=True):
    """In nano-USD, None where a cost is not known. `low` and `high` are of the saving, below 0 where it is a loss."""

    cost_nano_usd: int | None = None
    low_nano_usd: int | None = None
    high_nano_usd: int | None = None


_NOTHING: Final = Comparison()


def compared(
    usage: Usage,
    served: Deployment,
    baseline: Deployment,
    *,
    spent_nano_usd: int | None,
    most_output_tokens: int = 0,
    at_s: float | None = None,
) -> Comparison:
    """One call to the baseline beside what was spent, however many calls that took.

    usage               of the answer the client got
    spent_nano_usd      by all calls; None: not known
    most_output_tokens  what the client set as the limit of the answer; 0: nothing
    """
    price = baseline.price
    if price is None or (parts := _parts(usage, price, at_s)) is None:
        return _NOTHING
    asked, said = parts
    cost = asked + said
    fresh = _parts(without_cache(usage), price, at_s) if usage.cached_input_tokens or usage.more is not None else parts
    if spent_nano_usd is None or fresh is None:  # of sound, a price may know only what comes from a cache
        return Comparison(cost_nano_usd=cost)
    if baseline.name == served.name and not usage.estimated:
        exact = cost - spent_nano_usd
        return Comparison(cost_nano_usd=cost, low_nano_usd=exact, high_nano_usd=exact)
    least, most = _span(usage, served, baseline, most_output_tokens)
    low = min(asked, fresh[0]) + min(said, fresh[1]) * least // 100  # writing to a cache may cost more than it saves
    high = max(asked, fresh[0]) + max(said, fresh[1]) * most // 100
    under, over = _OF_AN_ESTIMATE if usage.estimated else _EXACT
    return Comparison(
        cost_nano_usd=cost,
        low_nano_usd=(low * under - spent_nano_usd * over) // 100,
        high_nano_usd=-(-(high * over - spent_nano_usd * under) // 100),
    )


def _parts(usage: Usage, price: Price, at_s: float | None) -> tuple[int, int] | None:
    """What the question costs and what the answer does; None where the price does not know all of it."""
    whole, asked = cost_nano_usd(usage, price, at_s), cost_nano_usd(without_output(usage), price, at_s)
    return None if whole is None or asked is None else (asked, whole - asked)


def _span(usage: Usage, served: Deployment, baseline: Deployment, most_output_tokens: int) -> Percents:
    """How long the baseline's answer may be, in percent of this one; never above the client's limit."""
    if baseline.name == served.name:
        return _EXACT
    if baseline.rank > served.rank:
        least, most = _OF_A_LARGER
    else:
        least, most = _OF_ITS_LIKE if baseline.rank == served.rank else _OF_A_SMALLER
    if most_output_tokens and usage.output_tokens:
        most = min(most, max(100, most_output_tokens * 100 // usage.output_tokens))
    return least, most
