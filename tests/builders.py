"""Small valid values for tests; each test overrides only what its rule is about."""

import time
from types import SimpleNamespace
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.domain.classification import Classification, Contribution
from gateway.domain.decision import Decision
from gateway.domain.facts import Facts
from gateway.domain.intent import Intent
from gateway.domain.kept_text import Conversation, KeptMessage, KeptText, Said
from gateway.domain.policy import Condition, Deployment, Policy, Route
from gateway.domain.pricing import Price
from gateway.domain.record import AttemptRecord, RequestRecord
from gateway.domain.request import Caller, ChatRequest, Message
from gateway.domain.session import Session
from gateway.domain.signals import measure
from gateway.domain.usage import Usage


def a_request(text: str = "What is the capital of France?", **changes: Any) -> ChatRequest:
    """A request of one user message; `changes` replace its fields."""
    payload = {"model": "auto", "messages": [{"role": "user", "content": text}]}
    request = ChatRequest(
        alias="auto", messages=(Message(role="user", text=text),), payload=payload, size_bytes=len(text) + 60
    )
    return replace(request, **changes)


def a_price(input_nano_usd: int = 150, output_nano_usd: int = 600) -> Price:
    """A price given in whole nano-dollars a token (150 = $0.15 a million)."""
    return Price(input_atto_usd=input_nano_usd * 10**9, output_atto_usd=output_nano_usd * 10**9)


def a_deployment(name: str = "small-a", **changes: Any) -> Deployment:
    deployment = Deployment(
        name=name,
        tier="small",
        provider="openai",
        model=f"{name}-model",
        api_base="http://127.0.0.1:9/v1",
        price=a_price(),
    )
    return replace(deployment, **changes)


def a_classification(small_ok: float = 0.9, **changes: Any) -> Classification:
    classification = Classification(
        task="knowledge",
        small_ok=small_ok,
        confidence=0.8,
        has_evidence=True,
        contributions=(Contribution(feature="short ask", log_odds=1.1),),
        model="prior@1",
    )
    return replace(classification, **changes)


def some_facts(
    request: ChatRequest | None = None, classification: Classification | None = None, **changes: Any
) -> Facts:
    request = request or a_request()
    facts = Facts(
        request=request,
        caller=Caller(key_id="test"),
        signals=measure(request),
        classification=classification or a_classification(),
    )
    return replace(facts, **changes)


def a_session(deployment: str = "small-a", **changes: Any) -> Session:
    """A session that `small-first` served a moment before the time of `some_facts`."""
    session = Session(rule="easy goes small", route="small-first", deployment=deployment, tier="small")
    return replace(session, **changes)


def a_route(name: str = "small-first", *deployments: Deployment, **changes: Any) -> Route:
    return replace(Route(name=name, first=deployments or (a_deployment(),)), **changes)


def always(source: str = "true") -> Condition:
    return Condition(source=source, holds=lambda bound: True)


def never(source: str = "false") -> Condition:
    return Condition(source=source, holds=lambda bound: False)


def a_policy(**changes: Any) -> Policy:
    policy = Policy(
        name="default",
        version="v1",
        serves=("auto",),
        bind=lambda facts, threshold: (facts, threshold),
        default=a_route(),
        threshold=0.6,
    )
    return replace(policy, **changes)


def a_decision(*plan: Deployment, **changes: Any) -> Decision:
    plan = plan or (a_deployment(),)
    decision = Decision(
        policy="default",
        policy_version="v1",
        route=a_route("small-first", *plan),
        rule="easy goes small",
        plan=plan,
        reasons=("rule 'easy goes small': classification.small_ok >= quality.threshold",),
        excluded={},
        threshold=0.6,
        baseline=None,
    )
    return replace(decision, **changes)


def an_intent(request_id: str = "req-1", **changes: Any) -> Intent:
    intent = Intent(
        id=request_id,
        received_at=1_790_000_000.25,
        key_id="test",
        team="support",
        app="chat",
        alias="auto",
        stream=False,
        policy="default",
        policy_version="v1",
    )
    return replace(intent, **changes)


def a_kept_text(request_id: str = "req-1", **changes: Any) -> KeptText:
    """What is kept of one question and its answer, for a day from now on."""
    now_s = time.time()
    text = KeptText(
        request_id=request_id,
        received_at=now_s,
        team="support",
        request=Conversation(messages=(KeptMessage(role="user", text="What is the capital of France?"),)),
        answer="Paris.",
        truncated=False,
        expires_at=now_s + 86_400,
    )
    return replace(text, **changes)


def what_was_said(ask: str = "What is the capital of France?", answer: str = "Paris.", **changes: Any) -> Said:
    """One question and its answer, word for word; `changes` replace the fields."""
    body = msgspec.json.encode({"choices": [{"message": {"role": "assistant", "content": answer}}]})
    said = Said(
        request_id="req-1",
        received_at=1_790_000_000.0,
        team="support",
        conversation=Conversation(messages=(KeptMessage(role="user", text=ask),)),
        delivered=body if answer else b"",
        is_stream=False,
        is_cut=False,
        most_bytes=65_536,
        days=30,
    )
    return replace(said, **changes)


def a_ledger_status(**changes: Any) -> SimpleNamespace:
    return SimpleNamespace(
        **(
            {"lost": 0, "texts_lost": 0, "housekeeping_failures": 0, "waiting_bytes": 0}
            | {"can_record": True, "behind_s": 0.0}
            | changes
        )
    )


def an_attempt(**changes: Any) -> AttemptRecord:
    attempt = AttemptRecord(
        number=1,
        deployment="small-a",
        tier="small",
        model="small-a-model",
        outcome="ok",
        status=200,
        started_ms=0.3,
        first_byte_ms=12.0,
        ended_ms=40.0,
        usage=Usage(input_tokens=12, output_tokens=30),
        cost_nano_usd=19_800,
    )
    return replace(attempt, **changes)


def a_record(record_id: str = "req-1", **changes: Any) -> RequestRecord:
    facts = some_facts()
    record = RequestRecord(
        id=record_id,
        received_at=1_790_000_000.0,
        key_id="test",
        team="",
        app="",
        alias="auto",
        stream=False,
        outcome="ok",
        status=200,
        error_code=None,
        policy="default",
        policy_version="v1",
        route="small-first",
        rule="easy goes small",
        deployment="small-a",
        tier="small",
        model="small-a-model",
        reasons=("rule 'easy goes small': classification.small_ok >= quality.threshold",),
        excluded={"large-a": "cooldown for 3.0 s more"},
        threshold=0.6,
        signals=facts.signals,
        classification=facts.classification,
        usage=Usage(input_tokens=12, output_tokens=30),
        cost_nano_usd=19_800,
        unpriced=None,
        baseline="large-a",
        baseline_cost_nano_usd=330_000,
        total_ms=40.4,
        upstream_ms=39.7,
        ttft_ms=None,
        overhead_ms=0.7,
        attempts=(an_attempt(),),
    )
    return replace(record, **changes)
