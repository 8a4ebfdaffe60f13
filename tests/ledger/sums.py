"""What the records say was spent, against what the upstream has in its own books: to the nano-dollar.

python -m tests.ledger.sums --requests 100000
"""

import argparse
import http.client
import json
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.providers.scripted import ScriptedUpstream
from tests.faults.policies import INPUT_NANO_USD, OUTPUT_NANO_USD, PROVIDER_KEY, Case, policy_file
from tests.gateway_process import KEY, database_url, running_gateway

_CLIENTS = 8
_LEAVES = "leaves"
CASES = (
    Case(alias="whole", model="sum-whole"),
    Case(alias="streamed", model="sum-streamed"),
    Case(alias="cached", model="cached"),
    Case(alias="retried", model="flaky:3", route={"retries": 1}),
    Case(alias="fallen-back", model="error-503"),
    Case(alias="checked", model="refuses", route={"check": {"not_refused": True}}),
    Case(alias="unreported", model="missing-usage"),
    Case(alias=_LEAVES, model="slow-chunks:20"),
)
_STREAMED = {"streamed", _LEAVES}
_WEIGHTS = {"whole": 40, "streamed": 30, "cached": 8, "retried": 8, "fallen-back": 5, "checked": 5, "unreported": 3}
_EITHER_WAY = ("cached", "retried", "fallen-back", "checked", "unreported")


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Of one model: tokens and nano-dollars; `is_exact` where no call's usage had to be estimated."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int
    is_exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """requests: how many were sent, and `rows` how many records there are; the sums are over all of them."""

    requests: int
    rows: int
    sum_of_requests: int
    sum_of_attempts: int
    unpriced: int
    recorded: Mapping[str, Books]
    billed: Mapping[str, Books]

    def differences(self) -> dict[str, tuple[Books | None, Books | None]]:
        """Models whose books differ though each call's usage is known."""
        return {
            model: (mine, self.billed.get(model))
            for model, mine in self.recorded.items()
            if mine.is_exact and mine != self.billed.get(model)
        }


def audit(directory: Path, *, requests: int, seed: int) -> Audit:
    """Send so many mixed requests through a gateway, stop it, and read both ledgers."""
    with ScriptedUpstream.run_in_thread() as upstream:
        policies = {"sums.yaml": policy_file(list(CASES), f"{upstream.url}/v1")}
        with running_gateway(directory, policies, {PROVIDER_KEY: "none"}) as gateway:
            host, port = gateway.url.removeprefix("http://").split(":")
            shares = [requests // _CLIENTS + (each < requests % _CLIENTS) for each in range(_CLIENTS)]
            clients = [
                threading.Thread(target=_ask, args=(host, int(port), share, random.Random(f"{seed}-{number}")))
                for number, share in enumerate(shares)
            ]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
        time.sleep(0.5)  # the upstream notices that its last clients have gone
        billed = {
            model: _books(total.calls, total.prompt_tokens, total.completion_tokens)
            for model, total in upstream.ledger.totals.items()
        }
    return _read(directory, requests, billed)


def _ask(host: str, port: int, count: int, dice: random.Random) -> None:
    connection = http.client.HTTPConnection(host, port, timeout=30)
    for _ in range(count):
        alias = dice.choices([*_WEIGHTS, _LEAVES], [*_WEIGHTS.values(), 1])[0]
        stream = alias in _STREAMED or (alias in _EITHER_WAY and dice.random() < 0.4)
        body: dict[str, Any] = {"model": alias, "stream": stream, "messages": [_message(dice)]}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Authorization": f"Bearer {KEY}"})
        response = connection.getresponse()
        if alias == _LEAVES:
            response.read1(1)
            response.close()
            connection.close()
        else:
            response.read()
    connection.close()


def _message(dice: random.Random) -> dict[str, str]:
    return {"role": "user", "content": " ".join(dice.choices(("why", "is", "the", "sky", "blue", "today"), k=9))}


def _books(calls: int, input_tokens: int, output_tokens: int) -> Books:
    return Books(
        calls=calls,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost_nano_usd=input_tokens * INPUT_NANO_USD + output_tokens * OUTPUT_NANO_USD,
    )


def _read(directory: Path, requests: int, billed: Mapping[str, Books]) -> Audit:
    connection = sqlite3.connect(database_url(directory).removeprefix("sqlite:///"))
    by_model = connection.execute(
        "SELECT model, count(*), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),"
        " coalesce(sum(cost_nano_usd), 0), max(coalesce(usage_estimated, cost_nano_usd IS NULL))"
        " FROM attempts GROUP BY model"
    ).fetchall()
    rows, of_requests, unpriced = connection.execute(
        "SELECT count(*), sum(cost_nano_usd), sum(cost_nano_usd IS NULL) FROM requests"
    ).fetchone()
    of_attempts = connection.execute(
        "SELECT sum(a.cost_nano_usd) FROM attempts a JOIN requests r ON r.id = a.request_id"
        " WHERE r.cost_nano_usd IS NOT NULL"
    ).fetchone()[0]
    connection.close()
    return Audit(
        requests=requests,
        rows=rows,
        sum_of_requests=of_requests,
        sum_of_attempts=of_attempts,
        unpriced=unpriced,
        recorded={
            model: Books(
                calls=calls,
                input_tokens=inputs,
                output_tokens=outputs,
                cost_nano_usd=cost,
                is_exact=not estimated,
            )
            for model, calls, inputs, outputs, cost, estimated in by_model
        },
        billed=billed,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sizewise-sums-") as folder:
        found = audit(Path(folder), requests=given.requests, seed=given.seed)
    for model, mine in sorted(found.recorded.items()):
        sys.stdout.write(f"{model}: recorded {mine}, billed {found.billed.get(model)}\n")
    sys.stdout.write(
        f"{found.rows} records of {found.requests} requests, {found.unpriced} unpriced; requests cost"
        f" {found.sum_of_requests} nano-USD, their attempts {found.sum_of_attempts};"
        f" {len(found.differences())} models differ\n"
    )
    return int(bool(found.differences()) or found.rows != found.requests)


if __name__ == "__main__":
    sys.exit(main())
