"""`POST /v1/chat/completions`: the hot endpoint, raw ASGI, and the outermost place an error of ours can reach."""

import asyncio
import logging
from collections.abc import Callable

from gateway.api.asgi import Receive, Scope, Send
from gateway.api.disconnects import Disconnects
from gateway.api.exchange import ChatExchange, ClientGoneError
from gateway.api.headers import new_request_id
from gateway.api.methods import require_method
from gateway.domain.errors import GatewayError
from gateway.pipeline import Gateway
from gateway.ports import AnswerHead

log = logging.getLogger(__name__)


class ChatCompletions:
    """An ASGI application for one path. `rejected` is told the code of each request that was not accepted."""

    def __init__(self, gateway: Gateway, *, max_body_bytes: int, rejected: Callable[[str], None]) -> None:
        self._gateway = gateway
        self._max_body_bytes = max_body_bytes
        self._rejected = rejected
        self._disconnects = Disconnects()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = ChatExchange(scope, receive, send, request_id=new_request_id(), max_body_bytes=self._max_body_bytes)
        try:
            require_method(scope, "POST")
            await self._watched(exchange)
        except GatewayError as error:
            self._rejected(error.code)
            await exchange.refuse(error, AnswerHead())
        except ClientGoneError:
            self._rejected("client_gone")
        except asyncio.CancelledError:
            if not exchange.has_gone:
                raise
        except Exception:
            log.exception("request %s failed by a fault of the gateway", exchange.request_id)
            await exchange.break_off(GatewayError("the gateway failed; the operator's log tells more"))

    async def _watched(self, exchange: ChatExchange) -> None:
        self._disconnects.add(exchange)
        try:
            await self._gateway.chat(exchange)
        finally:
            self._disconnects.discard(exchange)
