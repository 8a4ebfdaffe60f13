"""How many unknown keys are too many: so many in a minute, and then none until that minute is over."""

from typing import Final

from msgspec import Struct

WINDOW_S: Final = 60.0


class Window(Struct, frozen=True, kw_only=True):
    """`count` since `from_s`, in seconds, monotonic."""

    from_s: float
    count: int = 0


def after_one_more(window: Window | None, now_s: float) -> Window:
    """The window with one more in it; a new one where there is none, or the old one is over."""
    if window is None or now_s - window.from_s >= WINDOW_S:
        return Window(from_s=now_s, count=1)
    return Window(from_s=window.from_s, count=window.count + 1)


def wait_s(window: Window, limit: int, now_s: float) -> float | None:
    """Until the window is over, where it holds more than `limit`; None where it does not."""
    return window.from_s + WINDOW_S - now_s if window.count > limit else None
