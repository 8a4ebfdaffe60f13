"""What training sees of labelled rows: the same features, shapes and n-grams that a request is judged by."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from gateway.classifiers.answer_amounts import answer_amounts
from gateway.classifiers.features import FeatureExtractor, Features
from gateway.classifiers.heads import Text
from gateway.classifiers.linear import callers_of
from gateway.classifiers.ngrams import NGrams, ngrams_of
from gateway.classifiers.outcomes import Outcome
from gateway.classifiers.shapes import shape_of
from gateway.classifiers.view import text_view, view_of
from gateway.domain.signals import measure


class Example(Struct, frozen=True, kw_only=True, eq=False):
    """One row taken apart.

    answer_amounts, answer_ngrams  empty and None where the answer is not looked at
    """

    row: Outcome
    features: Features
    shape: Sequence[float]
    callers: Sequence[str]
    ngrams: Mapping[Text, NGrams]
    answer_amounts: Sequence[float] = ()
    answer_ngrams: NGrams | None = None


def examples_of(
    rows: Iterable[Outcome], extractor: FeatureExtractor, *, cascade: bool, done: Callable[[], None]
) -> list[Example]:
    """`done`: called after each row."""
    examples = []
    for row in rows:
        examples.append(_example(row, extractor, cascade=cascade))
        done()
    return examples


def _example(row: Outcome, extractor: FeatureExtractor, *, cascade: bool) -> Example:
    view = view_of(row.request)
    answer = text_view(row.small_answer or "").text if cascade else ""
    return Example(
        row=row,
        features=extractor.extract(view, measure(row.request)),
        shape=shape_of(view.text, view.tokens),
        callers=callers_of(row.caller),
        ngrams={"ask": ngrams_of(view.text), "instruction": ngrams_of(view.instruction)},
        answer_amounts=answer_amounts(answer, view.text, row.small_logprob) if cascade else (),
        answer_ngrams=ngrams_of(answer) if cascade else None,
    )
