"""What is measured: the upstream itself, the gateway with everything on, and the peers."""

import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway import __version__
from gateway.cli.benchmark.processes import Process, free_port, running
from gateway.cli.benchmark.scenarios import ALIAS, UPSTREAM_MODEL_OF, Question
from gateway.cli.benchmark.upstream import Upstream
from gateway.cli.benchmark.wire import Request, WireError, ask_once

DIRECT: Final = "direct"
SIZEWISE: Final = "sizewise"
PACKAGE_ROOT: Final = Path(__file__).parents[3]
"""Where the `gateway` package lies, so that what runs the benchmark is what is measured."""
CHAT_PATH: Final = "/v1/chat/completions"

_DEPLOYMENT: Final = """\
  - name: {tier}-{alias}
    tier: {tier}
    provider: openai
    model: {model}
    api_base: {api_base}
    context_window: 128000
    capabilities: [tools, json_schema, vision]
    labels: {{residency: {residency}}}
    price: {{input_per_mtok_usd: {price}, output_per_mtok_usd: {price}}}
"""
_ROUTES: Final = """\
  - {{name: {alias}-small-first, try: [small-{alias}], then: [large-{alias}]}}
  - {{name: {alias}-small-only, try: [small-{alias}]}}
  - {{name: {alias}-large-only, try: [large-{alias}]}}
"""
_POLICY: Final = """\
  - name: {alias}
    serves: [{alias}]
    baseline: large-{alias}
    quality: {{threshold: 0.6}}
    constraints:
      - name: personal data stays home
        when: signals.sensitivity in ["personal", "secret"]
        require: labels.residency == "on_prem"
    rules:
      - name: personal data is answered at home
        when: signals.sensitivity in ["personal", "secret"]
        route: {alias}-small-only
      - name: agents go large
        when: signals.tool_loop
        route: {alias}-large-only
      - name: legal and medical go large
        when: classification.task in ["legal", "medical"]
        route: {alias}-large-only
      - name: easy goes small
        when: classification.has_evidence && classification.small_ok >= quality.threshold
        route: {alias}-small-first
    default: {alias}-large-only
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something that runs and takes chat requests.

    headers      of every request to it
    knows_alias  it is asked for the alias and finds the model itself; else the client names the upstream's model
    rebuilt      it writes its answers anew instead of passing the upstream's bytes on
    """

    name: str
    version: str
    port: int
    headers: dict[str, str]
    process: Process
    knows_alias: bool = False
    rebuilt: bool = False

    def request(self, question: Question) -> Request:
        model = question.alias if self.knows_alias else UPSTREAM_MODEL_OF[question.alias]
        headers = {"Content-Type": "application/json", **self.headers}
        return Request(port=self.port, path=CHAT_PATH, headers=headers, body=question.body(model))

    def answers(self) -> bool:
        """Whether there is an HTTP answer, be it an error: what is wrong with that is found when it is compared."""
        question = Question(size_bytes=512, turns=1)
        try:
            ask_once(self.request(question))
        except (OSError, WireError):
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a target is started: a folder of its own, a core, and the upstream it is to relay to."""

    folder: Path
    core: int | None
    upstream: Upstream
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class Installed:
    """A target that can be started here."""

    name: str
    start: Callable[[Place], AbstractContextManager[Target]]


@dataclass(frozen=True, slots=True)
class Missing:
    """A peer that is not installed, and how to get it."""

    name: str
    remedy: str


def direct(upstream: Upstream) -> Target:
    return Target(name=DIRECT, version="scripted upstream", port=upstream.port, headers={}, process=upstream.process)


@contextmanager
def sizewise(place: Place) -> Iterator[Target]:
    """The gateway as `sizewise serve` starts it: policies, classifier, records in SQLite, metrics."""
    policies = place.folder / "policies"
    policies.mkdir()
    (policies / "bench.yaml").write_text(policy_file(place.upstream.api_base), encoding="utf-8")
    key, port = secrets.token_hex(16), free_port()
    environment = place.environment | {
        "PYTHONPATH": str(PACKAGE_ROOT),
        "SIZEWISE_API_KEYS": key,
        "SIZEWISE_DATABASE_URL": f"sqlite:///{place.folder}/records.db",
    }
    command = [sys.executable, "-m", "gateway", "serve", "--policies", str(policies), "--port", str(port)]
    with running(
        SIZEWISE, [*command, "--admin-port", "0"], folder=place.folder, environment=environment, core=place.core
    ) as process:
        yield Target(
            name=SIZEWISE,
            version=__version__,
            port=port,
            headers={"Authorization": f"Bearer {key}"},
            process=process,
            knows_alias=True,
        )


def policy_file(api_base: str) -> str:
    """For each alias two deployments, three routes and a policy with the constraints and rules people write."""
    tiers = (("small", "on_prem", "0.15"), ("large", "us", "2.5"))
    deployments = "".join(
        _DEPLOYMENT.format(tier=tier, alias=alias, model=model, api_base=api_base, residency=residency, price=price)
        for alias, model in UPSTREAM_MODEL_OF.items()
        for tier, residency, price in tiers
    )
    routes = "".join(_ROUTES.format(alias=alias) for alias in UPSTREAM_MODEL_OF)
    policies = "".join(_POLICY.format(alias=alias) for alias in UPSTREAM_MODEL_OF)
    return f"deployments:\n{deployments}routes:\n{routes}policies:\n{policies}"


WARM_UP: Final = Question(size_bytes=1_024, turns=3, alias=ALIAS)
