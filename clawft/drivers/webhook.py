"""The webhook: posts a delivery to an address, and says what is certain about it afterwards."""

import errno
import socket
import ssl
from datetime import datetime
from typing import Protocol

from tornado.httpclient import HTTPRequest
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError, SimpleAsyncHTTPClient

from clawft.domain.deliveries import Attempt, Delivery
from clawft.domain.webhooks import body_of, headers, judged, signing_key

PATIENCE = 10.0
"""Seconds a receiver has to answer."""
LARGEST_ANSWER = 64 * 1024
MOST_HEADERS = 16 * 1024
NOBODY_REACHED = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)
NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN)
"""Errors that come before a byte of the request is sent. A reset comes at any time and says nothing."""


class Poster(Protocol):
    """What brings a delivery to an address."""

    async def post(self, url: str, delivery: Delivery, at: datetime) -> Attempt: ...


class Webhook:
    """One POST a try, signed with the channel's key. A redirect is not followed."""

    def __init__(self, secret: str, *, patience: float = PATIENCE) -> None:
        self._secret = secret
        self._patience = patience

    async def post(self, url: str, delivery: Delivery, at: datetime) -> Attempt:
        body = body_of(delivery)
        key = signing_key(self._secret, delivery.channel)
        request = HTTPRequest(
            url,
            method="POST",
            body=body,
            headers=headers(key, delivery.id, body, at),
            connect_timeout=self._patience,
            request_timeout=self._patience,
            follow_redirects=False,
            user_agent="clawft",
        )
        http = SimpleAsyncHTTPClient(
            force_instance=True, max_body_size=LARGEST_ANSWER, max_header_size=MOST_HEADERS
        )
        try:
            return await self._tried(http, request)
        finally:
            http.close()

    async def _tried(self, http: SimpleAsyncHTTPClient, request: HTTPRequest) -> Attempt:
        try:
            answer = await http.fetch(request, raise_error=False)
        except HTTPTimeoutError as error:
            return self._late(str(error))
        except HTTPStreamClosedError as error:
            return Attempt("unknown", f"the connection broke: {error}")
        except OSError as error:
            if isinstance(error, NOBODY_REACHED) or error.errno in NO_WAY:
                return Attempt("not_sent", f"nobody was reached: {error}")
            return Attempt("unknown", f"the connection broke: {error}")
        return judged(answer.code, answer.headers.get("Retry-After", ""))

    def _late(self, why: str) -> Attempt:
        # Tornado says by its message only which of the two limits was reached.
        if "connecting" in why:
            return Attempt("not_sent", f"nobody answered the connection within {self._patience:g} s")
        return Attempt("unknown", f"no answer within {self._patience:g} s: it may have arrived or not")
