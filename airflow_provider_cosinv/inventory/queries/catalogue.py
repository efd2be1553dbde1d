# SPDX-License-Identifier: Apache-2.0
"""Ready-made queries over the table ``inventory``: ``docs/queries.md`` says what each of them answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted, shown
from airflow_provider_cosinv.inventory.queries.arguments import (
    MOST_DEPTH,
    REQUIRED,
    Argument,
    read_edges,
    read_limit,
    read_minimum,
    read_moment,
    read_prices,
    read_switch,
    whole_number,
)
from airflow_provider_cosinv.inventory.queries.columns import QueryTable
from airflow_provider_cosinv.inventory.queries.objects import duplicates, largest_objects
from airflow_provider_cosinv.inventory.queries.storage_cost import storage_cost
from airflow_provider_cosinv.inventory.queries.sums import (
    by_age,
    by_class_and_prefix,
    by_multipart,
    by_prefix,
    by_replication_status,
    by_storage_class,
)
from airflow_provider_cosinv.inventory.queries.versions import deleted_keys, noncurrent_versions


@dataclass(frozen=True)
class ReadyQuery:
    """
    A ready-made query.

    :param name: of it
    :param summary: what it answers
    :param needs: the columns that it cannot do without
    :param make: makes the SQL of a :class:`QueryTable` and the checked arguments
    :param arguments: that it takes, by name
    """

    name: str
    summary: str
    needs: tuple[str, ...]
    make: Callable[..., str]
    arguments: Mapping[str, Argument] = field(default_factory=dict)


_DEPTH = Argument("folders that make a prefix", whole_number(at_least=0, at_most=MOST_DEPTH), 1)
_LIMIT = Argument("rows at most, None for all", read_limit)
_BY_PREFIX = {"depth": _DEPTH, "limit": _LIMIT}
_VERSIONS = ("IsLatest", "IsDeleteMarker", "Size")

#: The ready-made queries, by name.
READY_QUERIES: dict[str, ReadyQuery] = {
    query.name: query
    for query in (
        ReadyQuery(
            "by_storage_class", "Objects and bytes by storage class.", ("StorageClass", "Size"), by_storage_class
        ),
        ReadyQuery(
            "by_prefix",
            "Objects and bytes by prefix, with share and cumulative share.",
            ("Key", "Size"),
            by_prefix,
            _BY_PREFIX,
        ),
        ReadyQuery(
            "by_class_and_prefix",
            "Objects and bytes by storage class and prefix.",
            ("StorageClass", "Key", "Size"),
            by_class_and_prefix,
            _BY_PREFIX,
        ),
        ReadyQuery(
            "by_age",
            "Objects and bytes by age.",
            ("LastModifiedDate", "Size"),
            by_age,
            {
                "edges": Argument("days at which a bucket ends", read_edges, [7, 30, 90, 180, 365]),
                "now": Argument("time that age is counted from, ISO 8601 with a zone, None for now", read_moment),
            },
        ),
        ReadyQuery(
            "largest_objects",
            "The largest objects or versions.",
            ("Key", "Size"),
            largest_objects,
            {"limit": Argument("rows at most", whole_number(at_least=1), 100)},
        ),
        ReadyQuery(
            "duplicates",
            "Objects of the same ETag and size, with the bytes that all but one of them take.",
            ("Key", "Size", "ETag"),
            duplicates,
            {
                "min_bytes": Argument("bytes of the smallest objects to look at", whole_number(at_least=1), 1),
                "current_only": Argument("leave out versions that are not the latest", read_switch, default=False),
                "limit": Argument("rows at most, None for all", read_limit, 100),
            },
        ),
        ReadyQuery(
            "by_multipart",
            "Objects and bytes by whether they were uploaded in parts, and by prefix.",
            ("IsMultipartUploaded", "Key", "Size"),
            by_multipart,
            _BY_PREFIX,
        ),
        ReadyQuery(
            "noncurrent_versions",
            "Versions that are not the latest ones, and delete markers, by storage class and prefix.",
            (*_VERSIONS, "Key"),
            noncurrent_versions,
            _BY_PREFIX,
        ),
        ReadyQuery(
            "deleted_keys",
            "Keys whose latest version is a delete marker, and what lies below it, by prefix.",
            (*_VERSIONS, "Key"),
            deleted_keys,
            _BY_PREFIX,
        ),
        ReadyQuery(
            "by_replication_status",
            "Objects and bytes by the state of replication.",
            ("ReplicationStatus", "Size"),
            by_replication_status,
        ),
        ReadyQuery(
            "storage_cost",
            "What a month of storage costs, by storage class, at prices that you give.",
            ("StorageClass", "Size"),
            storage_cost,
            {
                "prices": Argument("price of a GB (1,024 MB) and month, by storage class", read_prices, REQUIRED),
                "minimum_bytes": Argument(
                    "bytes that the smallest object counts as, by storage class", read_minimum, {}
                ),
            },
        ),
    )
}


def ready_query(
    name: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    columns: Iterable[str] | None = None,
    encoded: bool = False,
    at_depth: Callable[[int], str | None] = lambda _: None,
) -> str:
    """
    Return the SQL of a ready-made query: one SELECT over the table ``inventory``.

    :param name: of :data:`READY_QUERIES`
    :param arguments: of the query, by name; what is left out has its default
    :param columns: that the table has. With them a missing one is an error here, and columns that a query can do
        without are used where they are there; without them, they are not
    :param encoded: for a table that has ``inventory_encoded`` beside it, with keys as the data file has them, and the
        macro ``decode_key``: a query that wants only the beginning of keys then decodes no more than that
    :param at_depth: :meth:`Relation.at_depth` of the table. The SQL may then name a table of its connection: ask that
        one, while its parts stay as they are
    :raises COSInventoryConfigurationError: where there is no such query, an argument is wrong or a column is missing
    """
    query = READY_QUERIES.get(name) if isinstance(name, str) else None
    if query is None:
        raise COSInventoryConfigurationError(
            f"There is no ready-made query {quoted(name)}.",
            parameter="query",
            hint=f"There are {', '.join(READY_QUERIES)}.",
        )
    values = _checked(query, {} if arguments is None else arguments)
    source = QueryTable(columns=None if columns is None else frozenset(columns), encoded=encoded, at_depth=at_depth)
    source.check(query.needs, query=name)
    return query.make(source, **values)


def _checked(query: ReadyQuery, arguments: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(arguments, Mapping):
        raise _refused(query, "query_arguments", f"is {quoted(arguments)}, not a mapping")
    for name in arguments:
        if name not in query.arguments:
            raise _refused(query, str(name), "is not an argument of it")
    values = {}
    for name, argument in query.arguments.items():
        value = arguments.get(name, argument.default)
        if value is REQUIRED:
            raise _refused(query, name, "is missing")
        try:
            values[name] = argument.read(value)
        except ValueError as error:
            raise _refused(query, name, str(error)) from None
    return values


def _refused(query: ReadyQuery, argument: str, what: str) -> COSInventoryConfigurationError:
    known = "; ".join(f"{name} ({known})" for name, known in query.arguments.items())
    return COSInventoryConfigurationError(
        f"The query {query.name}: {shown(argument)} {what}.",
        parameter=argument,
        hint=f"{query.name} takes {known}." if known else f"{query.name} takes no arguments.",
    )
