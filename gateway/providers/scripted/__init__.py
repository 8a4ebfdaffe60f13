"""The scripted upstream: a stand-in for a model provider, for `serve --demo`, tests and benchmarks."""

from gateway.providers.scripted.faults import FAULTS, Fault
from gateway.providers.scripted.ledger import Call, ModelTotal, ReceivedRequest, UpstreamLedger
from gateway.providers.scripted.script import Outcome
from gateway.providers.scripted.server import ScriptedUpstream

__all__ = [
    "FAULTS",
    "Call",
    "Fault",
    "ModelTotal",
    "Outcome",
    "ReceivedRequest",
    "ScriptedUpstream",
    "UpstreamLedger",
]
