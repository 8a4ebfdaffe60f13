"""Rows that stream in one piece: that they are those that must, and that they still must."""

import re

import pytest

from gateway.domain.errors import UpstreamError, UpstreamRejectedError
from gateway.providers.litellm_client import LitellmProvider
from gateway.providers.whole_stream import UNSTREAMED
from tests.conformance.calls import Caller, answering
from tests.conformance.row import Row, Said
from tests.conformance.rows import BY_NAME, ROWS
from tests.conformance.test_contract import pytestmark as pytestmark  # noqa: PLC0414 (litellm's three filters)
from tests.conformance.upstream import Upstream


class OfLitellm:
    """Every provider litellm's, and its streams as they come."""

    def get(self, name: str) -> LitellmProvider:
        return LitellmProvider(name, now=lambda: 1_790_000_000.0)

    async def aclose(self) -> None:
        await self.get("bedrock").aclose()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_streams_in_one_piece_where_the_gateway_has_it_so(row: Row) -> None:
    unstreamed = UNSTREAMED.get(row.provider)

    assert row.has_stream == (unstreamed is None or re.fullmatch(unstreamed.models, row.model) is None)


@pytest.mark.parametrize("name", ["amazon-bedrock--titan", "cohere--v2-chat"])
def test_litellm_still_fails_on_a_stream_that_is_whole(name: str, upstream: Upstream) -> None:
    """Once it does not, the row of `UNSTREAMED` has outlived its reason."""
    row = BY_NAME[name]
    answering(upstream, row, row.api.stream(Said()))
    calling = Caller(OfLitellm())

    with pytest.raises(UpstreamError):
        calling.stream(row, upstream.url)
    calling.close()


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_what_gpt4all_takes_no_part_in_is_refused_by_its_name(
    streamed: bool, caller: Caller, upstream: Upstream
) -> None:
    row = BY_NAME["gpt4all"]
    answering(upstream, row, row.api.whole(Said()))
    call = caller.stream if streamed else caller.complete

    with pytest.raises(UpstreamRejectedError) as caught:
        call(row, upstream.url, tool=True)

    assert "tools" in (caught.value.detail or "")
