import math
import random

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.classifiers.blocks import NGRAM_SHARE, ROWS_KNOWN, ROWS_NAMED, AmountBlock, NamedBlock, NGramBlock
from gateway.classifiers.heads import FURTHEST
from gateway.classifiers.ngrams import KINDS, SLOT_BITS, NGrams, ngrams_of
from tests.unit.classifiers.synthetic import NOUNS

Floats = NDArray[np.float32]


def _texts(count: int, *, seed: int = 0) -> list[NGrams]:
    chance = random.Random(seed)
    return [ngrams_of(" ".join(chance.choices(NOUNS, k=chance.randint(3, 9)))) for _ in range(count)]


def _solution(rows: int, outputs: int = 1) -> Floats:
    return np.random.default_rng(0).normal(size=(rows, outputs)).astype(np.float32)


def _frequencies(row: NGrams) -> dict[int, float]:
    found: dict[int, float] = {}
    for slot, share in zip(row.slots.tolist(), row.shares.tolist(), strict=True):
        found[slot] = found.get(slot, 0.0) + share
    return found


def _columns_of(rows: list[NGrams]) -> NDArray[np.float64]:
    """TF-IDF by the book: frequency × log((1 + rows) / (1 + rows that have it)), each kind scaled to NGRAM_SHARE."""
    frequencies = [_frequencies(row) for row in rows]
    having: dict[int, int] = {}
    for row in frequencies:
        for slot in row:
            having[slot] = having.get(slot, 0) + 1
    kinds = []
    for kind in range(len(KINDS)):
        slots = [slot for slot, count in having.items() if slot >> SLOT_BITS == kind and count >= ROWS_KNOWN]
        columns = np.array(
            [
                [row.get(slot, 0.0) * math.log((1 + len(rows)) / (1 + having[slot])) for slot in slots]
                for row in frequencies
            ]
        )
        kinds.append(columns * math.sqrt(NGRAM_SHARE / np.mean((columns**2).sum(axis=1))))
    return np.concatenate(kinds, axis=1)


def test_the_kernel_of_ngrams_is_their_columns_times_their_columns() -> None:
    rows = _texts(30)
    columns = _columns_of(rows)

    kernel = NGramBlock(rows).kernel()

    np.testing.assert_allclose(kernel, columns @ columns.T, atol=1e-5)


def test_each_kind_of_ngrams_has_the_same_mean_square() -> None:
    kernel = NGramBlock(_texts(30)).kernel()

    assert np.diagonal(kernel).mean() == pytest.approx(len(KINDS) * NGRAM_SHARE, rel=1e-4)


@pytest.mark.parametrize("bits", [SLOT_BITS, SLOT_BITS - 1, 8])
def test_the_weights_of_ngrams_say_of_a_row_what_the_kernel_says(bits: int) -> None:
    rows = _texts(40)
    block = NGramBlock(rows, bits=bits)
    solution = _solution(len(rows), 3)

    weights = block.weights(solution)

    assert weights.shape == (len(KINDS) << bits, 3)
    said = [row.shares @ weights[row.slots >> np.uint32(SLOT_BITS - bits)] for row in rows]
    np.testing.assert_allclose(said, block.kernel() @ solution, atol=1e-4)


def test_an_ngram_of_only_one_row_counts_nothing() -> None:
    rows = [*_texts(10), ngrams_of("zyx")]
    slots_of = [set(row.slots.tolist()) for row in rows]
    alone = slots_of[-1] - set[int]().union(*slots_of[:-1])

    weights = NGramBlock(rows).weights(np.ones((len(rows), 1), np.float32))

    assert alone
    assert not weights[sorted(alone)].any()


def test_an_ngram_of_every_row_counts_nothing() -> None:
    rows = [ngrams_of(f"please {noun}") for noun in NOUNS for _ in range(2)]
    slot = ngrams_of("please").slots[0]

    weights = NGramBlock(rows).weights(_solution(len(rows)))

    assert weights[slot] == 0.0


def test_a_common_ngram_counts_for_less_than_a_rare_one() -> None:
    rows = [ngrams_of(text) for text in ("river", "river", "river", "stone", "stone", "cloud", "cloud", "cloud")]

    squares = np.diagonal(NGramBlock(rows).kernel())

    assert squares[3] > squares[0]


