"""Dagster's webserver answers its own pages on this machine, and nobody else."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from dagster._cli import dev

from matchme_pipeline.cli.dagster_dev import GUARDED, with_guard

QUERY = {"query": "{ version }"}
# A machine under load answers late; httpx would give up after five seconds.
CLIENT = httpx.Client(timeout=60)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Dagster's own webserver, as `matchme dev` starts it, over nothing."""
    home = Path(tmp_path_factory.mktemp("dagster"))
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = with_guard([sys.executable, "-m", "dagster_webserver"])
    process = subprocess.Popen(
        [*command, "-h", "127.0.0.1", "-p", str(port), "--empty-workspace"],
        env=os.environ | {"DAGSTER_HOME": str(home)}, cwd=home,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if process.poll() is not None or probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        assert process.poll() is None
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def test_dagsters_own_pages_and_commands_are_answered(address: str):
    port = address.rpartition(":")[2]
    for headers in (
        {}, {"Origin": address}, {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"},
        {"Host": f"[::1]:{port}"}, {"Origin": address, "Sec-Fetch-Site": "same-origin"},
    ):  # fmt: skip
        assert CLIENT.post(f"{address}/graphql", json=QUERY, headers=headers).status_code == 200, headers
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert CLIENT.get(f"{address}/server_info", headers=link).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"}, {"Host": "evil.example:3000"}, {"Host": "localhost.evil.example"},
        {"Host": "127.0.0.1@evil.example"}, {"Host": "evil.example@127.0.0.1"}, {"Host": "127.0.0.1.evil.example"},
        {"Host": ""}, {"Host": "localhost/evil.example"}, {"Host": "localhost:x"}, {"Host": "0.0.0.0"},
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost.evil.example"}, {"Origin": ""}, {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_foreign_host_or_origin_is_refused(address: str, headers: dict[str, str], method: str):
    asked = {"params": QUERY} if method == "GET" else {"json": QUERY}
    answer = CLIENT.request(method, f"{address}/graphql", headers=headers, **asked)  # type: ignore[arg-type]
    assert answer.status_code in (400, 403), answer.text
    assert "data" not in answer.text


def test_two_hosts_are_none(address: str):
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as connection:
        connection.sendall(b"GET /graphql?query={version} HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert connection.recv(1_000).split()[1] in (b"400", b"403")


def test_a_websocket_of_another_origin_is_refused(address: str):
    port = address.rpartition(":")[2]
    with socket.create_connection(("127.0.0.1", int(port))) as connection:
        connection.sendall(
            f"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: https://evil.example\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-ws\r\n\r\n".encode()
        )
        assert connection.recv(1_000).split()[1] == b"403"


def test_dagster_dev_starts_its_webserver_through_the_name_that_is_replaced():
    """Dagster's own code: where it changes, the check would not stand before its webserver."""
    source = Path(dev.__file__).read_text()
    assert '[sys.executable, "-m", "dagster_webserver"]' in source
    assert "webserver_process = open_ipc_subprocess(" in source
    assert with_guard(["python", "-m", "dagster_webserver", "-p", "1"]) == ["python", "-m", GUARDED, "-p", "1"]
