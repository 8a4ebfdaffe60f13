from gateway.classifiers.model_file import load_prior
from gateway.classifiers.outcomes import Row
from gateway.classifiers.scoring import ModelCard, PromptScorer, score_rows
from gateway.domain.classification import Classification
from gateway.domain.request import ChatRequest
from gateway.domain.signals import Signals, measure
from tests.builders import a_classification, a_request


class _AnswerReader:
    """Keeps what answers it was shown."""

    card = ModelCard(name="reader", version="1", provenance="a test's", bias=0.0, weights={}, reads_answers=True)

    def __init__(self) -> None:
        self.shown: list[str | None] = []

    def score(self, request: ChatRequest, signals: Signals, answer: str | None) -> Classification:
        self.shown.append(answer)
        return a_classification()


def test_a_linear_classifier_is_asked_as_it_is_when_serving() -> None:
    request = a_request("Translate 'good morning' into French.")
    classifier = load_prior()
    scorer = PromptScorer(classifier)

    verdict = scorer.score(request, measure(request), "Bonjour")

    assert verdict == classifier.classify(request, measure(request))
    assert (scorer.card.name, scorer.card.reads_answers) == ("prior", False)


def test_the_small_answer_is_shown_in_a_cascade_only() -> None:
    row = Row(line=1, request=a_request(), small_answer="Paris")
    before, after = _AnswerReader(), _AnswerReader()

    list(score_rows([row], before))
    list(score_rows([row], after, cascade=True))

    assert (before.shown, after.shown) == ([None], ["Paris"])


def test_each_verdict_says_how_long_it_took() -> None:
    ticks = iter([1_000, 4_500])

    (scored,) = score_rows([Row(line=1, request=a_request())], _AnswerReader(), clock_ns=lambda: next(ticks))

    assert scored.microseconds == 3.5
