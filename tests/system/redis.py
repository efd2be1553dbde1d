# SPDX-License-Identifier: Apache-2.0
"""A Redis of its own, for the time of a test."""

from __future__ import annotations

import contextlib

from tests.system.programs import find_program
from tests.system.server import ENVIRONMENT, Server, run

SETTINGS = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
save ""
appendonly no
set-proc-title no
"""
"""The last: a title would overwrite the mark in its environment by which the reaper finds it."""


class RedisServer(Server):
    """A Redis that keeps nothing."""

    def launch(self, stack: contextlib.ExitStack) -> None:
        program = find_program("redis-server")
        stack.enter_context(self.processes)
        settings = self.folder / "redis.conf"
        settings.touch(mode=0o600)
        settings.write_text(SETTINGS.format(port=self.port, password=self.password, folder=self.folder))
        self.processes.start("redis", [program, settings], environment=ENVIRONMENT, folder=self.folder)

    def is_ready(self) -> bool:
        place = ("-h", "127.0.0.1", "-p", str(self.port))
        return (
            run((find_program("redis-cli"), *place, "ping"), {"REDISCLI_AUTH": self.password}).stdout.strip() == b"PONG"
        )

    @property
    def url(self) -> str:
        """What Celery takes as its broker; it holds the password."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"
