import asyncio
import time
from collections.abc import Callable

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.feedback import MAX_BODY_BYTES, MOST_WAITING, FeedbackEndpoint, parse_feedback
from gateway.api.headers import new_request_id
from gateway.api.unknown_keys import UnknownKeys
from gateway.counters.guesses import MemoryGuesses
from gateway.domain.errors import DatabaseUnavailableError, InvalidRequestError
from gateway.domain.feedback import Feedback
from gateway.store.static_keys import StaticKeys
from tests.unit.api.asgi_client import KEY, Wire, scope

_SAID = {"request_id": "req-1", "score": 0.9, "comment": "good"}
_KEY_ID = StaticKeys([KEY]).authenticate(KEY).key_id


class Shelf:
    """`FeedbackStore` of one request, there after so many looks; or one that raises."""

    def __init__(self, request_id: str = "req-1", *, after: int = 0, error: Exception | None = None) -> None:
        self._request_id = request_id
        self._after = after
        self._error = error
        self.looks = 0
        self.kept: list[Feedback] = []

    def keep(self, feedback: Feedback, key_id: str) -> Feedback | None:
        self.looks += 1
        if self._error is not None:
            raise self._error
        if (feedback.request_id, key_id) != (self._request_id, _KEY_ID) or self.looks <= self._after:
            return None
        self.kept.append(feedback)
        return feedback


def _endpoint(
    shelf: Shelf, rejected: Callable[[str], None] = lambda _: None, *, wait_s: float = 0.6, longest_s: float = 5.0
) -> FeedbackEndpoint:
    return FeedbackEndpoint(
        StaticKeys([KEY, "another"]),
        shelf,
        unknown_keys=UnknownKeys(MemoryGuesses(), time.monotonic),
        now=time.time,
        behind_s=lambda: 0.0,
        rejected=rejected,
        wait_s=wait_s,
        longest_s=longest_s,
    )


def give(
    shelf: Shelf, *parts: bytes, method: str = "POST", key: str = KEY, leaves: bool = False, **headers: str
) -> tuple[Wire, list[str]]:
    rejected: list[str] = []
    wire = Wire(*parts, leaves=leaves)
    request = scope(method, "/v1/feedback", authorization=f"Bearer {key}", **headers)
    asyncio.run(_endpoint(shelf, rejected.append)(request, wire.receive, wire.send))
    return wire, rejected


def test_what_was_stored_is_answered() -> None:
    shelf = Shelf()

    wire, rejected = give(shelf, orjson.dumps(_SAID)[:9], orjson.dumps(_SAID)[9:])

    answer = orjson.loads(wire.body)
    assert (wire.status, rejected) == (200, [])
    assert answer.pop("given_at").endswith("+00:00")
    assert answer == {"object": "feedback", "request_id": "req-1", "score": 0.9, "label": "good", "comment": "good"}
    assert [each.label for each in shelf.kept] == ["good"]


@pytest.mark.parametrize(("key", "request_id"), [(KEY, "req-2"), ("another", "req-1")])
def test_another_keys_request_is_one_that_does_not_exist(key: str, request_id: str) -> None:
    shelf = Shelf()

    wire, rejected = give(shelf, orjson.dumps({**_SAID, "request_id": request_id}), key=key)

    assert (wire.status, rejected, shelf.kept) == (404, ["request_not_found"], [])
    assert wire.error["message"].startswith(
        f"this API key has no request '{request_id}'; 'request_id' is the x-request-id"
    )
    assert wire.error["param"] == "request_id"


def test_a_record_on_its_way_is_waited_for() -> None:
    shelf = Shelf(fresh := new_request_id(), after=1)

    wire, _ = give(shelf, orjson.dumps({**_SAID, "request_id": fresh}))

    assert (wire.status, shelf.looks, len(shelf.kept)) == (200, 2, 1)


@pytest.mark.parametrize("key", [KEY, "another"])
def test_one_that_does_not_come_is_told_to_be_asked_for_later(key: str) -> None:
    shelf = Shelf(fresh := new_request_id(), after=99)

    wire, rejected = give(shelf, orjson.dumps({**_SAID, "request_id": fresh}), key=key)

    assert (wire.status, rejected, wire.headers["retry-after"]) == (503, ["not_recorded_yet"], "2")
    assert "is not recorded yet; nothing was stored, send it again later" in wire.error["message"]
    assert 2 <= shelf.looks <= 4


def test_a_database_that_is_down_is_told_with_when_to_come_back() -> None:
    wire, rejected = give(
        Shelf(error=DatabaseUnavailableError("the database is down", retry_after_s=5)), orjson.dumps(_SAID)
    )

    assert (wire.status, rejected, wire.headers["retry-after"]) == (503, ["database_unavailable"], "5")


