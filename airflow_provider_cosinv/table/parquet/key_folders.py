# SPDX-License-Identifier: Apache-2.0
"""
Rows of Parquet parts with the first folders of their keys, most of which are not read for it.

COS lists a bucket in the order of its keys. So the least and the greatest key of a row group, which its part tells,
mostly begin with the same folders; then all keys between them do. Keys are the larger half of what sums by folder read,
and of what they fetch where the parts lie on COS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_cosinv.inventory.queries.columns import FOLDERS, prefix_of
from airflow_provider_cosinv.inventory.queries.sql_text import literal
from airflow_provider_cosinv.table.parquet.read_parquet import exactly, parquet_table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: Names that no column of the parts may have.
TAKEN = frozenset({FOLDERS, "file_row_number"})

# Each is a SELECT that looks at its part: more of them take longer than the keys.
_MOST_LOOKS = 256
# Minimum share of rows whose folders the statistics reveal; below it the second pass costs more than it saves.
_LEAST_KNOWN = 0.25


class Piece(NamedTuple):
    """
    Rows of a part, one after the other.

    :param path: of the part
    :param start: number of the first row
    :param end: number of the row behind the last
    :param folders: that all their keys begin with, with the slash; None where they differ, or it is not known
    """

    path: str
    start: int
    end: int
    folders: str | None


def with_folders(connection: DuckDBPyConnection, paths: Sequence[str], *, depth: int) -> str | None:
    """
    Return SQL of a table of all rows, with a column :data:`FOLDERS`.

    :param connection: of DuckDB
    :param paths: of the parts
    :param depth: how many folders, at least 1
    :return: None where it would not pay
    """
    pieces = list(_pieces(connection, paths, depth))
    # DuckDB may write a path in another way, and what it calls it would be looked for once more.
    if not {piece.path for piece in pieces} <= set(paths):
        return None
    looks = _few_looks(pieces)
    known = sum(_rows(look) for (_, folders), look in looks.items() if folders is not None)
    if not known or known < _LEAST_KNOWN * _rows(pieces):
        return None
    selects = []
    for (path, folders), look in looks.items():
        value = prefix_of("Key", depth) if folders is None else literal(folders)
        selects.append(_some_rows(path, look, value) if path else _all_rows(look, value))
    return " UNION ALL BY NAME ".join(selects)


def _few_looks(pieces: Sequence[Piece]) -> dict[tuple[str, str | None], list[Piece]]:
    """
    Return the pieces that are read together, by their part and their folders.

    Where there are too many, the smallest lose their folders: their keys are read.

    :return: parts of one piece stand together under no path
    """
    looks: dict[tuple[str, str | None], list[Piece]] = {}
    for path, parts in groupby(pieces, key=lambda piece: piece.path):
        of_part = list(parts)
        for piece in of_part:
            looks.setdefault((path if len(of_part) > 1 else "", piece.folders), []).append(piece)
    known = sorted((look for look in looks if look[1] is not None), key=lambda look: _rows(looks[look]))
    left = Counter(path for path, _ in known)
    for look in known:
        if len(looks) <= _MOST_LOOKS:
            break
        path, _ = look
        looks.setdefault((path, None), []).extend(looks.pop(look))
        left[path] -= 1
        if path and not left[path]:
            looks.setdefault(("", None), []).extend(looks.pop((path, None)))
    return looks


def _rows(pieces: Sequence[Piece]) -> int:
    return sum(piece.end - piece.start for piece in pieces)


def _pieces(connection: DuckDBPyConnection, paths: Sequence[str], depth: int) -> Iterator[Piece]:
    groups = connection.execute(
        "SELECT file_name, row_group_num_rows, stats_min_value, stats_max_value, stats_null_count"
        " FROM parquet_metadata(?) WHERE path_in_schema = 'Key' ORDER BY file_name, row_group_id",
        [list(map(exactly, paths))],
    ).fetchall()
    for path, of_part in groupby(groups, key=lambda group: group[0]):
        start = 0
        for folders, together in groupby(of_part, key=lambda group: _common(*group[2:], depth=depth)):
            end = start + sum(group[1] for group in together)
            yield Piece(path, start, end, folders)
            start = end


def _common(least: str | None, greatest: str | None, nulls: int | None, *, depth: int) -> str | None:
    if least is None or greatest is None or nulls != 0:
        return None
    folders, other = (key.split("/", depth)[:depth] for key in (least, greatest))
    if folders != other or least.count("/") < depth or greatest.count("/") < depth:
        return None
    text = "".join(f"{folder}/" for folder in folders)
    # DuckDB may show a byte that cannot be printed as an escape.
    return text if text.isprintable() and "\\" not in text else None


def _some_rows(path: str, pieces: Sequence[Piece], value: str) -> str:
    # DuckDB skips the row groups that have none of these rows.
    numbers = " OR ".join(f"(file_row_number >= {piece.start} AND file_row_number < {piece.end})" for piece in pieces)
    return (
        f"SELECT * EXCLUDE (file_row_number), {value} AS {FOLDERS}"
        f" FROM {parquet_table([path], row_numbers=True)} WHERE {numbers}"
    )


def _all_rows(pieces: Sequence[Piece], value: str) -> str:
    return f"SELECT *, {value} AS {FOLDERS} FROM {parquet_table(dict.fromkeys(piece.path for piece in pieces))}"
