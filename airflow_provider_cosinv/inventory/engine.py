# SPDX-License-Identifier: Apache-2.0
"""DuckDB, with bounded memory and a temporary folder that is taken away. Comes with the extra ``table``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


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
    :param folder: temporary, for pipes and what else a query needs
    """

    connection: DuckDBPyConnection
    folder: Path


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
    with tempfile.TemporaryDirectory(prefix="cos-inventory-", dir=settings.temp_directory) as name:
        folder = Path(name)
        spill = folder / "spill"
        options: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": settings.memory_limit,
            "temp_directory": str(spill),
            # Rows of a report have no promised order; keeping one takes three times the memory.
            "preserve_insertion_order": False,
            # Nothing is fetched from elsewhere.
            "autoinstall_known_extensions": False,
        }
        if settings.threads:
            options["threads"] = settings.threads
        try:
            connection = duckdb.connect(config=options)
        except duckdb.Error as error:
            raise COSInventoryConfigurationError(
                f"DuckDB does not take these settings: {error}", parameter="memory_limit"
            ) from error
        with connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield Engine(connection, folder)