def test_a_database_that_does_not_answer_is_given_up() -> None:
    class Silent(Shelf):
        def keep(self, feedback: Feedback, key_id: str) -> Feedback | None:
            time.sleep(0.4)
            return feedback

    wire = Wire(orjson.dumps(_SAID))
    request = scope("POST", "/v1/feedback", authorization=f"Bearer {KEY}")
    asyncio.run(_endpoint(Silent(), longest_s=0.1)(request, wire.receive, wire.send))

    assert (wire.status, wire.error["code"]) == (503, "database_unavailable")


def test_a_fault_of_ours_is_no_secret_told() -> None:
    wire, rejected = give(Shelf(error=RuntimeError("password")), orjson.dumps(_SAID))

    assert (wire.status, rejected) == (500, ["internal_error"])
    assert b"password" not in wire.body


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_request"),
        (b"[]", 400, "invalid_request"),
        (b'{"request_id": 1, "score": 1}', 400, "invalid_request"),
        (b'{"request_id": "r", "score": true}', 400, "invalid_request"),
        (b'{"request_id": "r", "score": NaN}', 400, "invalid_request"),
        (b'{"request_id": "r", "label": "good", "label": "bad"}', 400, "invalid_request"),
        (b'{"request_id": "r", "label": "\\ud800"}', 400, "invalid_request"),
        (b" " * (MAX_BODY_BYTES + 1), 413, "body_too_large"),
    ],
)
def test_bad_input_is_refused_and_counted_and_nothing_is_looked_for(body: bytes, status: int, code: str) -> None:
    shelf = Shelf()

    wire, rejected = give(shelf, body)

    assert (wire.status, wire.error["code"], rejected, shelf.looks) == (status, code, [code], 0)


def test_who_may_not_is_told_so_before_the_body_is_read() -> None:
    wrong, _ = give(Shelf(), orjson.dumps(_SAID), key="wrong")
    method, _ = give(Shelf(), method="GET")
    packed, _ = give(Shelf(), b"\x1f\x8b", content_encoding="gzip")

    assert [each.status for each in (wrong, method, packed)] == [401, 405, 415]
    assert [each.received for each in (wrong, method, packed)] == [0, 0, 0]


def test_a_client_that_leaves_is_counted_and_not_answered() -> None:
    wire, rejected = give(Shelf(), b'{"request_id"', leaves=True)

    assert (wire.sent, rejected) == ([], ["client_gone"])


def test_more_than_can_wait_are_told_to_come_back() -> None:
    wires = [Wire(orjson.dumps({**_SAID, "request_id": new_request_id()})) for _ in range(MOST_WAITING + 3)]

    async def all_at_once() -> None:
        endpoint = _endpoint(Shelf(), wait_s=0.0)
        request = scope("POST", "/v1/feedback", authorization=f"Bearer {KEY}")
        await asyncio.gather(*(endpoint(request, wire.receive, wire.send) for wire in wires))

    asyncio.run(all_at_once())

    codes = [wire.error["code"] for wire in wires]
    assert (codes.count("not_recorded_yet"), codes.count("overloaded")) == (MOST_WAITING, 3)


def _read(body: bytes) -> Feedback | InvalidRequestError:
    try:
        return parse_feedback(body, 0.0)
    except InvalidRequestError as error:
        return error


@given(st.binary(max_size=200) | st.text(max_size=200).map(repr).map(str.encode))
def test_any_bytes_are_read_or_refused_with_a_sentence(body: bytes) -> None:
    read = _read(body)

    assert read.message if isinstance(read, InvalidRequestError) else read.label in ("good", "bad")


@given(
    st.fixed_dictionaries(
        {"request_id": st.text(min_size=1, max_size=100)},
        optional={
            "score": st.one_of(st.floats(0, 1), st.booleans(), st.text(), st.lists(st.none())),
            "label": st.one_of(st.sampled_from(["good", "bad"]), st.integers(-9, 9), st.none()),
            "comment": st.one_of(st.text(max_size=300), st.dictionaries(st.text(), st.none())),
        },
    )
)
def test_values_of_a_wrong_type_are_refused_by_name(payload: dict[str, object]) -> None:
    read = _read(orjson.dumps(payload))

    if isinstance(read, InvalidRequestError):
        assert read.param == "label" or read.param in payload
    else:
        assert type(payload.get("score", 0.0)) is float
        assert read.comment == (payload.get("comment") or None)
