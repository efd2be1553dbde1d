# SPDX-License-Identifier: Apache-2.0
"""What a ready-made query reads, and how it cuts prefixes off keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory.fields import VERSION_FIELDS

#: Name of the column that has the first folders of keys, in a table of :attr:`QueryTable.at_depth`.
FOLDERS = "key_folders"

#: SQL of the rows that are no delete markers. COS may leave the column empty for objects: unknown is an object.
IS_OBJECT = "IsDeleteMarker IS NOT TRUE"


@dataclass(frozen=True)
class QueryTable:
    """
    The table that a query reads.

    :param columns: that the table has; None where that is not known, and then only those that a query needs are used
    :param encoded: the table is ``inventory_encoded`` where a query wants no more of a key than its beginning
    :param at_depth: names a table that has the first folders of keys in a column; None where there is none
    """

    columns: frozenset[str] | None
    encoded: bool
    at_depth: Callable[[int], str | None]

    def has(self, column: str) -> bool:
        """Return whether the table surely has a column that a query can do without."""
        return self.columns is not None and column in self.columns

    def optional(self, column: str, kind: str) -> str:
        """Return a column as SQL, or NULL of its type."""
        return column if self.has(column) else f"NULL::{kind}"

    @property
    def is_object(self) -> str:
        """SQL of the rows that are no delete markers, as far as the table tells."""
        return IS_OBJECT if self.has("IsDeleteMarker") else "true"

    def check(self, needs: Iterable[str], *, query: str) -> None:
        """
        Check that the table has all columns that a query needs.

        :raises COSInventoryConfigurationError: where it has not; it says how to order them
        """
        missing = [] if self.columns is None else [column for column in needs if column not in self.columns]
        if not missing:
            return
        fields = [column for column in missing if column not in VERSION_FIELDS]
        asked = [f"optional_fields that have {' and '.join(fields)}"] if fields else []
        if len(fields) < len(missing):
            asked.append('included_object_versions="All"')
        raise COSInventoryConfigurationError(
            f"The query {query} needs columns that the report does not have: {', '.join(missing)}.",
            parameter="query",
            hint=f"Take an inventory with {', and with '.join(asked)}.",
        )


def prefix_of(key: str, depth: int) -> str:
    """
    Return SQL for the first folders of a key, with the last one's slash; less where the key has fewer.

    :param key: SQL
    :param depth: folders
    """
    if depth == 0:
        return "''"
    if depth == 1:  # in half the time of the regular expression
        return f"substring({key}, 1, instr({key}, '/'))"
    return f"regexp_extract({key}, '^(?:[^/]*/){{0,{depth}}}')"


def encoded_prefix_of(key: str, depth: int) -> str:
    """
    Return SQL for the beginning of a percent-encoded key that has the folders of :func:`prefix_of`, or a few more.

    Whether COS encodes a slash is not documented.
    """
    if depth == 0:
        return "''"
    if depth == 1:
        return (
            f"CASE WHEN contains({key}, '/') THEN substring({key}, 1, instr({key}, '/'))"
            f" ELSE regexp_extract({key}, '(?s)^.*?%2[Ff]') END"
        )
    return f"regexp_extract({key}, '(?s)^(?:.*?(?:/|%2[Ff])){{0,{depth}}}')"
