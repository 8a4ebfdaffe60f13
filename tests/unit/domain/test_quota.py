from gateway.domain.quota import Quota


def test_of_a_limit_that_is_not_there_nothing_is_told() -> None:
    assert Quota() == Quota(requests=None, tokens=None)
