# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium and its driver, for the time of a test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx
from selenium.webdriver import ChromeOptions, Remote

from tests.system.programs import find_program
from tests.system.server import ENVIRONMENT, Server

ARGUMENTS = (
    "--headless",
    "--no-sandbox",  # which root cannot have
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--lang=en-US",
)


class ChromeDriver(Server):
    """Starts browsers, each with an empty profile, that know no time zone but UTC."""

    def launch(self, stack: contextlib.ExitStack) -> None:
        program = find_program("chromedriver")
        find_program("chromium")
        stack.enter_context(self.processes)
        environment = {**ENVIRONMENT, "HOME": str(self.folder), "LANG": "C.UTF-8", "TZ": "UTC"}
        command: list[str | Path] = [program, f"--port={self.port}"]
        self.processes.start("chromedriver", command, environment=environment, folder=self.folder)

    def is_ready(self) -> bool:
        try:
            answer = httpx.get(f"{self._url}/status", trust_env=False)
        except httpx.TransportError:
            return False
        return bool(answer.json()["value"]["ready"])

    @contextlib.contextmanager
    def browser(self, *, width: int, height: int) -> Iterator[Remote]:
        """Open a browser whose window has this many pixels."""
        options = ChromeOptions()
        options.binary_location = str(find_program("chromium"))
        for argument in ARGUMENTS:
            options.add_argument(argument)
        driver = Remote(self._url, options=options)
        try:
            # The window's outer size is another.
            metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            driver.execute("executeCdpCommand", {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics})
            yield driver
        finally:
            driver.quit()

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self.port}"
