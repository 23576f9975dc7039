"""Headless Chromium, driven over its DevTools protocol: enough to open a page, fill a form, press, look."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-background-networking --disable-quic --no-first-run "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --remote-debugging-port=0"
)
WAIT_SECONDS = 120.0


class Tab:
    """One tab; what it is told waits until it is done."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.tell("Page.enable")

    def tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(WAIT_SECONDS))
            if message.get("id") == self._number:
                assert "error" not in message, message["error"]
                found: dict[str, Any] = message["result"]
                return found

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = self.tell("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until an expression in the page is true."""
        until = time.monotonic() + WAIT_SECONDS
        while not self.ask(f"document.readyState === 'complete' && Boolean({expression})"):
            assert time.monotonic() < until, f"{expression} did not come true; the page: {self.text()[:500]}"
            time.sleep(0.05)

    def open(self, url: str, width: int, height: int, *, is_phone: bool = False) -> None:
        """Open a page in a window of this size."""
        self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if is_phone else 1,
            mobile=is_phone,
        )
        self.tell("Page.navigate", url=url)
        self.wait_for("document.body")

    def press(self, selector: str) -> None:
        """Click an element and wait for the page that comes."""
        self.ask(f"window.isOld = true; document.querySelector({json.dumps(selector)}).click()")
        self.wait_for("!window.isOld")

    def text(self) -> str:
        """What a person reads on the page."""
        return str(self.ask("document.body.innerText"))

    def picture(self, path: Path) -> None:
        """The whole page as a PNG."""
        taken = self.tell("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def open_tab(home: Path) -> Iterator[Tab]:
    """A browser of its own with nothing remembered, ended with the block."""
    assert CHROMIUM is not None
    profile = home / "profile"
    command = [CHROMIUM, *_FLAGS.split(), f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            port_file = profile / "DevToolsActivePort"
            until = time.monotonic() + WAIT_SECONDS
            while not (port_file.exists() and port_file.read_text().strip()):
                assert process.poll() is None, "Chromium did not start"
                assert time.monotonic() < until, "Chromium did not answer"
                time.sleep(0.05)
            port = port_file.read_text().split()[0]
            tabs = httpx.get(f"http://127.0.0.1:{port}/json/list", timeout=WAIT_SECONDS).json()
            address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
            with connect(address, max_size=None) as socket:
                yield Tab(socket)
        finally:
            process.terminate()
            process.wait(WAIT_SECONDS)
