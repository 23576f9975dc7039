"""Stops a stage early when its model server is down, instead of letting every request fail on its own."""

import time
from collections.abc import Callable

from matchme_pipeline.errors import ModelRequestError

# Requests in a row that gave up while nothing was answered. Each has been tried for about a minute, so that a server
# that restarts is waited for. A request for vectors that gives up is halved: a few texts that no server answers, in
# both halves, make several give up before an answer comes.
GIVEN_UP_BEFORE_STOP = 8
NOT_PAID_AGAIN = "what is answered is not paid again."


class Silence:
    """For how long a server has given nothing but failures. Not thread-safe: belongs to one event loop."""

    def __init__(self, most_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`most_seconds`: what is still waited for."""
        self.most_seconds = most_seconds
        self._clock = clock
        self._since: float | None = None

    def answered(self) -> None:
        """The server has answered."""
        self._since = None

    def failed(self, kind: str, remedy: str) -> None:
        """The server has failed, or turned a request away, with `kind`.

        Raises ModelRequestError, with the `remedy`, once `most_seconds` have passed since the first failure after its
        last answer.
        """
        now = self._clock()
        if self._since is None:
            self._since = now
        if now - self._since >= self.most_seconds:
            raise ModelRequestError(
                f"The model server is down: it has answered nothing for {self.most_seconds / 60:,.4g} minutes "
                f"({kind}; MATCHME_LLM_OUTAGE_MINUTES). {remedy}"
            ) from None


class CircuitBreaker:
    """Tells an outage from requests that fail by themselves.

    A request that the server can never answer gives up while others are answered; in an outage nothing is answered
    during all the tries of several requests. Not thread-safe: belongs to one event loop.
    """

    def __init__(self, model: str, silence: Silence) -> None:
        """`model` names the model in the error; `silence` bounds how long the server may turn requests away."""
        self._model = model
        self._silence = silence
        self._answers = 0
        self._given_up = 0

    def begin(self) -> int:
        """A mark of the moment at which a request is first tried, for `give_up`."""
        return self._answers

    def answer(self) -> None:
        """A request was answered."""
        self._answers += 1
        self._given_up = 0
        self._silence.answered()

    def turned_away(self, kind: str) -> None:
        """The server told a request to come later: that costs little of its tries, so that time bounds it.

        Raises ModelRequestError once that is all that the server has done for too long.
        """
        self._silence.failed(kind, f"Check the limits of the model '{self._model}', then run again: {NOT_PAID_AGAIN}")

    def give_up(self, begun: int, tries: int, kind: str) -> None:
        """A request gave up after `tries`, the last with `kind`.

        Raises ModelRequestError once GIVEN_UP_BEFORE_STOP requests in a row did, and none was answered meanwhile.
        """
        if self._answers != begun:
            return
        self._given_up += 1
        if self._given_up >= GIVEN_UP_BEFORE_STOP:
            raise ModelRequestError(
                f"The server of the model '{self._model}' is down: {self._given_up} requests in a row failed after "
                f"up to {tries} tries each ({kind}), and none was answered meanwhile. Check its address and state, "
                f"then run again: {NOT_PAID_AGAIN}"
            ) from None
