"""The table of scripted models: the model's name in the request decides how the upstream behaves.

A name is a row of FAULTS, with its parameters after colons: `slow:800`, `chunks:200:5`, `rate-limit:30`.
Parameters left out have the row's defaults. What stands before the last slash is ignored, and a leading
`scripted-` too: `openai/scripted-slow:800` is `slow:800`. A name in no row (`gpt-4o`) is answered normally,
so that any name works as an upstream model; a row's name with parameters that do not fit is a 400.

Each row says in its own words what it does; `python -m gateway.providers.scripted --models` prints them. By
family, with the numbers of the fault catalogue:

    healthy     small, large, cached, json, prose, tools, refuses, finish:REASON, azure (25)
    slow        slow:MS, slow-chunks:MS, pause:N:MS (24), drip:MS (23), chunks:N:MS, huge:MB (17)
    refused     error-400 … error-529 (5, 6, 10, 12), not-found, rate-limit:S, rate-limit-ms:MS (7, 8), quota,
                spend-limit (9), context-overflow, content-filter (11), redirect:STATUS (16)
    in turns    flaky:N, error-first:N, error-once
    no answer   silent (4), stall:N, comment-stall:N:MS (23)
    broken off  reset:N (18), hangup:N, cut:N (19), stale (29)
    bad reply   html, empty, wrong-type, wrong-length (14), error-in-body (13), no-choices, null-message,
                missing-usage (15), gzip-bomb:MB (17)
    bad stream  malformed:N, bad-utf8:N, bom, crlf, cr, comments, no-space, multi-line, no-blank-line, split,
                huge-event:MB (22), error-in-stream:N, error-event:N (21), missing-done (20), no-finish (19),
                usage-in-last, usage-early (25), tools-interleaved, tools-no-index (26), after-finish,
                after-done (28)

Not scripted here, for they are not a matter of the answer: refused connections and DNS (1, 2), TLS (3),
Anthropic's event order (27), HTTP/2 (30).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gateway.providers.scripted import reply_faults as reply
from gateway.providers.scripted import stream_faults as stream
from gateway.providers.scripted.answers import json_answer, plain_answer, tool_answer
from gateway.providers.scripted.delivery import answered
from gateway.providers.scripted.request import ChatRequest, InvalidRequestError
from gateway.providers.scripted.script import Script, Turns

Parameter = int | str

_NUMBER = re.compile(r"[0-9]{1,7}", re.ASCII)
_TEXT = re.compile(r"[\w.+-]{1,64}", re.ASCII)
"""Narrow on purpose: a text parameter may end up in a response header."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A row: the name, what it does, the function that writes the script, and its parameters' defaults.

    play            called with the request and the parameters, of the defaults' types
    stream_only     a request without `stream` is answered normally
    """

    name: str
    says: str
    play: Callable[..., Script | Turns]
    defaults: tuple[Parameter, ...] = ()
    stream_only: bool = False

    @property
    def usage(self) -> str:
        """The name with its parameters: `pause:2:1000`."""
        return ":".join((self.name, *map(str, self.defaults)))


_Stream = partial(Fault, stream_only=True)

_ROWS: tuple[Fault, ...] = (
    Fault("small", "answers in one sentence", answered),
    Fault("large", "answers in two sentences", answered),
    Fault("cached", "reports half of the prompt's tokens as cached", reply.cached),
    Fault(
        "json",
        "answers with a JSON object, asked or not",
        lambda request: answered(request, json_answer(request)),
    ),
    Fault("prose", "answers in prose even where a JSON object is asked for", reply.prose),
    Fault("tools", "calls the first tool offered", lambda request: answered(request, tool_answer(request))),
    Fault("refuses", "refuses in words", reply.refuses),
    Fault("finish", "finishes for the reason named", reply.finish, ("length",)),
    _Stream("azure", "opens with a chunk without choices", stream.azure),
    Fault("slow", "N ms pass before the first byte", reply.slow, (800,)),
    _Stream("slow-chunks", "N ms pass between two events", stream.slow_chunks, (50,)),
    _Stream(
        "pause",
        "falls silent for M ms after N events (0: after the head), then goes on",
        stream.pause,
        (2, 1000),
    ),
    _Stream("drip", "one byte every N ms", stream.drip, (4900,)),
    Fault("chunks", "N content chunks, M ms before each", stream.many_chunks, (200, 0)),
    Fault("huge", "an answer of N MB, in events of 64 KiB", reply.huge, (5,)),
    *(
        Fault(
            f"error-{status}",
            f"status {status} with OpenAI's error body",
            partial(reply.error, status=status),
        )
        for status in (400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 501, 502, 503, 504, 529)
    ),
    Fault("not-found", "404 model_not_found", partial(reply.error, status=404)),
    Fault(
        "rate-limit",
        "429 with this Retry-After; `date` stands for an HTTP date in 2099",
        reply.rate_limit,
        ("1",),
    ),
    Fault("rate-limit-ms", "429 with this Retry-After-Ms", reply.rate_limit_ms, ("1500",)),
    Fault("quota", "429 insufficient_quota, without Retry-After", reply.quota),
    Fault("spend-limit", "400 enforced_spend_limit_reached", reply.spend_limit),
    Fault("context-overflow", "400 context_length_exceeded", reply.context_overflow),
    Fault("content-filter", "400 content_filter", reply.content_filter),
    Fault("redirect", "a redirect with this status, to a path on this server", reply.redirect, (307,)),
    Fault("flaky", "every Nth call is a 500", reply.flaky, (2,)),
    Fault("error-first", "the first N calls are 500s, all later ones healthy", reply.error_first, (1,)),
    Fault("error-once", "error-first:1", reply.error_once),
    Fault("silent", "takes the request and never answers", reply.silent),
    Fault("stall", "silent for ever after N events; without `stream` silent from the start", stream.stall, (3,)),
    _Stream("comment-stall", "after N events only comments, one every M ms", stream.comment_stall, (3, 50)),
    Fault("reset", "TCP reset after N events, or in mid-body; 0: before any byte", stream.reset, (3,)),
    Fault("hangup", "TCP close after N events, or in mid-body, the HTTP body unfinished", stream.hangup, (3,)),
    Fault("cut", "after N events the HTTP body ends properly; without `stream` like hangup", stream.cut, (3,)),
    Fault("stale", "answers, then resets the connection when it is used again", reply.stale),
    Fault("html", "200 with an HTML page", reply.html),
    Fault("empty", "200 with an empty body", reply.empty),
    Fault("wrong-type", "200 with a completion called text/plain", reply.wrong_type),
    Fault("wrong-length", "200 with a Content-Length 100 bytes too large, then a close", reply.wrong_length),
    Fault("error-in-body", "200 with an error body", reply.error_in_body),
    Fault("no-choices", "a completion whose choices are [], streamed or not", reply.no_choices),
    Fault("null-message", "a completion whose message is null, streamed or not", reply.null_message),
    Fault("missing-usage", "no usage, though the ledger bills it", reply.missing_usage),
    Fault("gzip-bomb", "a small gzip body that inflates to N MB", reply.gzip_bomb, (64,)),
    Fault("malformed", "the Nth event is half a JSON text; without `stream` the body is", stream.malformed, (2,)),
    _Stream("bad-utf8", "the Nth event is not UTF-8", stream.bad_utf8, (2,)),
    _Stream("bom", "the stream opens with a byte order mark", stream.bom),
    _Stream("crlf", "lines end in CR LF", stream.crlf),
    _Stream("cr", "lines end in CR", stream.cr),
    _Stream("comments", "a comment before each event", stream.comments),
    _Stream("no-space", "no space after `data:`", stream.no_space),
    _Stream("multi-line", "each JSON text on two `data:` lines", stream.multi_line),
    _Stream("no-blank-line", "no line end after [DONE]", stream.no_blank_line),
    _Stream("split", "pieces that cut through events and UTF-8 code points", stream.split),
    _Stream("huge-event", "one event of N MB", stream.huge_event, (64,)),
    _Stream("error-in-stream", "the Nth event is an error, and the last", stream.error_in_stream, (2,)),
    _Stream("error-event", "the same as `event: error`", stream.error_event, (2,)),
    _Stream("missing-done", "finish_reason, but no [DONE]", stream.missing_done),
    _Stream("no-finish", "[DONE], but no finish_reason", stream.no_finish),
    _Stream("usage-in-last", "the usage is in the finish chunk, asked for or not", stream.usage_in_last),
    _Stream("usage-early", "running usage in each chunk, asked for or not", stream.usage_early),
    _Stream("tools-interleaved", "two tool calls whose deltas take turns", stream.tools_interleaved),
    _Stream("tools-no-index", "a tool call delta without its index", stream.tools_no_index),
    _Stream("after-finish", "one more content chunk after finish_reason", stream.after_finish),
    _Stream("after-done", "one more content chunk after [DONE]", stream.after_done),
)

FAULTS: dict[str, Fault] = {row.name: row for row in _ROWS}


def script_for(request: ChatRequest) -> Script | Turns:
    """The script that the model's name asks for. Raises InvalidRequestError where parameters do not fit."""
    name, *given = request.model.rpartition("/")[2].removeprefix("scripted-").split(":")
    fault = FAULTS.get(name)
    if fault is None:
        return answered(request, plain_answer(request))
    parameters = _parameters(fault, given)
    if fault.stream_only and not request.stream:
        return answered(request)
    return fault.play(request, *parameters)


def describe() -> str:
    """The table for people: one line per row."""
    width = max(len(row.usage) for row in _ROWS)
    return "\n".join(f"{row.usage:<{width}}  {row.says}" for row in _ROWS)


def _parameters(fault: Fault, given: list[str]) -> tuple[Parameter, ...]:
    patterns = [_NUMBER if isinstance(default, int) else _TEXT for default in fault.defaults]
    fits = len(given) <= len(patterns) and all(p.fullmatch(text) for p, text in zip(patterns, given, strict=False))
    if not fits:
        wanted = f"write it like {fault.usage!r}" if fault.defaults else "it takes no parameters"
        raise InvalidRequestError(f"Scripted model {fault.name!r}: parameters {given!r} do not fit; {wanted}.", "model")
    read = [type(default)(text) for default, text in zip(fault.defaults, given, strict=False)]
    return (*read, *fault.defaults[len(read) :])
