# SPDX-License-Identifier: Apache-2.0
"""DuckDB, with bounded memory and a temporary folder that is taken away. Comes with the extra ``table``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, shown
from airflow_provider_cosinv.inventory.sql import literal
from airflow_provider_cosinv.inventory.temporary_folder import temporary_folder

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Seconds between two checks of a statement that runs, and between two interruptions of one that must end.
_PAUSE = 0.1


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """
    What a query may take.

    :param memory_limit: of DuckDB, such as ``400MB``; what needs more goes to the temporary folder
    :param threads: of DuckDB; None is one for each core
    :param temp_directory: where to make the temporary folder; None is the system's
    """

    memory_limit: str = "400MB"
    threads: int | None = None
    temp_directory: str | None = None


@dataclass(frozen=True)
class Engine:
    """
    One DuckDB.

    :param connection: to it
    :param folder: temporary, for what a query needs
    """

    connection: DuckDBPyConnection
    folder: Path

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
    def in_order(self) -> Iterator[None]:
        """Let rows keep the order of the table that they are of."""
        self.connection.execute("SET preserve_insertion_order = true")
        try:
            yield
        finally:
            self.connection.execute("SET preserve_insertion_order = false")

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
def open_engine(settings: EngineSettings) -> Iterator[Engine]:
    """
    Start DuckDB; stop it and take its files away in the end.

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
            # Keeping an order takes memory.
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
                        f"DuckDB does not take {value!r} for {name}: {shown(error)}",
                        parameter=name,
                    ) from error
            connection.execute("SET TimeZone = 'UTC'")
            yield Engine(connection, folder)
