import asyncio

import pytest

from gateway.api.asgi import Message, Receive, Scope, Send
from gateway.api.cors import Cors, with_cors

PAGE = (b"origin", b"https://app.example.test")
ASKS = (b"access-control-request-method", b"POST")


class Answering:
    """An application that says ok."""

    def __init__(self) -> None:
        self.methods: list[str] = []

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.methods.append(scope["method"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-request-id", b"1")]})
        await send({"type": "http.response.body", "body": b"ok"})


def ask(app: Answering, method: str, *headers: tuple[bytes, bytes]) -> tuple[int, dict[bytes, bytes]]:
    sent: list[Message] = []

    async def nothing() -> Message:
        raise AssertionError("no body is read here")

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": "/v1/models", "headers": list(headers)}
    asyncio.run(Cors(app, ["https://app.example.test"])(scope, nothing, send))
    return sent[0]["status"], dict(sent[0]["headers"])


def test_without_a_list_nothing_is_put_before_the_application() -> None:
    app = Answering()

    assert with_cors(app, ()) is app


def test_a_browser_that_asks_is_told_what_it_may_send_and_no_key_is_needed_for_that() -> None:
    app = Answering()

    status, headers = ask(app, "OPTIONS", PAGE, ASKS)

    assert status == 204
    assert headers[b"access-control-allow-origin"] == b"https://app.example.test"
    assert b"authorization" in headers[b"access-control-allow-headers"]
    assert b"POST" in headers[b"access-control-allow-methods"]
    assert app.methods == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_may_be_read_by_pages_of_a_listed_origin(method: str) -> None:
    status, headers = ask(Answering(), method, PAGE)

    assert (status, headers[b"access-control-allow-origin"]) == (200, PAGE[1])
    assert headers[b"x-request-id"] == b"1"
    assert headers[b"vary"] == b"origin"


@pytest.mark.parametrize(
    "origin",
    [b"https://app.example.test.evil", b"http://app.example.test", b"https://app.example.test:444", b"null", b"*"],
)
def test_any_other_page_is_granted_nothing(origin: bytes) -> None:
    for method, asks in (("OPTIONS", (ASKS,)), ("POST", ())):
        app = Answering()

        _, headers = ask(app, method, (b"origin", origin), *asks)

        assert not any(name.startswith(b"access-control-") for name in headers)
        assert app.methods == [method], "and the application answers as it does without any list"


def test_the_browsers_own_credentials_are_never_let_through() -> None:
    for method, asks in (("OPTIONS", (ASKS,)), ("POST", ())):
        _, headers = ask(Answering(), method, PAGE, *asks)

        assert b"access-control-allow-credentials" not in headers


def test_a_plain_options_request_is_the_applications() -> None:
    app = Answering()

    ask(app, "OPTIONS", PAGE)

    assert app.methods == ["OPTIONS"]
