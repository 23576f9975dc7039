"""Stops a stage early when its model server is down, instead of letting every request fail on its own."""

from matchme_pipeline.errors import ModelRequestError

# Requests in a row that gave up while nothing was answered. Each has been tried for about a minute, so that a server
# that restarts is waited for. A request for vectors that gives up is halved: a few texts that no server answers, in
# both halves, make several give up before an answer comes.
GIVEN_UP_BEFORE_STOP = 8


class CircuitBreaker:
    """Tells an outage from requests that fail by themselves.

    A request that the server can never answer gives up while others are answered; in an outage nothing is answered
    during all the tries of several requests. Not thread-safe: belongs to one event loop.
    """

    def __init__(self, model: str) -> None:
        """`model` names the model in the error."""
        self._model = model
        self._answers = 0
        self._given_up = 0

    def begin(self) -> int:
        """A mark of the moment at which a request is first tried, for `give_up`."""
        return self._answers

    def answer(self) -> None:
        """A request was answered."""
        self._answers += 1
        self._given_up = 0

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
                "then run again: what is answered is not paid again."
            ) from None
