"""Every row once through a gateway: one process, one policy alias a row, its own server behind it."""

from collections.abc import Iterator

import pytest

from gateway.domain.chat_answer import answer_of, streamed_answer
from tests.conformance.calls import answering
from tests.conformance.row import Row, Said, chat
from tests.conformance.rows import ROWS
from tests.conformance.snippet import environment_of, policy_of, snippet
from tests.conformance.upstream import Upstream
from tests.gateway_process import GatewayProcess, running_gateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[GatewayProcess]:
    deployments = {row.name: snippet(row, url=upstream.url, name=row.name) for row in ROWS}
    files = {"all.yaml": policy_of(deployments)}
    environment = environment_of(upstream.url, *ROWS)
    with running_gateway(tmp_path_factory.mktemp("gateway"), files, environment) as running:
        yield running


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_a_client_is_answered_in_openais_shape_and_the_tokens_are_recorded(
    row: Row, streamed: bool, gateway: GatewayProcess, upstream: Upstream
) -> None:
    asked = answering(upstream, row, row.reply(Said(), stream=streamed))

    reply = gateway.chat(chat(row, stream=streamed) | {"model": row.name})

    assert reply.status == 200, reply.body
    record = gateway.record(reply.headers["x-request-id"])
    assert (streamed_answer(reply.body) if streamed else answer_of(reply.body)).text == "Rain in Oslo."
    assert [attempt.deployment for attempt in record.attempts] == [row.name]
    assert (record.usage and record.usage.input_tokens, record.usage and record.usage.output_tokens) == (21, 5)
    assert (record.cost_nano_usd is not None) == row.is_priced
    assert len(asked) == 1
