"""The type checker says so where it sees both; here it holds too where one was handed over as `Any`."""

import inspect
from typing import Any

import pytest

from gateway import ports
from gateway.api.exchange import ChatExchange
from gateway.bootstrap.recording import CountedRecorder, SystemClock
from gateway.classifiers.linear import LinearClassifier
from gateway.counters.allowances_memory import MemoryAllowances, MemoryHold, NoHold
from gateway.counters.allowances_redis import RedisAllowances
from gateway.counters.guesses import MemoryGuesses
from gateway.counters.health import MemoryHealthBoard
from gateway.counters.lanes import MemoryLanes
from gateway.counters.memory import MemorySessions
from gateway.counters.redis_holds import AwayHold, RedisHold
from gateway.counters.retries import MemoryRetryBudgets
from gateway.policyfile.loader import FilePolicySource
from gateway.providers.anthropic_http import AnthropicProvider, AnthropicStream
from gateway.providers.openai_http import OpenAIProvider, OpenAIStream
from gateway.store.static_keys import StaticKeys
from gateway.store.virtual_keys import VirtualKeys
from tests.fakes import (
    FakeAdmission,
    FakeCallLimits,
    FakeClassifier,
    FakeExchange,
    FakeHealthBoard,
    FakeHold,
    FakePolicies,
    FakeProvider,
    FakeRecorder,
    FakeStream,
    ManualClock,
)
from tests.virtual_time import LoopClock

IMPLEMENTATIONS: dict[type, tuple[type, ...]] = {
    ports.Admission: (MemoryAllowances, RedisAllowances, FakeAdmission),
    ports.CallLimits: (MemoryAllowances, RedisAllowances, FakeCallLimits),
    ports.Classifier: (LinearClassifier, FakeClassifier),
    ports.Clock: (SystemClock, ManualClock, LoopClock),
    ports.Exchange: (ChatExchange, FakeExchange),
    ports.Guesses: (MemoryGuesses,),
    ports.HealthBoard: (MemoryHealthBoard, FakeHealthBoard),
    ports.Hold: (NoHold, MemoryHold, RedisHold, AwayHold, FakeHold),
    ports.KeyStore: (StaticKeys, VirtualKeys),
    ports.Lanes: (MemoryLanes,),
    ports.PolicySource: (FilePolicySource, FakePolicies),
    ports.Provider: (OpenAIProvider, AnthropicProvider, FakeProvider),
    ports.Recorder: (CountedRecorder, FakeRecorder),
    ports.RetryBudgets: (MemoryRetryBudgets,),
    ports.Sessions: (MemorySessions,),
    ports.UpstreamStream: (OpenAIStream, AnthropicStream, FakeStream),
}
PAIRS = [(port, each) for port, implementations in IMPLEMENTATIONS.items() for each in implementations]


def _methods(port: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(port).items()
        if inspect.isfunction(value) and (not name.startswith("_") or name == "__aiter__")
    }


def _parameters(method: Any) -> list[str]:
    return [name for name in inspect.signature(method).parameters if name != "self"]


def test_every_port_is_listed_here() -> None:
    declared = {each for _, each in inspect.getmembers(ports, inspect.isclass) if getattr(each, "_is_protocol", False)}

    assert {each for each in declared if each.__module__ == ports.__name__} == set(IMPLEMENTATIONS)


@pytest.mark.parametrize(("port", "implementation"), PAIRS)
def test_an_implementation_takes_what_its_port_gives_it(port: type, implementation: type) -> None:
    for name, method in _methods(port).items():
        built_in = inspect.isbuiltin(getattr(implementation, name))
        assert built_in or _parameters(getattr(implementation, name)) == _parameters(method), name


@pytest.mark.parametrize(("port", "implementation"), PAIRS)
def test_what_a_port_awaits_can_be_awaited(port: type, implementation: type) -> None:
    for name, method in _methods(port).items():
        assert inspect.iscoroutinefunction(getattr(implementation, name)) == inspect.iscoroutinefunction(method), name


def test_a_head_knows_nothing_until_it_is_told() -> None:
    assert ports.AnswerHead() == ports.AnswerHead(decision=None, deployment=None, attempts=0, cost_nano_usd=None)
