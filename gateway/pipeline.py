"""The life of a request, top to bottom."""

import asyncio

from gateway.attempts import Attempts, Call
from gateway.domain.decision import decide
from gateway.domain.errors import GatewayError
from gateway.domain.policy import Facts
from gateway.domain.signals import measure
from gateway.ports import Admission, Classifier, Clock, Exchange, HealthBoard, KeyStore, PolicySource, Recorder
from gateway.story import Story


class Gateway:
    """Takes a request from its credential to its record."""

    def __init__(
        self,
        *,
        keys: KeyStore,
        policies: PolicySource,
        admission: Admission,
        classifier: Classifier,
        health: HealthBoard,
        attempts: Attempts,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self._keys = keys
        self._policies = policies
        self._admission = admission
        self._classifier = classifier
        self._health = health
        self._attempts = attempts
        self._recorder = recorder
        self._clock = clock

    async def chat(self, exchange: Exchange) -> None:
        """Answer one chat request.

        Raises GatewayError where it is not accepted; once it is, every way out leaves exactly one record.
        """
        caller = self._keys.authenticate(exchange.credential)
        request = await exchange.read()
        policy = self._policies.current().serving(request.alias)
        self._admission.admit(caller, request)

        story = Story(exchange.request_id, caller, request, policy, self._clock)
        self._recorder.begun()
        try:
            await self._answer(story, exchange)
        except asyncio.CancelledError:
            story.abandoned()
            raise
        finally:
            self._recorder.record(story.told())

    async def _answer(self, story: Story, exchange: Exchange) -> None:
        """Measure, classify, decide, call; where that fails, the client is told."""
        request = story.request
        try:
            story.signals = signals = measure(request)
            story.classification = classification = self._classifier.classify(request, signals)
            facts = Facts(request=request, caller=story.caller, signals=signals, classification=classification)
            cooling = self._health.cooling(self._clock.monotonic())
            story.decision = decision = decide(story.policy, facts, cooling)
            await self._attempts.walk(
                Call(decision=decision, request=request, signals=signals, exchange=exchange, trail=story.trail)
            )
            story.succeeded()
        except GatewayError as error:
            story.failed(error, await _tell(error, story, exchange))


async def _tell(error: GatewayError, story: Story, exchange: Exchange) -> int:
    """Tell the client of the error, in its stream where one has begun; returns the HTTP status it saw."""
    if story.trail.has_answered:
        await exchange.end_stream(error)
        return 200
    return await exchange.refuse(error, story.head())
