# SPDX-License-Identifier: Apache-2.0
"""Ends the processes of a deployment, also when the process that started them was killed.

As a program (``python reaper.py TOKEN``) it waits until its standard input closes, which the operating
system does for a starter that dies in whatever way, and then ends every process that carries the token in
its environment. A token finds grandchildren too, in whatever session or process group they are.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable

import psutil

MARK = "COSINV_DEPLOYMENT"
"""The environment variable that carries the token."""

GRACE = 3.0
"""Seconds from SIGTERM to SIGKILL."""


def members(token: str) -> list[psutil.Process]:
    """Every live process of this user that was started with ``MARK=token``, without the caller itself."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # gone, a zombie, or another user's
            if process.pid != os.getpid() and process.environ().get(MARK) == token:
                found.append(process)
    return found


def wait_until_gone(processes: Iterable[psutil.Process], *, timeout: float) -> bool:
    """Whether all of these have ended within `timeout` seconds; one that nobody has waited for (a zombie) has."""
    deadline = time.monotonic() + timeout
    while any(lives(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def lives(process: psutil.Process) -> bool:
    """Whether a process still runs."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def signal_all(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to each of these that still lives."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def kill_all(token: str, *, attempts: int = 10) -> None:
    """Send SIGKILL until no process of the token is left; a process may fork while it is being looked at."""
    for _ in range(attempts):
        left = members(token)
        if not left:
            return
        signal_all(left, signal.SIGKILL)
        wait_until_gone(left, timeout=1.0)
    raise RuntimeError(f"processes that cannot be killed: {members(token)}")


def main() -> None:
    """Wait for the end of standard input, then end every process of the token in ``argv[1]``."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    token = sys.argv[1]
    while os.read(sys.stdin.fileno(), 1024):
        continue
    left = members(token)
    signal_all(left, signal.SIGTERM)
    wait_until_gone(left, timeout=GRACE)
    kill_all(token)


if __name__ == "__main__":
    main()
