"""`POST /v1/chat/completions`: the hot endpoint, raw ASGI, and the outermost place an error of ours can reach."""

import asyncio
import logging
from collections.abc import Callable

from gateway.api.asgi import Receive, Scope, Send
from gateway.api.exchange import ChatExchange, ClientGoneError
from gateway.api.headers import new_request_id
from gateway.api.keep_alive import KeepAlives
from gateway.api.load import Load
from gateway.api.methods import require_method
from gateway.api.unknown_keys import UnknownKeys
from gateway.domain.errors import AllowanceError, GatewayError, TooManyGuessesError
from gateway.pipeline import Gateway
from gateway.ports import AnswerHead

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 15.0


class ChatCompletions:
    """An ASGI application for one path.

    unknown_keys  judges the refusal of a key
    rejected      is told the code of each request that was not accepted
    keep_alive_s  the longest the client of a stream hears nothing; 0: for ever
    retried       is told of each request that its client says it has sent before
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        max_body_bytes: int,
        load: Load,
        unknown_keys: UnknownKeys,
        rejected: Callable[[str], None],
        retried: Callable[[], None],
        keep_alive_s: float = KEEP_ALIVE_S,
    ) -> None:
        self._gateway = gateway
        self._max_body_bytes = max_body_bytes
        self._load = load
        self._unknown_keys = unknown_keys
        self._rejected = rejected
        self._retried = retried
        self._keep_alives = KeepAlives(keep_alive_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = ChatExchange(
            scope,
            receive,
            send,
            request_id=new_request_id(),
            max_body_bytes=self._max_body_bytes,
            load=self._load,
            keep_alives=self._keep_alives,
        )
        try:
            require_method(scope, "POST")
            await self._loaded(exchange)
        except GatewayError as refusal:
            error = self._unknown_keys.judged(refusal, scope)
            self._rejected(error.code)
            await exchange.refuse(error, _head(error))
        except ClientGoneError:
            if not exchange.was_refused:
                self._rejected("client_gone")
        except asyncio.CancelledError:
            if not exchange.has_gone:
                raise
        except Exception:
            log.exception("request %s failed by a fault of the gateway", exchange.request_id)
            await exchange.break_off(GatewayError("the gateway failed; the operator's log tells more"))

    async def _loaded(self, exchange: ChatExchange) -> None:
        self._load.enter()
        try:
            if exchange.is_retry:
                self._retried()
            await self._gateway.chat(exchange)
        finally:
            self._load.leave(exchange.body_bytes)
            exchange.close()


def _head(error: GatewayError) -> AnswerHead:
    """Of a request that was not accepted."""
    if isinstance(error, AllowanceError):
        return AnswerHead(may_retry=error.may_retry, quota=error.quota)
    return AnswerHead(may_retry=not isinstance(error, TooManyGuessesError))
