import pytest

from gateway.api.load import Load
from gateway.domain.errors import OverloadedError


def test_one_request_more_than_the_process_holds_is_refused_and_not_counted() -> None:
    load = Load(max_requests=2, max_body_bytes=10)
    load.enter()
    load.enter()

    with pytest.raises(OverloadedError, match="serving 2 requests"):
        load.enter()
    assert load.requests == 2


def test_one_byte_more_than_the_process_holds_is_refused_and_not_counted() -> None:
    load = Load(max_requests=2, max_body_bytes=10)
    load.hold(10)

    with pytest.raises(OverloadedError, match="so large"):
        load.hold(1)
    assert load.body_bytes == 10


def test_whoever_leaves_makes_room() -> None:
    load = Load(max_requests=1, max_body_bytes=10)
    load.enter()
    load.hold(10)

    load.leave(10)

    load.enter()
    load.hold(10)
    assert (load.requests, load.body_bytes) == (1, 10)
