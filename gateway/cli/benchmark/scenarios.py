"""What is asked of every target: the bodies, and how many connections ask at once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ALIAS: Final = "auto"
"""The model clients ask the gateways for."""
UPSTREAM_MODEL: Final = "chunks:100"
"""What the gateways make of it: the scripted upstream answers in 100 pieces, all at once."""
PACED_ALIAS: Final = "paced"
PACED_UPSTREAM_MODEL: Final = "chunks:100:10"
"""The same 100 pieces, 10 ms apart: as models write them, so that none can be passed on together."""
PROBE_ALIAS: Final = "probe"
PROBE_UPSTREAM_MODEL: Final = "chunks:4:1"
"""The first event at once, then four more: short enough for one probe after another."""

UPSTREAM_MODEL_OF: Final = {
    ALIAS: UPSTREAM_MODEL,
    PACED_ALIAS: PACED_UPSTREAM_MODEL,
    PROBE_ALIAS: PROBE_UPSTREAM_MODEL,
}
CHUNKS_PER_ANSWER: Final = 100

_TURNS: Final = (
    "Please go through the delivery figures of the northern region and tell me where we lost time last week.",
    "Two lorries waited at the depot on Tuesday because the loading list came late; the rest of the week ran well.",
    "Write a short note to the depot that asks for the list by six in the evening, friendly but clear.",
    "Here is a draft: could you send us the loading list by six, so that the first lorry can leave on time?",
    "Now translate the note for our colleagues in Lyon and keep the names of the places as they are.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request body, the same for every target but for the model it names.

    size_bytes  of the body a gateway gets
    turns       messages in it; odd, so that the user has the last word
    """

    size_bytes: int
    turns: int
    alias: str = ALIAS
    stream: bool = False

    def body(self, model: str) -> bytes:
        """JSON as compact as the gateway writes it: the upstream counts tokens by bytes, and answers must be equal."""
        room = self.size_bytes - len(self._encoded(self.alias, [""] * self.turns))
        share = room // self.turns
        shares = [share] * (self.turns - 1) + [room - share * (self.turns - 1)]
        return self._encoded(model, [_text(number, length) for number, length in enumerate(shares)])

    def _encoded(self, model: str, texts: Sequence[str]) -> bytes:
        messages = [
            {"role": "assistant" if number % 2 else "user", "content": text} for number, text in enumerate(texts)
        ]
        body: dict[str, object] = {"model": model, "messages": messages}
        if self.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return json.dumps(body, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One question, asked over so many connections at once, for at least so long: slow answers need time to end."""

    name: str
    title: str
    question: Question
    connections: int
    at_least_s: int = 1


def _text(turn: int, length: int) -> str:
    """Prose of exactly `length` characters, none of which JSON escapes."""
    sentence = f"{_TURNS[turn % len(_TURNS)]} "
    return (sentence * (length // len(sentence) + 1))[:length]


_SHORT: Final = Question(size_bytes=1_024, turns=3)
_LONG: Final = Question(size_bytes=32_768, turns=15)
_STREAM: Final = Question(size_bytes=1_024, turns=3, stream=True)
_PACED: Final = Question(size_bytes=1_024, turns=3, stream=True, alias=PACED_ALIAS)
PROBE_QUESTION: Final = Question(size_bytes=1_024, turns=3, stream=True, alias=PROBE_ALIAS)

SCENARIOS: Final = (
    Scenario(name="1k-1", title="1 KB body", question=_SHORT, connections=1),
    Scenario(name="1k-32", title="1 KB body", question=_SHORT, connections=32),
    Scenario(name="1k-128", title="1 KB body", question=_SHORT, connections=128, at_least_s=3),
    Scenario(name="32k-1", title="32 KB body", question=_LONG, connections=1),
    Scenario(name="32k-32", title="32 KB body", question=_LONG, connections=32),
    Scenario(name="32k-128", title="32 KB body", question=_LONG, connections=128, at_least_s=3),
    Scenario(name="stream-1", title="stream of 100 chunks", question=_STREAM, connections=1),
    Scenario(name="stream-32", title="stream of 100 chunks", question=_STREAM, connections=32, at_least_s=3),
    Scenario(name="paced-32", title="the chunks 10 ms apart", question=_PACED, connections=32, at_least_s=3),
)
PROBE: Final = "first-token"
"""The name of the scenario that is a probe, not a load."""
SCENARIO_NAMES: Final = (*(scenario.name for scenario in SCENARIOS), PROBE)
