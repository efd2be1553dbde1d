# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of its own, for the time of a test."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.system.programs import find_program, postgresql_folder
from tests.system.server import ENVIRONMENT, Server, run

OWNER = "airflow"
SYSTEM_USER = "postgres"
"""Whom the Debian package makes: PostgreSQL refuses to run as root."""

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Its data need not outlive the machine's power."""


class PostgresServer(Server):
    """A PostgreSQL with a cluster of its own."""

    def launch(self, stack: contextlib.ExitStack) -> None:
        programs = postgresql_folder()
        # Not below a folder of pytest's: into those only its own user may look.
        home = Path(tempfile.mkdtemp(prefix="postgres-"))
        stack.callback(shutil.rmtree, home)
        stack.enter_context(self.processes)
        password = home / "password"
        password.write_text(self.password)
        if os.geteuid() == 0:
            for path in (home, password):
                os.chown(path, pwd.getpwnam(SYSTEM_USER).pw_uid, -1)
        data = home / "data"
        access = ("--username", OWNER, "--pwfile", password, "--auth", "scram-sha-256")
        made = (programs / "initdb", "-D", data, *access, "--encoding=UTF8", "--no-locale", "--no-sync")
        if self.processes.run("initdb", as_system_user(made), environment=ENVIRONMENT, folder=home) != 0:
            raise RuntimeError(self.processes.tail("initdb"))
        settings = {**FAST, "listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        server = as_system_user((programs / "postgres", "-D", data, *options))
        self.processes.start("postgres", server, environment=ENVIRONMENT, folder=home)

    def is_ready(self) -> bool:
        return run((postgresql_folder() / "pg_isready", *self._place)).returncode == 0

    def create_database(self, name: str) -> str:
        """Create a database and return its SQLAlchemy URL, which holds the password."""
        command: list[str | Path] = [postgresql_folder() / "createdb", *self._place, "-U", OWNER, name]
        run(command, {"PGPASSWORD": self.password}).check_returncode()
        return f"postgresql+psycopg2://{OWNER}:{self.password}@127.0.0.1:{self.port}/{name}"

    @property
    def _place(self) -> tuple[str, ...]:
        return ("-h", "127.0.0.1", "-p", str(self.port))


def as_system_user(command: Sequence[str | Path]) -> list[str | Path]:
    """The command, run by a user who may."""
    if os.geteuid() != 0:
        return list(command)
    words = (f"--reuid={SYSTEM_USER}", f"--regid={SYSTEM_USER}", "--init-groups", "--")
    return [find_program("setpriv"), *words, *command]
