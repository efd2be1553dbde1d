# SPDX-License-Identifier: Apache-2.0
"""Named child processes with a log file each, which never outlive their starter."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import psutil
from typing_extensions import Self

from tests.airflow import reaper

TAIL_LINES = 40


class ProcessDiedError(RuntimeError):
    """A process ended that should be running; the message ends with the last lines of its log."""


class ProcessSet:
    """A context manager for child processes, each in a session of its own.

    On exit all of them and all of their descendants are gone. Should the starter be killed instead, a small
    helper process sees that and ends them (``reaper.py``).

    :param log_folder: where ``<name>.log`` of each process goes (standard output and error); made if missing.
    """

    def __init__(self, *, log_folder: Path) -> None:
        self.log_folder = log_folder
        self.token = secrets.token_hex(16)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._reaper: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.log_folder.mkdir(parents=True, exist_ok=True)
        self._reaper = subprocess.Popen(
            [sys.executable, "-I", reaper.__file__, self.token],
            stdin=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop(tuple(self._processes))
        finally:
            # Also reached by a second Ctrl-C while the lines above wait. After a third one the reaper acts.
            reaper.kill_all(self.token)
            for process in self._processes.values():
                process.wait()
            if self._reaper is not None and self._reaper.stdin is not None:
                self._reaper.stdin.close()
                self._reaper.wait()

    def start(
        self, name: str, arguments: Sequence[str | Path], *, environment: Mapping[str, str], folder: Path
    ) -> None:
        """Start a process; its log is continued if the process was started before.

        :param environment: all of the child's environment: nothing is inherited.
        :param folder: its working directory.
        """
        if self._reaper is None:
            raise RuntimeError("processes are started inside the with block")
        if name in self._processes and self._processes[name].poll() is None:
            raise RuntimeError(f"{name} is running already")
        # SPT_NOENV: components change their titles, which must not overwrite the mark in their environment.
        mode = "ab" if name in self._processes else "wb"
        with self.log_path(name).open(mode) as log:
            self._processes[name] = subprocess.Popen(
                list(arguments),
                env={**environment, reaper.MARK: self.token, "SPT_NOENV": "1"},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise :class:`ProcessDiedError` if a process that was started has ended by itself."""
        for name, process in self._processes.items():
            code = process.poll()
            if code is not None:
                raise ProcessDiedError(f"{name} ended with exit code {code}.\n{self.tail(name)}")

    def members(self) -> list[psutil.Process]:
        """Every live process of this set: the named ones and all their descendants."""
        return reaper.members(self.token)

    def tree(self, name: str) -> list[psutil.Process]:
        """A process and all its descendants; nothing where it has ended."""
        try:
            root = psutil.Process(self._processes[name].pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def freeze(self, name: str) -> None:
        """Stop a process, without its descendants, until :meth:`thaw`."""
        process = self._processes[name]
        process.send_signal(signal.SIGSTOP)
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)

    def thaw(self, name: str) -> None:
        """Let a process go on that was frozen."""
        self._processes[name].send_signal(signal.SIGCONT)

    def kill(self, name: str) -> None:
        """End a process and all its descendants with SIGKILL, as when their machine loses power."""
        process = self._processes[name]
        tree = self.tree(name)
        reaper.signal_all(tree, signal.SIGKILL)
        process.wait()
        reaper.wait_until_gone(tree, timeout=5.0)
        del self._processes[name]

    def stop(self, names: Sequence[str], *, grace: float = reaper.GRACE) -> None:
        """End processes: SIGTERM to their process groups, after `grace` seconds SIGKILL to what is left of them."""
        running = {name: self._processes[name] for name in names if name in self._processes}
        for process in running.values():
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline and any(process.poll() is None for process in running.values()):
            time.sleep(0.05)
        for name in running:
            self.kill(name)

    def run(self, name: str, arguments: Sequence[str | Path], *, environment: Mapping[str, str], folder: Path) -> int:
        """Start a process, wait for its end and return its exit code."""
        self.start(name, arguments, environment=environment, folder=folder)
        return self._processes.pop(name).wait()

    def log_path(self, name: str) -> Path:
        """The file with everything that this process printed."""
        return self.log_folder / f"{name}.log"

    def tail(self, name: str) -> str:
        """The end of a process's log, with its path in front."""
        path = self.log_path(name)
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return "\n".join([f"The last lines of {path}:", *lines[-TAIL_LINES:]])
