# SPDX-License-Identifier: Apache-2.0
"""What DuckDB says of files and of lines of SQL, in this package's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryError,
    COSInventoryTransientError,
    shown,
)
from airflow_provider_cosinv.table.temporary_folder import may_pass

#: What to do about SQL that reaches beyond what it may read.
INPUTS_ONLY = (
    "It may read the task's inputs only. If whoever writes the SQL may have all that the worker has, set "
    "allow_external_access=True."
)

_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)
_CONFINED = re.compile(
    r'Cannot access (?:file|directory) "(?P<path>.*)" - file system operations are disabled by configuration'
    r"|Loading external extensions is disabled|the configuration has been locked",
    re.DOTALL,
)

# DuckDB's lock does not hold them before 2.0: the log goes where the SQL says, and ends the process if that is nowhere
# allowed. The last one runs SQL that no plan shows.
_CHANGING = frozenset({"ENABLE_LOGGING", "DISABLE_LOGGING", "TRUNCATE_DUCKDB_LOGS", "JSON_EXECUTE_SERIALIZED_SQL"})


def check_functions(plan: Mapping[str, Any]) -> None:
    """
    Refuse a query that calls a function by which SQL changes DuckDB.

    :param plan: of the query, as DuckDB explains it in JSON
    :raises COSInventoryConfigurationError: if it does
    """
    if plan.get("name", "").strip() in _CHANGING:
        raise confined()
    for child in plan.get("children", ()):
        check_functions(child)


def no_room(error: Exception) -> COSInventoryTransientError:
    """Return the error of a temporary folder that takes no more."""
    return COSInventoryTransientError(
        f"DuckDB could not use its temporary folder: {shown(error)}",
        parameter="temp_directory",
        hint="Make room on the disk of temp_directory, or give it another.",
    )


def is_confined(error: Exception) -> bool:
    """Return whether DuckDB refused what :func:`~.engine.open_engine` does not allow SQL."""
    return _CONFINED.search(str(error)) is not None


def confined(error: Exception | None = None) -> COSInventoryConfigurationError:
    """
    Return the error of SQL that reaches beyond what it may read.

    :param error: DuckDB's, see :func:`is_confined`; None if it was not asked
    """
    found = _CONFINED.search(str(error))
    path = found["path"] if found else None
    return COSInventoryConfigurationError(
        "SQL may not load extensions or change settings."
        if path is None
        else f"SQL may not read or write {shown(path)}.",
        parameter="sql",
        hint=INPUTS_ONLY,
    )


def of_a_file(error: Exception, *, folder: Path) -> COSInventoryError:
    """
    Return the error of a file that could not be read or written.

    :param error: DuckDB's
    :param folder: the engine's
    """
    # The SQL does not know the folder: only its disk can be at fault.
    if folder.name in str(error):
        return no_room(error)
    message = f"DuckDB could not read or write a file. {shown(error)}"
    if may_pass(str(error)):
        return COSInventoryTransientError(message, hint="Check the disk, or the network share, that it is on.")
    return COSInventoryConfigurationError(message, hint="Check the paths in the SQL.")


def positioned(text: str, *, lines_before: int | None) -> str:
    """
    Return the text of an error in one line, with the line of the user's SQL and a caret before the place in it.

    :param text: DuckDB's; it may hold values of rows
    :param lines_before: of the statement, before the user's SQL; None where a line would not be one of it
    """
    what, _, position = text.rpartition("\n\nLINE ")
    if not what:
        return shown(text)
    number, _, lines = position.partition(": ")
    sql, _, pointer = lines.partition("\n")
    if lines_before is None or not number.isdecimal():
        return shown(what)
    # DuckDB's second line has the caret below the first one, which begins with LINE and the number.
    place = max(pointer.find("^") - len(f"LINE {number}: "), 0)
    return f"{shown(what)} LINE {int(number) - lines_before}: {shown(f'{sql[:place]}^{sql[place:]}')}"
