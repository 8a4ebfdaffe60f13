"""Labelled rows and verdicts on them, for tests."""

from collections.abc import Sequence

from gateway.classifiers.equal_quality import Prices
from gateway.classifiers.outcomes import Outcome
from gateway.classifiers.scoring import Scored
from gateway.domain.pricing import Price
from gateway.domain.signals import measure
from tests.builders import a_classification, a_request


def a_price_of(nano_usd: int) -> Price:
    """So many nano-dollars for each token, in or out."""
    return Price(input_atto_usd=nano_usd * 10**9, output_atto_usd=nano_usd * 10**9)


PRICES = Prices(small=a_price_of(1), large=a_price_of(10))


def scored_rows(
    small_ok: Sequence[float], small: Sequence[int], large: Sequence[int], categories: Sequence[str] | None = None
) -> list[Scored[Outcome]]:
    """One row for each label; all ask the same."""
    request = a_request()
    signals = measure(request)
    return [
        Scored(
            row=Outcome(
                line=line,
                request=request,
                small_correct=bool(small[line - 1]),
                large_correct=bool(large[line - 1]),
                category=categories[line - 1] if categories else "",
            ),
            signals=signals,
            classification=a_classification(probability),
            microseconds=50.0,
        )
        for line, probability in enumerate(small_ok, 1)
    ]
