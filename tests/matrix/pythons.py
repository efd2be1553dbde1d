# SPDX-License-Identifier: Apache-2.0
"""The Pythons of this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path


def find_python(version: str) -> Path | None:
    """
    Return a Python that runs, from PATH or of pyenv.

    :param version: such as ``3.12``
    """
    return next((path for path in _candidates(version) if _is(path, version)), None)


def _candidates(version: str) -> Iterator[Path]:
    for folder in os.get_exec_path():
        yield Path(folder) / f"python{version}"
    # On PATH, pyenv has only commands that refuse to run while another version is chosen.
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))


def _is(path: Path, version: str) -> bool:
    if not os.access(path, os.X_OK):
        return False
    command = [str(path), "-c", "import ssl, sqlite3, sys; print('%d.%d' % sys.version_info[:2])"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return bool(said.strip() == version)
