"""Writes docs/providers.md from the rows that the contract runs over: `python -m tests.conformance.matrix`."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from gateway.domain.provider_options import OPTIONS
from gateway.providers.whole_stream import UNSTREAMED
from tests.conformance.row import MEANING, Failure, Row
from tests.conformance.rows import ROWS
from tests.conformance.snippet import snippet

PAGE: Final = Path(__file__).parents[2] / "docs" / "providers.md"
_WORDS: Final[dict[Failure, str]] = {
    "credentials": "key",
    "rate_limit": "rate limit",
    "overflow": "too long",
    "content_filter": "filter",
    "unavailable": "5xx",
}
_HEAD: Final = """# Providers

Written by `python -m tests.conformance.matrix` from the rows that `tests/conformance` runs over; a test fails where
this page is stale.

What a row says is tested against a server on loopback that speaks the provider's wire format: the path, the credential
and the whole body of the request; answers and streams; usage; errors. No row was tried against the provider itself.

- **chat**: system, user and assistant turns, `max_tokens`, `temperature` and `stop` arrive as the provider wants them,
  and the answer is OpenAI's.
- **stream**: each piece of text is a chunk of its own; then the finish reason, the usage where the client asks for it,
  and `[DONE]`. *In one piece*: there is no stream to be had; the gateway asks for the whole answer and then streams
  that. All of it has to come within the `first_token_s` of the route's `timeout`, 30 seconds if not given.
- **usage**: the tokens counted, and billed, are those the provider reported, in answers and streams.
- **errors** that keep their meaning: *key* not accepted; *rate limit*, with the seconds to wait; prompt *too long*;
  *filter*; *5xx*. Every row also tells a refused connection, a reset one, a stream cut short and a 200 that is no
  answer.
- **price**: the bundled price map knows it under this name. Else write `price`, or it is unpriced, never free.

An attempt is one upstream call, with one exception: a connection that had been idle and closes before a byte of the
answer is tried again once on a new one. That is of our own client; litellm's repetitions are off in these rows. Any
other provider of litellm's can be named too, untested: those that it calls through OpenAI's SDK repeat a failed call up
to twice, which cannot be turned off.

A provider is given the credentials of its deployment and no others: nothing is taken from the environment or the
machine unless `provider_options` says `ambient_credentials: true`. Text options and `api_base` may hold `${NAME}`; a
secret is nothing but one.
"""


def page() -> str:
    return (
        "\n".join([_HEAD, *_table(), "", "## How to write them", *_snippets(), "## `provider_options`", *_options()])
        + "\n"
    )


def _table() -> Iterator[str]:
    yield "| provider | `provider` | chat | stream | tools | usage | errors | price | through |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in ROWS:
        streams = "yes" if row.has_stream else "in one piece"
        through = "our own" if row.is_ours else "litellm"
        cells = (row.title, f"`{row.provider}`", _chat(row), streams, _mark(row, "tools"), "yes", _errors(row))
        yield f"| {' | '.join((*cells, 'yes' if row.is_priced else 'no', through))} |"


def _chat(row: Row) -> str:
    return "without `stop`" if "stop" in row.lacks else "yes"


def _mark(row: Row, what: str) -> str:
    return "no" if what in row.lacks else "yes"


def _errors(row: Row) -> str:
    return ", ".join(_WORDS[kind] for kind in MEANING if row.api.failure(kind) is not None)


def _snippets() -> Iterator[str]:
    for row in ROWS:
        yield f"\n### {row.title}\n"
        yield f"```yaml\ndeployments:\n{snippet(row)}```"
        notes = [] if row.has_stream else [f"Streams in one piece: {UNSTREAMED[row.provider].why}."]
        if row.not_done:
            notes.append(f"Not supported, or to be known: {row.not_done}.")
        if notes:
            yield " ".join(notes)
    yield ""


def _options() -> Iterable[str]:
    yield "\n| `provider` | key | | meaning |\n|---|---|---|---|"
    for provider, vocabulary in OPTIONS.items():
        for name, option in vocabulary.options.items():
            yield f"| `{provider}` | `{name}` | {option.form} | {option.meaning} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
