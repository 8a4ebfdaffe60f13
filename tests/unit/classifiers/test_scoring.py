import numpy as np
import pytest
from msgspec.structs import replace

from gateway.classifiers.answer_amounts import ANSWER_AMOUNTS
from gateway.classifiers.curve import Curve
from gateway.classifiers.heads import Amounts
from gateway.classifiers.known_words import weight_of
from gateway.classifiers.linear import LinearClassifier, Model
from gateway.classifiers.model_file import load_prior
from gateway.classifiers.outcomes import Row
from gateway.classifiers.scoring import ModelCard, ModelScorer, card_of, score_rows
from gateway.classifiers.shapes import SHAPES
from gateway.domain.answer import Answer
from gateway.domain.classification import Classification
from gateway.domain.request import Caller
from gateway.domain.signals import Signals, measure
from tests.builders import a_classification, a_request
from tests.unit.classifiers.synthetic import (
    EXTRACTOR,
    a_head,
    a_model,
    a_task_head,
    an_answer_head,
    log_odds_of,
    some_weights,
)


class _AnswerReader:
    """Keeps which rows it was shown, and whether their answers were to be judged."""

    card = card_of(a_model())

    def __init__(self) -> None:
        self.shown: list[tuple[Row, bool]] = []

    def score(self, row: Row, signals: Signals, *, cascade: bool) -> Classification:
        self.shown.append((row, cascade))
        return a_classification()


def _classifier(model: Model) -> LinearClassifier:
    return LinearClassifier(model, EXTRACTOR, a_task_head())


def _row(**fields: object) -> Row:
    return replace(Row(line=1, request=a_request("Is the river near the stone bridge?")), **fields)


def _score(model: Model, row: Row, *, cascade: bool = False) -> Classification:
    return ModelScorer(_classifier(model)).score(row, measure(row.request), cascade=cascade)


def test_a_model_is_asked_as_it_is_when_serving() -> None:
    request = a_request("Translate 'good morning' into French.")
    classifier = load_prior()
    scorer = ModelScorer(classifier)

    verdict = scorer.score(Row(line=1, request=request, small_answer="Bonjour"), measure(request), cascade=False)

    assert verdict == classifier.classify(request, measure(request))
    assert scorer.card == card_of(classifier.model)


def test_the_app_and_the_team_of_a_row_are_its_caller() -> None:
    row = _row(app="tutor", team="school")
    model = a_model(ask_curve=Curve())

    verdict, nobody = _score(model, row), _score(model, _row())

    assert verdict == _classifier(model).classify(
        row.request, measure(row.request), Caller(key_id="", app="tutor", team="school")
    )
    assert log_odds_of(verdict) - log_odds_of(nobody) == pytest.approx(0.5 - 0.25)


def test_in_a_cascade_the_answer_is_judged_with_its_log_probability() -> None:
    weights = np.zeros(len(ANSWER_AMOUNTS))
    weights[ANSWER_AMOUNTS.index("log-probability")] = 1.0
    amounts = Amounts(ANSWER_AMOUNTS, np.zeros(len(weights)), np.ones(len(weights)), weights)
    model = a_model(answer=an_answer_head(amounts=amounts), answer_curve=Curve())
    row = _row(small_answer="It is near.", small_logprob=-1.25)

    verdict, without = (_score(model, each, cascade=True) for each in (row, replace(row, small_logprob=None)))

    answer = Answer(text="It is near.", logprob=-1.25)
    assert verdict == _classifier(model).judge(answer, row.request, measure(row.request))
    assert log_odds_of(verdict) - log_odds_of(without) == pytest.approx(-1.25)


def test_in_a_cascade_an_answer_that_was_not_kept_is_an_empty_one() -> None:
    missing, empty = (_score(a_model(), _row(small_answer=answer), cascade=True) for answer in (None, ""))

    assert missing == empty
    assert missing.small_ok < 0.01


def test_a_model_that_judges_no_answers_says_so() -> None:
    with pytest.raises(ValueError, match=r"^model 'mine@7\+' was not trained to judge answers$"):
        _score(a_model(answer=None), _row(small_answer="Yes."), cascade=True)


def test_the_card_names_the_model_and_all_its_weights() -> None:
    table = some_weights((3 << 16,), seed=1)
    model = a_model(digest="0123456789ab", ask=a_head(ngrams={"ask": table, "instruction": table}))

    card = card_of(model)

    assert (card.name, card.version, card.digest, card.provenance) == ("mine", "7", "0123456789ab", "made up")
    assert card.bias == -0.5
    assert card.weights == {"question": 0.25, "legal terms": -1.5, "app tutor": 0.5, "team school": -0.25}
    assert list(card.words) == ["river", "stone bridge", "川"]
    assert card.words["river"] == pytest.approx(2 * weight_of("river", table))
    assert card.ngrams == 2 * np.count_nonzero(table)
    assert (card.tasks, card.reads_answers, card.history) == (("chat", "code"), True, model.history)


def test_the_amounts_of_answers_are_told_apart_from_those_of_asks() -> None:
    model = a_model()

    card = card_of(model)

    assert model.ask.shape is not None
    assert model.answer is not None
    assert [card.amounts[name] for name in SHAPES] == model.ask.shape.weights.tolist()
    assert [card.amounts[f"answer: {name}"] for name in ANSWER_AMOUNTS] == model.answer.amounts.weights.tolist()
    assert len(card.amounts) == len(SHAPES) + len(ANSWER_AMOUNTS)


def test_the_card_of_a_small_model_is_silent_on_what_it_has_not() -> None:
    card = card_of(a_model(ask=a_head(shape=None, callers={}, words=frozenset()), answer=None, task=None, history=()))

    assert (card.amounts, card.words, card.tasks, card.reads_answers, card.history) == ({}, {}, (), False, ())
    assert card.weights == {"question": 0.25, "legal terms": -1.5}


def test_the_shipped_model_can_be_told_of() -> None:
    card: ModelCard = ModelScorer(load_prior()).card

    assert card.name == "prior"
    assert card.ngrams > 0
    assert card.tasks


def test_answers_are_judged_in_a_cascade_only() -> None:
    row = _row(small_answer="Paris")
    before, after = _AnswerReader(), _AnswerReader()

    list(score_rows([row], before))
    list(score_rows([row], after, cascade=True))

    assert (before.shown, after.shown) == ([(row, False)], [(row, True)])


def test_rows_are_scored_in_their_order_with_their_signals() -> None:
    rows = [_row(line=line, request=a_request("x" * line)) for line in (3, 1, 2)]

    scored = list(score_rows(rows, _AnswerReader()))

    assert [each.row for each in scored] == rows
    assert [each.signals for each in scored] == [measure(row.request) for row in rows]


def test_each_verdict_says_how_long_it_took() -> None:
    ticks = iter([1_000, 4_500])

    (scored,) = score_rows([_row()], _AnswerReader(), clock_ns=lambda: next(ticks))

    assert scored.microseconds == 3.5
