"""HTTP over a socket, with an end to heads that have none: left to itself, the server waits and keeps for ever."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# A request's line and headers: how long they may take to come, and how much is read before they are complete. One read
# may bring a quarter of a megabyte, a body's beginning included; what of it are headers is limited more tightly later.
HEAD_SECONDS = 10.0
LARGEST_HEAD_BYTES = 524_288


class GuardedProtocol(HttpToolsProtocol):
    """Closes a connection whose request does not begin, does not end its headers, or has too many of them."""

    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head has become too large."""
        if self._timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > LARGEST_HEAD_BYTES:
                self.transport.close()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._head_came()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        self._head_came()
        self._head_bytes = 0
        self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _head_came(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
