"""What a request and its answer said, for a terminal: whatever a client or a model wrote, it moves no cursor."""

from collections.abc import Iterator
from datetime import UTC, datetime

from gateway.domain.kept_text import KeptText

_INDENT = "  "


def text_lines(text: KeptText) -> Iterator[str]:
    """Each message below who said it; then the answer."""
    until = datetime.fromtimestamp(text.expires_at, UTC)
    cut = ", not all of it" if text.truncated else ""
    yield f"Text: redacted{cut}, kept until {until:%Y-%m-%d %H:%M} UTC"
    if text.request.tools:
        yield f"Tools offered: {', '.join(map(_one_line, text.request.tools))}"
    for message in text.request.messages:
        yield f"{_one_line(message.role)}:"
        yield from _shown(message.text)
        for call in message.calls:
            yield from _shown(f"calls {call.name}({call.arguments})")
    if text.answer is not None:
        yield "Answer:"
        yield from _shown(text.answer)


def _shown(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        yield f"{_INDENT}{_one_line(line)}".rstrip()


def _one_line(text: str) -> str:
    r"""A control character as `\x1b`, and so is what turns the direction of writing round."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return _INDENT if char == "\t" else char.encode("unicode_escape").decode()
