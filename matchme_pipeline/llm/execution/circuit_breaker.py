"""Stops a stage early when its model server is down, instead of letting every request fail on its own."""

import time
from collections.abc import Callable

from matchme_pipeline.errors import ModelRequestError

# Consecutive requests that failed all their tries while nothing was answered. The tries of a request take about a
# minute, so a restarting server is waited for. A failed request for vectors is halved: a few texts that the server
# never answers can make several requests fail before one is answered.
GIVEN_UP_BEFORE_STOP = 8
NOT_PAID_AGAIN = "stored answers are not paid again."


class OutageTimer:
    """How long a server has only failed. Not thread-safe: belongs to one event loop."""

    def __init__(self, most_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`most_seconds`: the limit."""
        self.most_seconds = most_seconds
        self._clock = clock
        self._since: float | None = None

    def answered(self) -> None:
        """The server has answered."""
        self._since = None

    def failed(self, kind: str, remedy: str) -> None:
        """The server has failed or rejected a request, with `kind`.

        Raises ModelRequestError with the `remedy` once `most_seconds` have passed since the first failure after its
        last answer.
        """
        now = self._clock()
        if self._since is None:
            self._since = now
        if now - self._since >= self.most_seconds:
            raise ModelRequestError(
                f"The model server is down: it has answered no request for {self.most_seconds / 60:,.4g} minutes "
                f"({kind}; MATCHME_LLM_OUTAGE_MINUTES). {remedy}"
            ) from None


class CircuitBreaker:
    """Distinguishes an outage from requests that fail individually.

    A single request may fail while others are answered. In an outage nothing is answered during all the tries of
    several requests. Not thread-safe: belongs to one event loop.
    """

    def __init__(self, model: str, outage_timer: OutageTimer) -> None:
        """`model` names the model in the error; `outage_timer` limits how long the server may reject requests."""
        self._model = model
        self._outage_timer = outage_timer
        self._answers = 0
        self._given_up = 0

    def begin(self) -> int:
        """The number of answers so far, for `give_up`."""
        return self._answers

    def answer(self) -> None:
        """A request was answered."""
        self._answers += 1
        self._given_up = 0
        self._outage_timer.answered()

    def turned_away(self, kind: str) -> None:
        """The server asked a request to come later. This costs only part of a try, so time limits it.

        Raises ModelRequestError if the server has only throttled for too long.
        """
        self._outage_timer.failed(
            kind, f"Check the limits of the model '{self._model}', then run again: {NOT_PAID_AGAIN}"
        )

    def give_up(self, answers_before: int, tries: int, kind: str) -> None:
        """A request failed all its `tries`, the last with `kind`.

        Raises ModelRequestError once GIVEN_UP_BEFORE_STOP requests in a row did, without any answer meanwhile.
        """
        if self._answers != answers_before:
            return
        self._given_up += 1
        if self._given_up >= GIVEN_UP_BEFORE_STOP:
            raise ModelRequestError(
                f"The server of the model '{self._model}' is down: {self._given_up} requests in a row failed after "
                f"up to {tries} tries each ({kind}), and none was answered meanwhile. Check its address and state, "
                f"then run again: {NOT_PAID_AGAIN}"
            ) from None
