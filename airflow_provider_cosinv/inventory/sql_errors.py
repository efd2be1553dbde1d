# SPDX-License-Identifier: Apache-2.0
"""What DuckDB says of files and of lines of SQL, in this package's words."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryError,
    COSInventoryTransientError,
    shown,
)
from airflow_provider_cosinv.inventory.temporary_folder import may_pass


def no_room(error: Exception) -> COSInventoryTransientError:
    """Return the error of a temporary folder that takes no more."""
    return COSInventoryTransientError(
        f"DuckDB could not use its temporary folder: {shown(error)}",
        parameter="temp_directory",
        hint="Make room on the disk of temp_directory, or give it another.",
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
