# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryTransientError
from airflow_provider_cosinv.table.temporary_folder import temporary_folder

PROGRAM = """
import sys, time
from airflow_provider_cosinv.table.temporary_folder import temporary_folder
with temporary_folder(sys.argv[1]) as folder:
    (folder / "spill").mkdir()
    (folder / "spill" / "large").write_bytes(b"x")
    print(folder, flush=True)
    time.sleep(600)
"""


def age(folder: Path) -> None:
    """Let a folder be some minutes old."""
    os.utime(folder, (time.time() - 300,) * 2)


def test_what_a_killed_process_left_is_removed_by_the_next_and_not_while_it_lives(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        try:
            assert process.stdout is not None
            left = Path(process.stdout.readline().strip())
            age(left)
            with temporary_folder(str(tmp_path)):
                assert (left / "spill" / "large").exists()
        finally:
            process.kill()
    assert left.is_dir()
    with temporary_folder(str(tmp_path)) as folder:
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []


def test_two_of_one_process_do_not_remove_each_other(tmp_path: Path) -> None:
    with temporary_folder(str(tmp_path)) as first:
        age(first)
        with temporary_folder(str(tmp_path)) as second:
            assert {first, second} == set(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name",
    [
        "cos-inventory-another-host-abcdefgh",
        f"cos-inventory-{socket.gethostname()}-reports-of-mine",
        "cos-inventory-abcdefgh",
        "abcdefgh",
    ],
)
def test_what_may_be_of_somebody_else_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    age(tmp_path / name)
    with temporary_folder(str(tmp_path)):
        pass
    assert [found.name for found in tmp_path.iterdir()] == [name]


def test_a_new_folder_that_is_not_locked_yet_is_left_alone(tmp_path: Path) -> None:
    new = tmp_path / f"cos-inventory-{socket.gethostname()}-abcdefgh"
    new.mkdir()
    with temporary_folder(str(tmp_path)):
        pass
    assert new.is_dir()


def test_a_link_of_that_name_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").touch()
    link = tmp_path / f"cos-inventory-{socket.gethostname()}-abcdefgh"
    link.symlink_to(tmp_path / "data")
    os.utime(link, (time.time() - 300,) * 2, follow_symlinks=False)
    with temporary_folder(str(tmp_path)):
        pass
    assert (tmp_path / "data" / "file").exists()


def test_one_that_vanishes_meanwhile_keeps_none_behind_it_from_being_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, left = (tmp_path / f"cos-inventory-{socket.gethostname()}-{name * 8}" for name in "ab")
    left.mkdir()
    age(left)
    monkeypatch.setattr(Path, "iterdir", lambda _: iter([gone, left]))
    with temporary_folder(str(tmp_path)):
        assert not left.exists()


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.ENOSPC, COSInventoryTransientError), (errno.EACCES, COSInventoryConfigurationError)],
)
def test_a_full_disk_may_pass_and_a_missing_permission_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(error, match=os.strerror(number)), temporary_folder(str(tmp_path)):
        pass
