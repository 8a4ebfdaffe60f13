import re
import time

import pytest

from gateway.api.headers import answer_headers, header_value, new_request_id
from gateway.domain.quota import Allotment, Quota
from gateway.ports import AnswerHead
from tests.builders import a_decision, a_deployment


def test_a_request_id_is_32_hex_digits_and_unique() -> None:
    ids = {new_request_id() for _ in range(1_000)}

    assert len(ids) == 1_000
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in ids)


def test_a_request_id_begins_with_its_time_so_ids_sort() -> None:
    before_ms = time.time_ns() // 1_000_000

    assert before_ms <= int(new_request_id()[:12], 16) <= time.time_ns() // 1_000_000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain ascii, even: (this)!", b"plain ascii, even: (this)!"),
        ("100%", b"100%25"),
        ("a\r\nX-Evil: 1", b"a%0D%0AX-Evil: 1"),
        ("\u0000\u001b\u007f", b"%00%1B%7F"),
        ("größer", b"gr%C3%B6%C3%9Fer"),
        ("", b""),
    ],
)
def test_a_header_value_is_printable_ascii_whatever_the_text(text: str, value: bytes) -> None:
    assert header_value(text) == value


def test_before_a_decision_only_the_request_and_its_attempts_are_known() -> None:
    assert answer_headers("id", AnswerHead()) == [(b"x-request-id", b"id"), (b"x-sizewise-attempts", b"0")]


def test_a_whole_answer_says_all_of_itself() -> None:
    head = AnswerHead(decision=a_decision(rule="größer"), deployment=a_deployment("a"), attempts=2, cost_nano_usd=1_500)

    assert dict(answer_headers("id", head)) == {
        b"x-request-id": b"id",
        b"x-sizewise-attempts": b"2",
        b"x-sizewise-policy": b"default@v1",
        b"x-sizewise-route": b"small-first",
        b"x-sizewise-rule": b"gr%C3%B6%C3%9Fer",
        b"x-sizewise-deployment": b"a",
        b"x-sizewise-model": b"a-model",
        b"x-sizewise-cost-usd": b"0.0000015",
    }


def test_no_cost_is_no_header_never_zero() -> None:
    head = AnswerHead(decision=a_decision(), deployment=a_deployment(), attempts=1, cost_nano_usd=None)

    assert b"x-sizewise-cost-usd" not in dict(answer_headers("id", head))


def test_limits_are_told_as_openais_clients_know_them() -> None:
    quota = Quota(
        requests=Allotment(limit=60, remaining=59, reset_s=1.0),
        tokens=Allotment(limit=1_000, remaining=0, reset_s=360.0),
    )

    assert dict(answer_headers("id", AnswerHead(quota=quota)))[b"x-ratelimit-reset-tokens"] == b"6m0s"
    assert answer_headers("id", AnswerHead(quota=quota))[2:5] == [
        (b"x-ratelimit-limit-requests", b"60"),
        (b"x-ratelimit-remaining-requests", b"59"),
        (b"x-ratelimit-reset-requests", b"1s"),
    ]


def test_of_a_limit_that_is_not_there_no_header_tells() -> None:
    quota = Quota(tokens=Allotment(limit=1_000, remaining=5, reset_s=1.0))

    names = [name for name, _ in answer_headers("id", AnswerHead(quota=quota))]

    assert [name for name in names if name.startswith(b"x-ratelimit")] == [
        b"x-ratelimit-limit-tokens",
        b"x-ratelimit-remaining-tokens",
        b"x-ratelimit-reset-tokens",
    ]
