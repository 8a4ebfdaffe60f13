import pytest

from gateway.classifiers.features import FEATURES, FeatureExtractor
from gateway.classifiers.lexicon import load_lexicon
from gateway.classifiers.tasks import TASK_SCORES, task_of
from gateway.domain.signals import measure
from tests.builders import a_request

EXTRACTOR = FeatureExtractor(load_lexicon())


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("Hello", "chat"),
        ("zorblax", "chat"),
        ("", "chat"),
        ("Who was Ada Lovelace?", "knowledge"),
        ("Extract the total from the invoice", "extraction"),
        ("Classify the sentiment", "classification"),
        ("Rewrite this politely", "rewriting"),
        ("Translate the contract into French", "translation"),
        ("Summarise the minutes", "summarization"),
        ("According to the memo, when is the party?", "reading"),
        ("Write a poem on rain", "creative"),
        ("Write a function that sorts names", "code"),
        ("Why do these threads deadlock?", "code"),
        ("He has 3 apples and buys 4, how many has he?", "math"),
        ("Prove the theorem", "math"),
        ("Compare both and recommend one", "reasoning"),
        ("Which liability clause applies?", "legal"),
        ("Which dose for this patient?", "medical"),
        ("What is the EBITDA yield?", "finance"),
        ("请总结会议", "summarization"),
        ("契約の条項", "legal"),
    ],
)
def test_the_task_is_what_is_asked_for(text: str, task: str) -> None:
    request = a_request(text)

    assert task_of(EXTRACTOR.extract(request, measure(request))) == task


def test_the_table_names_only_features_that_exist() -> None:
    assert set(TASK_SCORES) <= set(FEATURES)
