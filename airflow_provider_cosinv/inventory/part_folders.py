# SPDX-License-Identifier: Apache-2.0
"""
Rows of Parquet parts with the first folders of their keys, most of which are not read for it.

COS lists a bucket in the order of its keys. So the least and the greatest key of a row group, which its part tells,
mostly begin with the same folders; then all keys between them do. Keys are the larger half of what sums by folder read,
and of what they fetch where the parts lie on COS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_cosinv.inventory.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: The column that the rows get.
FOLDERS = "key_folders"

# Each looks at its part: more of them take longer than the keys.
_MOST_SELECTS = 256
# Of the rows, that have known folders; below it, reading twice from a part costs what is saved.
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


def with_folders(
    connection: DuckDBPyConnection, paths: Sequence[str], *, depth: int, cut: Callable[[str], str]
) -> str | None:
    """
    Return SQL of a table of all rows, with a column :data:`FOLDERS`.

    :param connection: of DuckDB
    :param paths: of the parts
    :param depth: how many folders, at least 1
    :param cut: returns SQL that cuts them off a key that is given as SQL
    :return: None where it would not pay
    """
    pieces = list(_pieces(connection, paths, depth))
    rows = sum(piece.end - piece.start for piece in pieces)
    known = sum(piece.end - piece.start for piece in pieces if piece.folders is not None)
    if not known or known < _LEAST_KNOWN * rows:
        return None
    whole: dict[str | None, list[str]] = {}
    some: dict[tuple[str, str | None], list[Piece]] = {}
    for path, parts in groupby(pieces, key=lambda piece: piece.path):
        of_part = list(parts)
        if len(of_part) == 1:
            whole.setdefault(of_part[0].folders, []).append(path)
            continue
        for piece in of_part:
            some.setdefault((path, piece.folders), []).append(piece)
    selects = [_all_rows(group, folders, cut) for folders, group in whole.items()]
    selects += [_some_rows(path, group, folders, cut) for (path, folders), group in some.items()]
    return None if len(selects) > _MOST_SELECTS else " UNION ALL BY NAME ".join(selects)


def _pieces(connection: DuckDBPyConnection, paths: Sequence[str], depth: int) -> Iterator[Piece]:
    groups = connection.execute(
        "SELECT file_name, row_group_num_rows, stats_min_value, stats_max_value, stats_null_count"
        " FROM parquet_metadata(?) WHERE path_in_schema = 'Key' ORDER BY file_name, row_group_id",
        [list(paths)],
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


def _some_rows(path: str, pieces: Sequence[Piece], folders: str | None, cut: Callable[[str], str]) -> str:
    # DuckDB skips the row groups that have none of these rows.
    numbers = " OR ".join(f"(file_row_number >= {piece.start} AND file_row_number < {piece.end})" for piece in pieces)
    return (
        f"SELECT * EXCLUDE (file_row_number), {_folders(folders, cut)}"
        f" FROM read_parquet({literal(path)}, file_row_number => true) WHERE {numbers}"
    )


def _all_rows(paths: Sequence[str], folders: str | None, cut: Callable[[str], str]) -> str:
    return f"SELECT *, {_folders(folders, cut)} FROM read_parquet([{', '.join(map(literal, paths))}])"


def _folders(folders: str | None, cut: Callable[[str], str]) -> str:
    return f"{cut('Key') if folders is None else literal(folders)} AS {FOLDERS}"