def test_rows_without_text_are_like_no_other() -> None:
    kernel = NGramBlock([ngrams_of(""), ngrams_of(""), ngrams_of("river"), ngrams_of("river"), ngrams_of("b")]).kernel()

    assert not kernel[:2].any()
    assert NGramBlock([ngrams_of("")] * 3).kernel().tolist() == [[0.0] * 3] * 3


def _named(rows: int) -> list[dict[str, float]]:
    """'often' in half of the rows, 'partly' at many values, 'enough' in just enough of them, 'rare' in one too few."""
    return [
        {
            **({"often": 1.0} if row % 2 else {}),
            **({"partly": row / rows} if row % 3 else {}),
            **({"enough": 1.0} if row < ROWS_NAMED else {}),
            **({"rare": 1.0} if row < ROWS_NAMED - 1 else {}),
        }
        for row in range(rows)
    ]


def test_a_name_of_too_few_rows_is_left_out() -> None:
    block = NamedBlock(_named(200))

    assert block.names == ["enough", "often", "partly"]
    assert list(block.weights(_solution(200))) == block.names


def test_the_kernel_of_names_is_their_columns_times_their_columns() -> None:
    rows = _named(200)
    values = np.array([[row.get(name, 0.0) for name in ("enough", "often", "partly")] for row in rows])
    columns = values / np.maximum(1 / 3, values.std(axis=0)) / math.sqrt(3)

    kernel = NamedBlock(rows).kernel()

    np.testing.assert_allclose(kernel, columns @ columns.T, atol=1e-5)


def test_the_weights_of_names_say_of_a_row_what_the_kernel_says() -> None:
    rows = _named(200)
    block = NamedBlock(rows)
    solution = _solution(len(rows), 2)

    weights = block.weights(solution)

    said = [sum((value * weights[name] for name, value in row.items() if name in weights), np.zeros(2)) for row in rows]
    np.testing.assert_allclose(said, block.kernel() @ solution, atol=1e-4)


def test_a_rare_name_says_at_most_three_times_as_much_as_a_common_one() -> None:
    rows = [{"rare": 1.0} if row < ROWS_NAMED else {} for row in range(100 * ROWS_NAMED)]

    kernel = NamedBlock(rows).kernel()

    assert kernel.max() == pytest.approx(9.0)


def test_rows_without_names_are_like_no_other() -> None:
    block = NamedBlock([{}] * 5)

    assert block.kernel().tolist() == [[0.0] * 5] * 5
    assert block.weights(_solution(5)) == {}


def _amounts(rows: int) -> NDArray[np.float64]:
    return np.random.default_rng(1).normal(size=(rows, 3)) * (1.0, 50.0, 0.01) + (0.0, -300.0, 7.0)


def test_the_kernel_of_amounts_is_their_columns_times_their_columns() -> None:
    values = _amounts(50)
    columns = np.clip((values - values.mean(axis=0)) / values.std(axis=0), -FURTHEST, FURTHEST) / math.sqrt(3)

    kernel = AmountBlock(("a", "b", "c"), values.tolist()).kernel()

    np.testing.assert_allclose(kernel, columns @ columns.T, atol=1e-5)


def test_amounts_say_of_a_row_what_the_kernel_says() -> None:
    values = _amounts(50).tolist()
    block = AmountBlock(("a", "b", "c"), values)
    solution = _solution(len(values))

    amounts = block.amounts(solution)

    said = [sum(share for _, share in amounts.shares(row)) for row in values]
    np.testing.assert_allclose(said, (block.kernel() @ solution)[:, 0], atol=1e-5)


@pytest.mark.parametrize("same", [0.0, 3.0, 0.1, math.log1p(40), 1e3 / 7])
def test_an_amount_that_is_the_same_in_all_rows_counts_nothing(same: float) -> None:
    values = [[same, float(row)] for row in range(101)]
    block = AmountBlock(("same", "other"), values)

    amounts = block.amounts(np.ones((101, 1), np.float32))

    assert amounts.weights[0] == 0.0
    assert dict(amounts.shares([same + 5.0, 3.0]))["same"] == 0.0
    assert np.isfinite(amounts.scales).all()
    assert (amounts.scales > 0.0).all()


def test_one_amount_far_from_all_others_counts_only_so_far() -> None:
    kernel = AmountBlock(("a",), [[0.0]] * 999 + [[1e9]]).kernel()

    assert kernel.max() == pytest.approx(FURTHEST**2)
