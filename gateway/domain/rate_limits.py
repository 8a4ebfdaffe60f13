"""How fast requests and tokens may pass: the generic cell rate algorithm, over one number a limit.

The number is how long it takes until the whole limit is free again, `whole_in_s`: 0 for a limit nobody has used. Each
unit that passes adds the time in which one flows back, window / limit, and a unit passes only where that keeps the sum
within the window. So a limit that rested lets all of itself pass at once, and from then on as much as flows back: in
any time of t seconds at most limit x (1 + t / window).
"""

from math import inf

ROUNDING_S = 1e-6
"""How much of a limit's time may be lost to arithmetic before a unit counts as too early."""


def interval_s(limit: int, window_s: float) -> float:
    """The time in which one unit flows back; infinite for a limit of none."""
    return window_s / limit if limit > 0 else inf


def wait_s(whole_in_s: float, units: int, limit: int, window_s: float) -> float:
    """Seconds until that many units pass, 0 where they do now; infinite where they are more than the limit."""
    if units > limit:
        return inf
    wait = whole_in_s + units * interval_s(limit, window_s) - window_s
    return wait if wait > ROUNDING_S else 0.0


def remaining(whole_in_s: float, limit: int, window_s: float) -> int:
    """How many units pass now."""
    free_s = window_s - whole_in_s + ROUNDING_S
    return int(free_s * limit / window_s) if free_s > 0.0 else 0


def after(whole_in_s: float, units: int, limit: int, window_s: float) -> float:
    """`whole_in_s` once so many units have passed; a negative number of them is given back."""
    return max(0.0, whole_in_s + units * interval_s(limit, window_s)) if units else whole_in_s


def duration(seconds: float) -> str:
    """As OpenAI writes it in `x-ratelimit-reset-*`: '12ms', '1.5s', '6m0s', '23h59m0s'."""
    milliseconds = -int(-seconds * 1e3 // 1)  # never too early
    if milliseconds < 1_000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    text = f"{rest / 1e3:.3f}".rstrip("0").rstrip(".") + "s"
    if not minutes:
        return text
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}"
