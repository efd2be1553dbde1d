# SPDX-License-Identifier: Apache-2.0
"""
A selection of a report, written as an inventory of its own. Comes with the extra ``table``.

What COS delivers (436/30622): data files, ``manifest.json``, ``manifest.checksum``. So COS Batch takes it as the list
of objects to work on, and this package reads it like any other report.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted, shown
from airflow_provider_cosinv.inventory.fields import BASE_FIELDS
from airflow_provider_cosinv.inventory.names import BucketName, check_inventory_id
from airflow_provider_cosinv.inventory.queries.sql_text import identifier
from airflow_provider_cosinv.inventory.report.layout import (
    CHECKSUM_NAME,
    MANIFEST_NAME,
    check_date,
    checksum_key,
    manifest_key,
    report_prefixes,
)
from airflow_provider_cosinv.inventory.report.manifest import DataFile, Manifest
from airflow_provider_cosinv.inventory.report.manifest_reader import parse_manifest
from airflow_provider_cosinv.inventory.text import check_text
from airflow_provider_cosinv.table.columns import TableColumn, table_columns
from airflow_provider_cosinv.table.parquet.read_parquet import parquet_table
from airflow_provider_cosinv.table.relation import Relation
from airflow_provider_cosinv.table.selection.data_files import kept_and_written, packed_pieces
from airflow_provider_cosinv.table.temporary_folder import writing_there

_ROWS_PER_FILE = 1_000_000
# Rows that these columns cannot tell apart are written in any order.
_ORDER = ("Key", "VersionId", "LastModifiedDate", "ETag")
_SUMMED = ("Size", "IsDeleteMarker")


@dataclass(frozen=True, kw_only=True)
class InventoryLocation:
    """
    Where an inventory goes.

    :param bucket: full name of the destination bucket
    :param prefix: of the keys, or None; slashes at its ends do not count
    :param inventory_id: of the inventory
    :param date: of the report, ``YYYYMMDD``
    """

    bucket: str
    prefix: str | None
    inventory_id: str
    date: str

    def __post_init__(self) -> None:
        """Check what can be checked without COS."""
        BucketName.parse(self.bucket, parameter="destination_bucket")
        check_inventory_id(self.inventory_id)
        check_date(self.date)
        segments = check_text(self.prefix or "", "destination_prefix").strip("/").split("/")
        if self.prefix and ({"", ".", ".."} & set(segments) or "\0" in self.prefix):
            raise COSInventoryConfigurationError(
                f"{quoted(self.prefix)} is not a valid destination prefix.",
                parameter="destination_prefix",
                hint="Write names with one slash between them, such as selections/daily.",
            )


@dataclass(frozen=True)
class WrittenInventory:
    """
    An inventory in a local folder.

    :param manifest: what it says of itself
    :param delete_markers: how many of its rows are delete markers; None if the report has no column IsDeleteMarker
    :param files: each local file and its key in the destination bucket, in the order in which they are to be uploaded:
        the data files, the manifest, and the checksum, for which readers wait
    """

    manifest: Manifest
    delete_markers: int | None
    files: tuple[tuple[Path, str], ...]


def write_inventory(
    relation: Relation,
    where: str,
    folder: Path,
    *,
    report: Manifest,
    location: InventoryLocation,
    columns: Sequence[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    rows_per_file: int = _ROWS_PER_FILE,
) -> WrittenInventory:
    """
    Write a selection of a report as an inventory.

    The rows are in the order of their keys, and their fields as COS wrote them; or, if the relation knows only values,
    fields that are read as the same values. The same selection gives the same files under the same names.

    :param relation: the table of the report, whole
    :param where: one condition in SQL over the columns of the table, true for the rows that are selected, not false or
        unknown; it may have subqueries over the table ``inventory``
    :param folder: to write to
    :param report: whose table it is; how much COS listed is taken over from it
    :param location: where the inventory will lie
    :param columns: of the report, that the inventory shall have; None is all. Without Appid, Bucket and Key nobody
        knows the objects, and without VersionId, where the report has it, COS Batch would act on the newest version
        in place of the selected one: these cannot be left out
    :param parameters: values for each ``$name`` in the condition
    :param rows_per_file: of a data file, at most
    :raises COSInventoryConfigurationError: where a parameter is wrong
    :raises COSInventoryCorruptReportError: where what was read is not what the report says
    :raises COSInventoryTransientError: where the disk of the temporary folder is full
    """
    if rows_per_file < 1:
        raise COSInventoryConfigurationError(f"{rows_per_file} rows make no file.", parameter="rows_per_file")
    source = BucketName.parse(report.source_bucket, parameter="manifest")
    destination = BucketName.parse(location.bucket, parameter="destination_bucket")
    root = report_prefixes(location.prefix, report.source_bucket, location.inventory_id)[0]
    key = manifest_key(root, location.date)
    if (location.bucket, key) == (report.bucket, report.manifest_key):
        raise COSInventoryConfigurationError(
            "The selection would overwrite the report that it is made of.",
            parameter="inventory_id",
            bucket=location.bucket,
            key=key,
            hint="Give the selection an inventory id of its own.",
        )
    chosen = _chosen(relation, report, columns)
    table = relation.with_fields()
    kept, fields = kept_and_written(chosen, has_fields=table is not None)
    # By itself, so that no parenthesis too many makes another query of it.
    relation.check(f"SELECT ({where}\n) FROM {identifier(relation.name)}", parameters=parameters)
    stage = relation.engine.new_file("selection.parquet")
    rows = relation.save(
        _stage_sql(relation, table or relation.name, where, kept, chosen),
        stage,
        options="FORMAT parquet, COMPRESSION zstd",
        parameters=parameters,
    )
    folder.mkdir(parents=True, exist_ok=True)
    connection = relation.engine.connection
    files: list[DataFile] = []
    local: list[Path] = []
    with relation.explained(), writing_there():
        for packed, size, md5 in packed_pieces(connection, stage, fields, rows_per_piece=rows_per_file):
            # Two pieces may be the same where a row stands twice, but two files may not.
            name = hashlib.md5(f"{len(files)} {md5}".encode(), usedforsecurity=False).hexdigest()
            files.append(DataFile(key=f"{root}/{name}.csv.gz", size=size, md5=md5))
            # Named here by its number: a part of a key may be longer than a file's name.
            local.append(folder / f"{len(local)}.csv.gz")
            shutil.move(packed, local[-1])
        total, delete_markers = _sums(relation, stage)
    described = {
        "sourceAppid": source.appid,
        "sourceBucket": source.name,
        "destinationAppid": destination.appid,
        "destinationBucket": destination.name,
        "fileFormat": "CSV",
        **_numbers(report, rows, total),
        "fileSchema": ", ".join(column.source for column in chosen),
        "files": [{"key": file.key, "size": str(file.size), "md5Checksum": file.md5} for file in files],
    }
    stage.unlink()
    body = json.dumps(described, indent=1, ensure_ascii=False).encode()
    checksum = hashlib.md5(body, usedforsecurity=False).hexdigest()
    local += [folder / MANIFEST_NAME, folder / CHECKSUM_NAME]
    with writing_there():
        local[-2].write_bytes(body)
        local[-1].write_text(checksum)
    # Read back as anybody would: what this package does not take must not be published.
    manifest = parse_manifest(body, bucket=location.bucket, region=report.region, key=key, checksum=checksum)
    names = [*(file.key for file in files), key, checksum_key(root, location.date)]
    return WrittenInventory(manifest, delete_markers, tuple(zip(local, names, strict=True)))


def _chosen(relation: Relation, report: Manifest, columns: Sequence[str] | None) -> tuple[TableColumn, ...]:
    there = table_columns(report.columns)
    if strange := [column.name for column in there if column.name not in relation.columns]:
        raise COSInventoryConfigurationError(
            f"The table has no column {shown(', '.join(strange))}: it is not that of the report.",
            parameter="manifest",
            hint="Pass the manifest of the report whose table it is.",
        )
    return chosen_columns(report, columns)


def chosen_columns(report: Manifest, columns: Sequence[str] | None) -> tuple[TableColumn, ...]:
    """
    Return the columns of a selection, in the order of the report's.

    :param report: whose objects are selected
    :param columns: names, as :func:`write_inventory` takes them
    :raises COSInventoryConfigurationError: if one is not the report's, or one is missing that must be among them
    """
    there = table_columns(report.columns)
    if columns is None:
        return there
    if (
        isinstance(columns, str)
        or not isinstance(columns, Iterable)
        or not all(isinstance(name, str) for name in columns)
    ):
        raise COSInventoryConfigurationError(
            f"{quoted(columns)} is not a list of columns.",
            parameter="columns",
            hint='Give a list, such as ["Appid", "Bucket", "Key", "Size"].',
        )
    wanted = {name.lower() for name in columns}
    known = {name.lower() for column in there for name in (column.name, column.source)}
    needed = [column for column in there if column.name in (*BASE_FIELDS, "VersionId")]
    unknown = [name for name in columns if name.lower() not in known]
    missing = [column.source for column in needed if not wanted & {column.name.lower(), column.source.lower()}]
    if unknown or missing:
        problem = (
            f"the report has no {shown(', '.join(unknown))}" if unknown else f"{', '.join(missing)} must be among them"
        )
        raise COSInventoryConfigurationError(
            f"These columns make no inventory: {problem}.",
            parameter="columns",
            hint=f"The report has {shown(', '.join(report.columns))}.",
        )
    return tuple(column for column in there if wanted & {column.name.lower(), column.source.lower()})


def _stage_sql(relation: Relation, table: str, where: str, kept: Sequence[str], chosen: Iterable[TableColumn]) -> str:
    names = {column.name for column in chosen}
    # The manifest has the sum of the sizes; delete markers are counted.
    summed = [identifier(name) for name in _SUMMED if name in relation.columns and name not in names]
    order = [name for name in _ORDER if name in names]
    # The condition begins on the first line, where errors say that it does, and may end in a comment.
    return (
        f"SELECT {', '.join([*kept, *summed])} FROM {identifier(table)} AS {identifier(relation.name)}"
        f" WHERE ({where}\n) ORDER BY {', '.join(map(identifier, order))}"
    )


def _sums(relation: Relation, stage: Path) -> tuple[int | None, int | None]:
    """Return the bytes and the delete markers of what was selected; None for what the report does not tell."""
    has_size, has_markers = (name in relation.columns for name in _SUMMED)
    sums = (
        "coalesce(sum(Size), 0)::HUGEINT" if has_size else "max(NULL)",
        # An unknown one is none.
        "count(*) FILTER (IsDeleteMarker)" if has_markers else "max(NULL)",
    )
    ((size, markers),) = relation.engine.connection.execute(
        f"SELECT {', '.join(sums)} FROM {parquet_table([str(stage)])}"
    ).fetchall()
    return size, markers


def _numbers(report: Manifest, rows: int, size: int | None) -> dict[str, str]:
    numbers = {
        "listObjectCount": report.listed_objects,
        "listStorageSize": report.listed_bytes,
        "filterObjectCount": rows,
        "filterStorageSize": size,
    }
    return {name: str(number) for name, number in numbers.items() if number is not None}
