import logging
import threading
import time
from collections.abc import Callable

import pytest

from gateway.domain.kept_text import KeptText
from gateway.store.spool.redactor import Redactor
from tests.builders import what_was_said
from tests.unit.domain.test_text_redaction import KEY


def _eventually(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline_s, "it did not come true"
        time.sleep(0.001)


class Kept:
    """Takes texts where it has room, and says on which thread."""

    def __init__(self, *, has_room: bool = True) -> None:
        self._has_room = has_room
        self.texts: list[KeptText] = []
        self.threads: set[str] = set()

    def __call__(self, text: KeptText) -> bool:
        self.threads.add(threading.current_thread().name)
        if self._has_room:
            self.texts.append(text)
        return self._has_room


def test_what_is_handed_over_is_redacted_on_a_thread_of_its_own_in_order() -> None:
    kept = Kept()
    redactor = Redactor(kept)
    for number in range(50):
        redactor.add(what_was_said(f"{number}: my key is {KEY}", request_id=f"req-{number}"))

    redactor.close(10)

    assert [text.request.messages[0].text for text in kept.texts] == [f"{n}: my key is [secret]" for n in range(50)]
    assert (kept.threads, redactor.lost) == ({"redactor"}, 0)


def test_without_anything_to_redact_there_is_no_thread() -> None:
    before = threading.active_count()
    redactor = Redactor(Kept())

    assert threading.active_count() == before
    redactor.close(0)


def test_what_memory_does_not_hold_is_lost_and_counted_and_nobody_waits() -> None:
    gate = threading.Event()

    def held(text: KeptText) -> bool:
        return gate.wait(10)

    redactor = Redactor(held, memory_bytes=3_000)
    for _ in range(10):
        redactor.add(what_was_said("x" * 900, answer=""))
    turned_away = redactor.lost
    gate.set()
    redactor.close(10)

    assert turned_away == 7
    assert redactor.lost == 7


def test_memory_is_free_again_once_its_text_is_kept() -> None:
    kept = Kept()
    redactor = Redactor(kept, memory_bytes=1_000)
    for number in range(5):
        redactor.add(what_was_said("x" * 900, answer=""))
        _eventually(lambda until=number + 1: len(kept.texts) == until and not redactor._waiting)  # type: ignore[misc]
        _eventually(lambda: redactor._taken_bytes == redactor._settled_bytes)

    redactor.close(10)

    assert (len(kept.texts), redactor.lost) == (5, 0)


def test_what_the_spool_has_no_room_for_is_counted() -> None:
    redactor = Redactor(Kept(has_room=False))

    redactor.add(what_was_said())
    redactor.close(10)

    assert redactor.lost == 1


def test_what_comes_after_the_close_is_counted() -> None:
    redactor = Redactor(Kept())
    redactor.close(0)

    redactor.add(what_was_said())

    assert redactor.lost == 1


def test_a_fault_stops_no_other_text_and_the_log_says_nothing_of_what_was_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept: list[str] = []

    def fails_once(text: KeptText) -> bool:
        kept.append(text.request_id)
        if len(kept) == 1:
            raise ValueError(f"cannot keep {KEY}")
        return True

    redactor = Redactor(fails_once)
    with caplog.at_level(logging.DEBUG):
        redactor.add(what_was_said(f"my key is {KEY}"))
        redactor.add(what_was_said(request_id="req-2"))
        redactor.close(10)

    assert (kept, redactor.lost) == (["req-1", "req-2"], 1)
    assert "the text of request 'req-1' is not kept: ValueError" in caplog.text
    assert KEY not in caplog.text
