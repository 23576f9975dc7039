"""HTTP over a socket with limits on time, size and number of requests."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Limits of a request's line and headers: their duration, and the bytes read before they are complete. One read may
# return a quarter of a megabyte, including the beginning of a body; a tighter limit on headers applies later.
HEAD_SECONDS = 10.0
MAX_HEAD_BYTES = 524_288
# The time limit of a whole body, also if its request is already answered or refused.
WHOLE_BODY_SECONDS = 20.0
# How long an answer may wait for its caller to read it.
UNREAD_SECONDS = 30.0
# Requests that one connection may send before the first answer; browsers send one.
MAX_WAITING_REQUESTS = 16


class GuardedProtocol(HttpToolsProtocol):
    """Closes a connection whose request is not complete in time, has too many headers, or is one of too many.

    It also closes a connection whose caller does not read the answers.
    """

    _timer: asyncio.TimerHandle | None = None
    _body_timer: asyncio.TimerHandle | None = None
    _unread_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _has_ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._has_ended = True
        self._on_head()
        self._body_timer = _cancelled(self._body_timer)
        self._unread_timer = _cancelled(self._unread_timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head has become too large."""
        if self._has_ended:
            return
        if self._timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.transport.close()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """The headers are complete; the body follows."""
        self._on_head()
        self._body_timer = _cancelled(self._body_timer)
        if self._has_ended:
            return
        if len(self.pipeline) >= MAX_WAITING_REQUESTS:
            self._end()
            return
        super().on_headers_complete()
        self._body_timer = self.loop.call_later(WHOLE_BODY_SECONDS, self._end)

    def on_body(self, body: bytes) -> None:
        """A part of the body has arrived."""
        if not self._has_ended:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is whole."""
        self._body_timer = _cancelled(self._body_timer)
        if not self._has_ended:
            super().on_message_complete()

    def pause_writing(self) -> None:
        """The caller does not read the answer."""
        super().pause_writing()
        if self._unread_timer is None:
            self._unread_timer = self.loop.call_later(UNREAD_SECONDS, self._end)

    def resume_writing(self) -> None:
        """The caller reads again."""
        self._unread_timer = _cancelled(self._unread_timer)
        super().resume_writing()

    def _end(self) -> None:
        # Not `close`, which waits until the caller has read everything. Waiting requests are dropped.
        self._has_ended = True
        self.pipeline.clear()
        self.transport.abort()

    def _expect_head(self) -> None:
        self._on_head()
        self._head_bytes = 0
        self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _on_head(self) -> None:
        self._timer = _cancelled(self._timer)


def _cancelled(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    if timer is not None:
        timer.cancel()
    return None
