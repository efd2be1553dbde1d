# SPDX-License-Identifier: Apache-2.0
"""What two reports are compared by, and the SQL that compares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory.queries.sql_text import identifier, one_class

#: An object is changed where one of them is another.
CONTENT_COLUMNS = ("Size", "ETag", "StorageClass")

_VERSION = "VersionId"
_TIME = "LastModifiedDate"


@dataclass(frozen=True)
class Comparison:
    """
    What two reports are compared by.

    :param content: those of ``Size``, ``ETag`` and ``StorageClass`` that both have
    :param has_versions: a row is an object version, not an object
    :param has_time: the current report says when an object was last modified
    """

    content: tuple[str, ...]
    has_versions: bool
    has_time: bool

    @classmethod
    def of(cls, previous_columns: Sequence[str], current_columns: Sequence[str]) -> Comparison:
        """
        Return what two reports can be compared by.

        A column that decides what is changed must be in both reports, or in neither: comparing by fewer columns than
        a report has would keep silent about changes. All other columns may differ.

        :param previous_columns: of the earlier report's table
        :param current_columns: of the later one's
        :raises COSInventoryConfigurationError: where they cannot be compared
        """
        wanted = ("Key", _VERSION, *CONTENT_COLUMNS)
        only = [
            f"{', '.join(missing)} only in the {name} report"
            for name, has, other in (
                ("previous", previous_columns, current_columns),
                ("current", current_columns, previous_columns),
            )
            if (missing := [column for column in wanted if column in has and column not in other])
        ]
        if only:
            raise COSInventoryConfigurationError(
                f"The two reports cannot be compared: {', '.join(only)}.",
                parameter="previous",
                hint="Take both with the same included_object_versions and with the same of the optional_fields "
                "Size, ETag and StorageClass.",
            )
        content = tuple(column for column in CONTENT_COLUMNS if column in current_columns)
        if not {"Size", "ETag"} & set(content):
            raise COSInventoryConfigurationError(
                "The two reports cannot be compared: they have neither Size nor ETag.",
                parameter="previous",
                hint="Take them with the optional_fields Size and ETag.",
            )
        return cls(content, has_versions=_VERSION in current_columns, has_time=_TIME in current_columns)

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that say which object, or version of it, a row is about."""
        return ("Key", _VERSION) if self.has_versions else ("Key",)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the difference, in order."""
        both = [f"{age}{column}" for column in self.content for age in ("Old", "New")]
        return ("change", *self.identity, *both, *((_TIME,) if self.has_time else ()))

    @property
    def previous_columns(self) -> tuple[str, ...]:
        """The columns of the earlier report that are read."""
        return (*self.identity, *self.content)

    @property
    def current_columns(self) -> tuple[str, ...]:
        """The columns of the later report that are read."""
        return (*self.previous_columns, *((_TIME,) if self.has_time else ()))


def difference_sql(comparison: Comparison, *, previous: str, current: str, condition: str = "true") -> str:
    """
    Return one SELECT of what is added, removed and changed.

    A key that a report has twice, such as one whose object was replaced during the scan, makes several rows;
    :func:`distinct_sql` leaves one of them.

    :param comparison: of the two reports
    :param previous: SQL of the earlier report's table
    :param current: SQL of the later one's
    :param condition: SQL over ``Key``, of the rows to compare
    """
    values = ["CASE WHEN p.Key IS NULL THEN 'added' WHEN c.Key IS NULL THEN 'removed' ELSE 'changed' END AS change"]
    values += [f"coalesce(c.{name}, p.{name}) AS {name}" for name in comparison.identity]
    values += [
        f"{side}.{name} AS {age}{name}" for name in comparison.content for side, age in (("p", "Old"), ("c", "New"))
    ]
    values += [f"c.{_TIME}"] if comparison.has_time else []
    differs = ["p.Key IS NULL", "c.Key IS NULL", *(_differs(name) for name in comparison.content)]
    return (
        f"SELECT {', '.join(values)}"
        f" FROM (SELECT {', '.join(comparison.previous_columns)} FROM {previous} WHERE {condition}) AS p"
        f" FULL JOIN (SELECT {', '.join(comparison.current_columns)} FROM {current} WHERE {condition}) AS c"
        f" ON {_is_same(comparison)} WHERE {' OR '.join(differs)}"
    )


def distinct_sql(comparison: Comparison, difference: str) -> str:
    """
    Return one SELECT of a difference in which a key, or version, stands once, or not at all if nothing of it changed.

    A key that both reports list with the same values is unchanged, however often they do: of several rows of a report,
    each differs from the other report's others.

    :param comparison: of the two reports
    :param difference: SQL of its table
    """
    identity = ", ".join(comparison.identity)
    others = [name for name in comparison.columns if name not in ("change", *comparison.identity, _TIME)]
    latest = [f"{name} DESC NULLS LAST" for name in ((_TIME,) if comparison.has_time else ()) + tuple(others)]
    # Values that only one report has are in a pair with each row of the other; so all of them are in the difference.
    old, new = (
        f"list_sort(list(DISTINCT row({', '.join(_comparable(f'{age}{name}', name) for name in comparison.content)})))"
        for age in ("Old", "New")
    )
    same = (
        f"SELECT {identity} FROM {difference} GROUP BY {identity}"
        f" HAVING min(change) = 'changed' AND {old} IS NOT DISTINCT FROM {new}"
    )
    return (
        f"SELECT DISTINCT ON ({identity}) p.* FROM {difference} AS p ANTI JOIN ({same}) AS c"
        f" ON {_is_same(comparison)} ORDER BY {', '.join(latest)}"
    )


def repeated_sql(comparison: Comparison, difference: str) -> str:
    """
    Return one SELECT of whether a key, or version, stands in a difference twice.

    :param comparison: of the two reports
    :param difference: SQL of its table
    """
    identity = ", ".join(comparison.identity)
    return f"SELECT EXISTS (SELECT 1 FROM {difference} GROUP BY {identity} HAVING count(*) > 1)"


def counts_sql(comparison: Comparison, difference: str) -> str:
    """
    Return one SELECT of the counts: added, removed, changed, and the bytes of each where sizes are compared.

    The bytes of what is changed are those by which it has grown, negative where it has shrunk.

    :param comparison: of the two reports
    :param difference: SQL of its table, in which a key stands once
    """
    kinds = ("added", "removed", "changed")
    counts = [f"count(*) FILTER (change = '{kind}')" for kind in kinds]
    size = {"added": "NewSize", "removed": "OldSize", "changed": "coalesce(NewSize, 0) - coalesce(OldSize, 0)"}
    for kind in kinds:
        total = f"coalesce(sum({size[kind]}) FILTER (change = '{kind}'), 0)::HUGEINT"
        counts.append(total if "Size" in comparison.content else "NULL")
    return f"SELECT {', '.join(counts)} FROM {difference}"


def most_listings_sql(comparison: Comparison, table: str, *, buckets: int) -> str:
    """
    Return one SELECT of the most rows of a report whose keys, or versions, may be one.

    :param comparison: of the two reports
    :param table: SQL of the report's table
    :param buckets: that identities are counted in, by their hashes: a power of two
    """
    bucket = f"hash({', '.join(comparison.identity)}) & {buckets - 1}"
    return f"SELECT coalesce(max(listed), 0) FROM (SELECT count(*) AS listed FROM {table} GROUP BY {bucket})"


def reduced_sql(comparison: Comparison, table: str, *, condition: str, columns: Sequence[str]) -> str:
    """
    Return one SELECT of a report in which rows of the same key, or version, and the same values are one.

    :param comparison: of the two reports
    :param table: SQL of the report's table
    :param condition: SQL over ``Key``, of the rows
    :param columns: that are read
    """
    names = ", ".join(comparison.previous_columns)
    latest = f", max({_TIME}) AS {_TIME}" if _TIME in columns else ""
    return f"SELECT {names}{latest} FROM {table} WHERE {condition} GROUP BY {names}"


def pairs_sql(comparison: Comparison, *, previous: str, current: str) -> str:
    """
    Return one SELECT of the pairs that the keys, or versions, make which both reports list more than once.

    :param comparison: of the two reports
    :param previous: SQL of the earlier report's table
    :param current: SQL of the later one's
    """
    names = ", ".join(comparison.identity)
    repeated = f"(SELECT {names}, count(*) AS listed FROM {{}} GROUP BY {names} HAVING count(*) > 1)"
    return (
        f"SELECT coalesce(sum(p.listed * c.listed), 0)::HUGEINT FROM {repeated.format(previous)} AS p"
        f" JOIN {repeated.format(current)} AS c ON {_is_same(comparison)}"
    )


def identities_sql(comparison: Comparison, table: str, *, condition: str = "true") -> str:
    """
    Return one SELECT of how many keys, or versions, a report lists.

    :param comparison: of the two reports
    :param table: SQL of the report's table
    :param condition: SQL over ``Key``, of the rows to count
    """
    names = ", ".join(comparison.identity)
    return f"SELECT count(*) FROM (SELECT DISTINCT {names} FROM {table} WHERE {condition})"


def _is_same(comparison: Comparison) -> str:
    """Return SQL that is true where the tables ``p`` and ``c`` tell of one key, or version."""
    # NULL is a version id, too: that of an object put before the bucket had versions.
    return " AND ".join(
        ["p.Key = c.Key", *(f"p.{name} IS NOT DISTINCT FROM c.{name}" for name in comparison.identity[1:])]
    )


def _differs(column: str) -> str:
    old, new = (f"{side}.{identifier(column)}" for side in ("p", "c"))
    text = f"{old} IS DISTINCT FROM {new}"
    if column != "StorageClass":
        return text
    # COS spells a class in more than one way; nearly all pairs are equal at the first glance.
    return f"({text} AND {_comparable(old, column)} IS DISTINCT FROM {_comparable(new, column)})"


def _comparable(value: str, column: str) -> str:
    """Return SQL of a value, equal for all values of the column that are no change."""
    return one_class(value) if column == "StorageClass" else value
