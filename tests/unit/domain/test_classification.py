import msgspec

from gateway.domain.classification import Classification, Contribution
from tests.builders import a_classification


def test_a_contribution_is_stored_as_a_pair() -> None:
    assert msgspec.json.encode(Contribution(feature="short ask", log_odds=1.1)) == b'["short ask",1.1]'


def test_a_classification_comes_back_from_json_as_it_was() -> None:
    classification = a_classification()

    back = msgspec.json.decode(msgspec.json.encode(classification), type=Classification)

    assert back == classification
