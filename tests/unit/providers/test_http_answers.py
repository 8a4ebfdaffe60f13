import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest

from gateway.domain.errors import (
    UpstreamConnectError,
    UpstreamError,
    UpstreamInterruptedError,
    UpstreamInvalidAnswerError,
    UpstreamTlsError,
    UpstreamUnavailableError,
)
from gateway.providers.http_answers import MAX_ANSWER_BYTES, opened, require_stream, whole_body
from gateway.providers.http_client import BodyTooLongError, HttpError


class Response:
    """`HttpResponse` that is there already. `error`: what reading its body raises."""

    def __init__(
        self,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"{}",
        error: Exception | None = None,
    ) -> None:
        self.status = status
        self.headers = headers or {}
        self.closings = 0
        self._body = body
        self._error = error

    async def read(self, limit_bytes: int) -> bytes:
        if self._error is not None:
            raise self._error
        assert limit_bytes <= MAX_ANSWER_BYTES
        return self._body

    async def read_some(self) -> bytes:
        return self._body

    def close(self) -> None:
        self.closings += 1

    def finish(self) -> None:
        self.closings += 1


class Client:
    """`HttpClient` with one answer for all."""

    def __init__(self, answer: Response | HttpError) -> None:
        self._answer = answer

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, connect_s: float) -> Response:
        if isinstance(self._answer, HttpError):
            raise self._answer
        return self._answer

    async def aclose(self) -> None: ...


def _error_of(deployment: str, status: int, headers: Mapping[str, str], body: bytes, now_s: float) -> UpstreamError:
    return UpstreamUnavailableError(f"{deployment} {status} {body.decode()} {now_s:g}", status=status)


def _opened(answer: Response | HttpError) -> object:
    return asyncio.run(
        opened(Client(answer), "small-a", "http://a", {}, b"{}", connect_s=1.0, error_of=_error_of, now=lambda: 7.0)
    )


def _failure(call: Callable[[], Awaitable[object]] | Callable[[], object]) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (HttpError("refused", is_connect=True), UpstreamConnectError),
        (HttpError("not trusted", is_connect=True, is_tls=True), UpstreamTlsError),
        (HttpError("broke off", is_connect=False), UpstreamInterruptedError),
    ],
)
def test_what_fails_below_http_is_told_apart(error: HttpError, kind: type[UpstreamError]) -> None:
    failure = _failure(lambda: _opened(error))

    assert type(failure) is kind
    assert "small-a" in str(failure)


def test_a_200_is_handed_on_open() -> None:
    response = Response()

    assert _opened(response) is response
    assert response.closings == 0


def test_another_status_is_the_error_its_body_says_and_is_closed() -> None:
    response = Response(503, body=b"busy")

    failure = _failure(lambda: _opened(response))

    assert str(failure) == "small-a 503 busy 7"
    assert response.closings == 1


@pytest.mark.parametrize("error", [HttpError("broke off", is_connect=False), BodyTooLongError()])
def test_an_error_whose_body_does_not_come_is_one_all_the_same(error: Exception) -> None:
    assert _failure(lambda: _opened(Response(500, error=error))).status == 500


def test_an_answer_compressed_unasked_is_none() -> None:
    response = Response(headers={"content-encoding": "gzip"})

    assert isinstance(_failure(lambda: _opened(response)), UpstreamInvalidAnswerError)
    assert response.closings == 1


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])
def test_json_is_read_whole_and_closed(content_type: str) -> None:
    response = Response(headers={"content-type": content_type}, body=b'{"a": 1}')

    assert asyncio.run(whole_body("small-a", response)) == b'{"a": 1}'
    assert response.closings == 1


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (Response(headers={"content-type": "text/html"}), UpstreamInvalidAnswerError),
        (Response(error=BodyTooLongError()), UpstreamInvalidAnswerError),
        (Response(error=HttpError("broke off", is_connect=False)), UpstreamInterruptedError),
    ],
    ids=["html", "too long", "broken off"],
)
def test_what_is_no_whole_json_is_an_error_and_closed(response: Response, kind: type[UpstreamError]) -> None:
    failure = _failure(lambda: asyncio.run(whole_body("small-a", response)))

    assert type(failure) is kind
    assert response.closings == 1


def test_only_an_event_stream_is_a_stream() -> None:
    stream, html = Response(headers={"content-type": "text/event-stream; charset=utf-8"}), Response()

    require_stream("small-a", stream)
    failure = _failure(lambda: require_stream("small-a", html))

    assert isinstance(failure, UpstreamInvalidAnswerError)
    assert (stream.closings, html.closings) == (0, 1)
