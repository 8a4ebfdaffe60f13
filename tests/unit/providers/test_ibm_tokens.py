import asyncio

import pytest

from gateway.domain.errors import (
    UpstreamConnectError,
    UpstreamCredentialsError,
    UpstreamError,
    UpstreamInvalidAnswerError,
    UpstreamRateLimitError,
)
from gateway.domain.policy import Deployment, Secret
from gateway.providers.http1 import Http1Client
from gateway.providers.ibm_tokens import IbmTokens
from tests.builders import a_deployment
from tests.conformance.row import secret
from tests.conformance.upstream import Reply, Upstream, json_reply, running_upstream
from tests.conformance.watsonx_api import TOKEN, iam


def deployment_at(url: str, key: str | None = None) -> Deployment:
    options = {"iam_url": f"{url}/identity/token", "project_id": "p"}
    return a_deployment(api_key=Secret(key or secret()), provider_options=options)


async def fetched(deployment: Deployment, *at_s: float, callers: int = 1) -> list[str]:
    """A token for each of these moments, the first of them for as many callers at once."""
    client, clock = Http1Client(), iter(at_s)
    moment = next(clock)
    tokens = IbmTokens(client, now=lambda: moment)
    try:
        got = await asyncio.gather(*(tokens.token(deployment, connect_s=2.0) for _ in range(callers)))
        for later in clock:
            moment = later
            got.append(await tokens.token(deployment, connect_s=2.0))
        return got
    finally:
        await client.aclose()


def test_a_token_is_fetched_once_for_all_who_wait_and_again_before_it_ends() -> None:
    with running_upstream() as upstream:
        upstream.listen(iam)

        within = asyncio.run(fetched(deployment_at(upstream.url), 0.0, 3_539.0, callers=3))
        fetches = len(upstream.heard)
        asyncio.run(fetched(deployment_at(upstream.url), 0.0, 3_541.0, callers=3))

        assert within == [TOKEN] * 4
        assert (fetches, len(upstream.heard)) == (1, 3)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (json_reply({"errorCode": "BXNIM0415E"}, 400), UpstreamCredentialsError),
        (json_reply({}, 429, Retry_After="3"), UpstreamRateLimitError),
        (Reply(pieces=(b"<html>",)), UpstreamInvalidAnswerError),
    ],
    ids=["unknown key", "rate limit", "html"],
)
def test_no_token_is_told_for_what_it_is(reply: Reply, kind: type[UpstreamError]) -> None:
    with running_upstream() as upstream:
        upstream.listen(lambda heard: reply)

        with pytest.raises(UpstreamError) as caught:
            asyncio.run(fetched(deployment_at(upstream.url), 0.0))

    assert type(caught.value) is kind
    assert secret() not in caught.value.message


def test_where_nobody_answers_it_is_a_connect_error() -> None:
    nobody = Upstream("http://127.0.0.1:9")

    with pytest.raises(UpstreamConnectError):
        asyncio.run(fetched(deployment_at(nobody.url), 0.0))
