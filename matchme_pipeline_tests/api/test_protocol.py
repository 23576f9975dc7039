"""Connections that begin a request and never end it, send too many at once, or read no answers."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from matchme_pipeline.api import protocol
from matchme_pipeline.api.protocol import GuardedProtocol


async def answer_ok(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    body = b"x" * 50_000_000 if scope["path"] == "/large" else b"ok"
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    for name in ("HEAD_SECONDS", "WHOLE_BODY_SECONDS", "UNREAD_SECONDS"):
        monkeypatch.setattr(protocol, name, 1.0)
    config = uvicorn.Config(answer_ok, port=0, http=GuardedProtocol, lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()
    server.should_exit = True
    thread.join()


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side ends the connection without a word."""
    connection.settimeout(60)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("beginning", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "])
def test_a_request_that_does_not_come_is_waited_for_only_so_long(address: tuple[str, int], beginning: bytes):
    with socket.create_connection(address) as connection:
        connection.sendall(beginning)
        assert is_closed(connection)


def test_a_header_without_end_ends_the_connection(address: tuple[str, int]):
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Large: ")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(b"x" * 100_000_000)


def test_requests_in_one_connection_are_answered_however_long_it_lives(address: tuple[str, int]):
    with socket.create_connection(address) as connection:
        for _ in range(3):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = b""
            while not answer.endswith(b"ok"):
                answer += connection.recv(1_000)
            time.sleep(0.5)


def test_a_body_that_nobody_reads_holds_its_connection_only_so_long(address: tuple[str, int]):
    with socket.create_connection(address) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            drip(connection)


def drip(connection: socket.socket) -> None:
    """A byte now and then, which would keep an idle limit from ever coming."""
    for _ in range(600):
        connection.sendall(b"x")
        time.sleep(0.1)


def test_requests_that_are_sent_before_the_first_is_answered_are_few(address: tuple[str, int]):
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    with socket.create_connection(address) as connection:
        connection.sendall(request * protocol.MAX_WAITING_REQUESTS)
        answer = b""
        while answer.count(b"\r\n\r\nok") < protocol.MAX_WAITING_REQUESTS:
            answer += connection.recv(10_000)
    with socket.create_connection(address) as connection, suppress(ConnectionResetError, BrokenPipeError):
        connection.sendall(request * 5_000)
        answer = b""
        while piece := connection.recv(10_000):
            answer += piece
        assert answer.count(b"200 OK") < 2 * protocol.MAX_WAITING_REQUESTS
    with socket.create_connection(address) as connection:
        connection.sendall(request)
        assert connection.recv(1_000).startswith(b"HTTP/1.1 200")


def test_an_answer_waits_for_its_reader_only_so_long(address: tuple[str, int]):
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(2)
        received = 0
        with suppress(ConnectionResetError):
            while piece := connection.recv(1_000_000):
                received += len(piece)
        assert received < 50_000_000
