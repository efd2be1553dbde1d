# SPDX-License-Identifier: Apache-2.0
"""The programs of Debian's packages."""

from __future__ import annotations

import shutil
from pathlib import Path

INSTALL = "apt-get install --no-install-recommends redis-server postgresql chromium chromium-driver fonts-dejavu-core"
POSTGRESQL = Path("/usr/lib/postgresql")
"""Debian keeps the programs of each version in a folder of its own, and PATH has none of them."""


class MissingProgramError(RuntimeError):
    """A program is not installed; the message has the line to type."""


def find_program(name: str) -> Path:
    """
    Return where a program in PATH is.

    :raises MissingProgramError: where it is not there
    """
    found = shutil.which(name)
    if found is None:
        raise MissingProgramError(f"There is no {name}. Type: make system; or, as root: {INSTALL}")
    return Path(found)


def postgresql_folder() -> Path:
    """
    Return where the programs of the newest PostgreSQL are.

    :raises MissingProgramError: where there is none
    """
    servers = [path for path in POSTGRESQL.glob("*/bin/postgres") if path.parts[-3].isdigit()]
    if not servers:
        raise MissingProgramError(f"There is no PostgreSQL in {POSTGRESQL}. Type: make system; or, as root: {INSTALL}")
    return max(servers, key=lambda path: int(path.parts[-3])).parent
