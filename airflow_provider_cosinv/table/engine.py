# SPDX-License-Identifier: Apache-2.0
"""
DuckDB, with bounded memory and a temporary folder that is taken away. Comes with the extra ``table``.

Its SQL reads and writes the engine's folder, reads the inputs, and changes no setting: a task's environment holds
connections and keys.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryTransientError, quoted, shown
from airflow_provider_cosinv.inventory.queries.sql_text import literal
from airflow_provider_cosinv.inventory.text import check_text
from airflow_provider_cosinv.table.parquet.read_parquet import exactly
from airflow_provider_cosinv.table.temporary_folder import MAY_PASS, temporary_folder

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

# A number in a setting must be smaller: DuckDB holds it in 64 bits.
_LARGEST = 2**63
# Seconds between two checks of a statement that runs, and between two interruptions of one that must end.
_PAUSE = 0.1


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """
    What a query may take.

    :param memory_limit: of DuckDB, such as ``400MB``; what needs more goes to the temporary folder
    :param threads: of DuckDB; None is one for each core
    :param temp_directory: where to make the temporary folder; None is the system's
    :param allow_external_access: let SQL read and write whatever the task can: files, extensions, settings. Only for
        SQL whose authors may have what the worker has
    """

    memory_limit: str = "400MB"
    threads: int | None = None
    temp_directory: str | None = None
    allow_external_access: bool = False

    def __post_init__(self) -> None:
        """Check what can be checked without DuckDB. Text such as ``"false"`` is true to Python."""
        check_access(self.allow_external_access)
        for name in ("memory_limit", "threads", "temp_directory"):
            value = getattr(self, name)
            if isinstance(value, os.PathLike):
                value = os.fspath(value)
            # DuckDB takes text for a number.
            if value is not None and not (type(value) is int and abs(value) < _LARGEST and name != "temp_directory"):
                check_text(value, name)


def check_access(value: bool) -> bool:
    """
    Return ``allow_external_access``.

    :raises COSInventoryConfigurationError: if it is neither True nor False
    """
    if not isinstance(value, bool):
        raise COSInventoryConfigurationError(
            f"{quoted(value)} is not a valid allow_external_access.",
            parameter="allow_external_access",
            hint="Give True or False, not a template or text.",
        )
    return value


@dataclass(frozen=True)
class Engine:
    """
    One DuckDB.

    :param connection: to it
    :param folder: temporary, for what a query needs
    :param is_confined: whether SQL can reach the inputs and the folder only
    """

    connection: DuckDBPyConnection
    folder: Path
    is_confined: bool

    @property
    def threads(self) -> int:
        """How many threads DuckDB has."""
        ((threads,),) = self.connection.execute("SELECT current_setting('threads')").fetchall()
        return int(threads)

    def new_file(self, name: str) -> Path:
        """
        Return the path of a file that is not there yet, in the folder.

        No path comes twice: DuckDB before 2.0 keeps what it has read of a file, and takes one that was written anew
        within a second for the same.

        :param name: how it ends
        """
        return self.folder / f"{uuid4().hex}-{name}"

    @contextmanager
    def writing(self, path: Path) -> Iterator[Path]:
        """
        Write a file, wherever it goes: SQL writes to the engine's folder, and what it wrote moves behind it.

        :param path: the file; what is there is replaced, once the new one is whole
        :return: a context manager of the path that SQL can write to
        :raises COSInventoryConfigurationError: if no file can be made there
        :raises COSInventoryTransientError: if the disk is full, or fails
        """
        target = Path(os.path.abspath(path))  # noqa: PTH100  Path.resolve() would follow links
        if target.is_relative_to(self.folder):
            yield path
            return
        with _explained(path):
            # Before the long work. What else may be in the way shows after it.
            if not os.access(target.parent, os.W_OK):
                # Raises what is wrong with the folder; if it is there, it is the permission.
                target.parent.stat()
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        made = self.new_file("saved")
        try:
            yield made
            with _explained(path):
                _move(made, target)
        finally:
            # A failed statement leaves something, and so does a copy to another disk.
            _remove(made)

    def run(self, statement: str, *, on_abort: Callable[[], None] = lambda: None) -> list[tuple[Any, ...]]:
        """
        Run a statement that may take long, and return what it says.

        DuckDB lets no signal through while it waits for data: a time-out or a stop of the task would wait with it.

        :param statement: one
        :param on_abort: called where an exception of a signal ends the wait, so that the statement gets no more data
        """
        answer: Future[list[tuple[Any, ...]]] = Future()

        def work() -> None:
            if not answer.set_running_or_notify_cancel():
                return
            try:
                answer.set_result(self.connection.execute(statement).fetchall())
            except BaseException as error:  # noqa: BLE001  handed to the thread that waits
                answer.set_exception(error)

        worker = Thread(target=work, name="cos-inventory-statement", daemon=True)
        try:
            worker.start()
            # Not the thread: one whose join() was broken off counts as ended, up to Python 3.12. In pieces: a signal
            # that arrives just before a wait begins does not end it, and its handler runs only after it.
            while not answer.done():
                wait([answer], timeout=_PAUSE)
        except BaseException:
            # A second signal changes nothing: nobody may use the connection before the statement has ended.
            while True:
                with suppress(BaseException):
                    if answer.cancel() or answer.done():
                        break
                    # Again and again: an interruption that comes before DuckDB begins is lost.
                    self.connection.interrupt()
                    on_abort()
                    wait([answer], timeout=_PAUSE)
            raise
        worker.join()
        return answer.result()


@contextmanager
def open_engine(
    settings: EngineSettings, *, inputs: Iterable[str] = (), filesystem: AbstractFileSystem | None = None
) -> Iterator[Engine]:
    """
    Start DuckDB; stop it and take its files away in the end.

    Unless the settings allow external access, SQL can read the inputs and the engine's folder, write to that folder,
    and change no setting.

    :param settings: what it may take
    :param inputs: files that SQL may read: local paths, or URLs of ``filesystem``
    :param filesystem: of fsspec, for inputs that are not local. Whether it reads anything but them is its own affair:
        DuckDB 1.5 takes ``cos://a/../b`` for ``cos://b``
    :raises COSInventoryConfigurationError: where it is not installed, or a setting is wrong
    """
    try:
        import duckdb
    except ImportError:
        raise COSInventoryConfigurationError(
            "DuckDB, which makes tables of reports, is not installed.",
            hint="Type: pip install 'airflow-provider-cosinv[table]'",
        ) from None
    with temporary_folder(settings.temp_directory) as folder:
        options: dict[str, str | bool | int | float | list[str]] = {
            "temp_directory": str(folder / "spill"),
            # Keeping an order takes memory. A COPY that needs one says so.
            "preserve_insertion_order": False,
            # SELECT * FROM sql would find a variable of that name in this package.
            "python_enable_replacements": False,
            # Nothing is fetched from elsewhere.
            "autoinstall_known_extensions": False,
        }
        with duckdb.connect(config=options) as connection:
            for name in ("memory_limit", "threads"):
                value = getattr(settings, name)
                if value is None:
                    continue
                try:
                    connection.execute(f"SET {name} = {literal(str(value))}")
                except duckdb.Error as error:
                    raise COSInventoryConfigurationError(
                        f"DuckDB does not take {quoted(value)} for {name}: {shown(error)}",
                        parameter=name,
                    ) from None
            connection.execute("SET TimeZone = 'UTC'")
            # A plan that looks at a part several times would read its footer as often. Counts towards memory_limit.
            connection.execute("SET parquet_metadata_cache = true")
            if filesystem is not None:
                # First: DuckDB 1.5 compares URLs with the inputs only if it knows their file system.
                connection.register_filesystem(filesystem)
            if not settings.allow_external_access:
                _confine(connection, folder, inputs)
            yield Engine(connection, folder, is_confined=not settings.allow_external_access)


def _confine(connection: DuckDBPyConnection, folder: Path, inputs: Iterable[str]) -> None:
    """Let SQL read the inputs and the folder, write to the folder, and nothing else, from now on."""
    import duckdb

    for name, allowed in (("allowed_directories", [f"{folder}/"]), ("allowed_paths", list(inputs))):
        # DuckDB checks the pattern, and then the file that it finds.
        spellings = dict.fromkeys([*allowed, *map(exactly, allowed)])
        try:
            connection.execute(f"SET {name} = [{', '.join(map(literal, spellings))}]")
        except duckdb.Error as error:
            raise COSInventoryConfigurationError(
                f"An input is not a valid path: {shown(error)}",
                parameter="parts",
                hint="Write an absolute path, or cos://name-APPID/key.",
            ) from None
    # DuckDB 2.0 shows the environment's, with its password.
    connection.execute("SET http_proxy = ''")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        cls = COSInventoryTransientError if error.errno in MAY_PASS else COSInventoryConfigurationError
        raise cls(
            f"{shown(path)} cannot be written: {shown(error.strerror or error)}.",
            hint="Give the path of a file in a folder that is there, and that the task may write to.",
        ) from None


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # COPY makes a folder if it is told to part its rows.
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
