from gateway.policyfile.mentions import Mentions

PLAIN = 'signals.tokens > 5 && key.team in ["a", "b"] && "k" in request.metadata'
COMPUTED = 'size(key.app) > 7 && request.metadata["l"] == "x"'


def test_a_plain_condition_mentions_beside_a_variable_what_it_is_compared_with() -> None:
    mentions = Mentions([PLAIN, "signals.images > 9"])

    assert mentions.numbers("signals.tokens") == [5.0]
    assert mentions.texts("key.team") == ["a", "b"]
    assert mentions.texts("key.app") == []


def test_another_condition_mentions_all_it_holds_beside_each_of_its_variables() -> None:
    mentions = Mentions([PLAIN, COMPUTED])

    assert mentions.numbers("key.app") == [7.0]
    assert mentions.texts("key.app") == ["l", "x"]
    assert mentions.numbers("signals.tokens") == [5.0]


def test_keys_are_found_in_every_condition() -> None:
    assert Mentions([PLAIN, COMPUTED]).keys("request.metadata") == ["k", "l"]


def test_a_variable_is_plainly_used_where_all_that_name_it_are_plain() -> None:
    mentions = Mentions([PLAIN, COMPUTED])

    assert mentions.is_plainly("key.team")
    assert not mentions.is_plainly("request.metadata")


def test_what_is_named_is_known() -> None:
    mentions = Mentions([PLAIN, "classification.small_ok >= quality.threshold"])

    assert mentions.has("quality.threshold")
    assert not mentions.has("key.app")
