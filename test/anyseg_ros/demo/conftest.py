"""A real browser, driven over its debugging pipe: no display, no port, no network."""

import base64
import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

PATIENCE_S = 120.0
NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # for root, as in a container
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card
    "--use-angle=swiftshader",
    "--remote-debugging-pipe",
    "--window-size=720,560",
    "--no-first-run",
)
ON_3_AND_4 = """
import fcntl, os, sys
commands, events = (fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3])
os.dup2(commands, 3)
os.dup2(events, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One page of a browser.

    Commands and events are JSON with a zero byte behind, on descriptors 3 and 4 of the browser
    (Chrome DevTools Protocol).
    """

    def __init__(self, program, profile):
        commands, self._write = os.pipe()
        self._read, events = os.pipe()
        command = [program, *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", ON_3_AND_4, str(commands), str(events), *command],
            pass_fds=(commands, events),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(commands)
        os.close(events)
        self._buffer = b""
        self._calls = 0
        self._loaded = False
        self.requests, self.blocked = {}, {}
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self._call("Page.enable", self._session)
        self._call("Network.enable", self._session)

    def open(self, url):
        self._loaded = False
        self._call("Page.navigate", self._session, url=url)
        while not self._loaded:
            self._note(self._next("Page.navigate"))

    def picture(self):
        """Return what the page shows, uint8 [H, W, 3]."""
        data = self._call("Page.captureScreenshot", self._session, format="png")["data"]
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            return np.asarray(image.convert("RGB"))

    def reached(self):
        """Return the hosts that a request went out to."""
        return {
            urlsplit(url).hostname
            for request, url in self.requests.items()
            if self.blocked.get(request) != "csp" and url.startswith("http")
        }

    def close(self):
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def _call(self, method, session=None, **parameters):
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next(method)
            if answer.get("id") == self._calls:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def _note(self, event):
        given = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.requests[given["requestId"]] = given["request"]["url"]
        elif event.get("method") == "Network.loadingFailed":
            self.blocked[given["requestId"]] = given.get("blockedReason")
        elif event.get("method") == "Page.loadEventFired":
            self._loaded = True

    def _next(self, method):
        end = time.monotonic() + PATIENCE_S
        while b"\0" not in self._buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._read], [], [], left)[0]:
                raise TimeoutError(f"no answer to {method} within {PATIENCE_S} s")
            self._buffer += os.read(self._read, 1 << 20)
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)


@pytest.fixture
def browser(tmp_path):
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no browser here: none of {', '.join(NAMES)}")
    browser = Browser(program, tmp_path / "profile")
    yield browser
    browser.close()
