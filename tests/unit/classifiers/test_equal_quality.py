import numpy as np
import pytest
from msgspec.structs import replace

from gateway.classifiers.equal_quality import Costs, cheapest_operation, costs_of, random_operation
from gateway.domain.estimate import USUAL_OUTPUT_TOKENS
from gateway.domain.tokens import estimated_tokens
from tests.unit.classifiers.labelled import PRICES, scored_rows

SMALL = [1, 0, 1, 0]
LARGE = [1, 1, 1, 1]
SCORES = [0.1, 0.9, 0.2, 0.8]
COSTS = Costs(small=np.full(4, 1), large=np.full(4, 10))


def test_the_cheapest_cut_that_keeps_the_quality_is_taken() -> None:
    all_of_it = cheapest_operation(SMALL, LARGE, SCORES, COSTS, keep=1.0, cascade=False)
    most_of_it = cheapest_operation(SMALL, LARGE, SCORES, COSTS, keep=0.75, cascade=False)

    assert (all_of_it.large_share, all_of_it.accuracy, all_of_it.cost_nano_usd) == (0.5, 1.0, 22)
    assert (most_of_it.large_share, most_of_it.accuracy, most_of_it.cost_nano_usd) == (0.25, 0.75, 13)


def test_a_cascade_pays_the_small_model_for_every_row() -> None:
    operation = cheapest_operation(SMALL, LARGE, SCORES, COSTS, keep=1.0, cascade=True)

    assert operation.cost_nano_usd == 4 + 2 * 10


def test_where_the_small_model_keeps_the_quality_nothing_goes_large() -> None:
    operation = cheapest_operation(LARGE, SMALL, SCORES, COSTS, keep=1.0, cascade=False)

    assert (operation.large_share, operation.cost_nano_usd) == (0.0, 4)


def test_a_random_mix_wins_in_proportion_to_its_share() -> None:
    operation = random_operation(SMALL, LARGE, COSTS, keep=0.75)

    assert (operation.large_share, operation.accuracy) == (0.5, 0.75)
    assert operation.cost_nano_usd == 22


def test_an_answer_that_was_not_kept_is_as_long_as_the_other_else_the_usual() -> None:
    (row,) = scored_rows([0.5], [1], [1])
    answered = replace(row, row=replace(row.row, small_answer="It is Paris, of course. " * 20))
    tokens = estimated_tokens("It is Paris, of course. " * 20)

    costs, unanswered = costs_of([answered], PRICES), costs_of([row], PRICES)

    assert costs.small.tolist() == [row.signals.tokens + tokens]
    assert costs.large.tolist() == [10 * (row.signals.tokens + tokens)]
    assert unanswered.small.tolist() == [row.signals.tokens + USUAL_OUTPUT_TOKENS]


@pytest.mark.parametrize("keep", [0.5, 0.9, 1.0])
def test_what_is_kept_is_never_less_than_asked(keep: float) -> None:
    generator = np.random.default_rng(1)
    small, large = generator.integers(0, 2, 50), generator.integers(0, 4, 50) > 0
    costs = Costs(small=np.full(50, 1), large=np.full(50, 10))

    operation = cheapest_operation(small, large, generator.random(50), costs, keep=keep, cascade=False)

    assert operation.accuracy >= keep * large.mean() - 1e-9
