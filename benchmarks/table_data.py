# SPDX-License-Identifier: Apache-2.0
"""
Reports of a made-up bucket, as COS would deliver them, for ``python -m benchmarks.table``.

The same rows come out each time. Keys are 20 to 120 characters long and in key order; about four in ten hold
something that is percent-encoded: Chinese names, blanks, ``+``, ``=``, quotes and commas. Four rows in ten have tags,
some of them with quotes, which CSV doubles. All fields are quoted. Needs DuckDB, which makes millions of rows in
seconds.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.inventory.report.layout import checksum_key, manifest_key
from airflow_provider_cosinv.inventory.report.manifest import Manifest
from airflow_provider_cosinv.inventory.report.manifest_reader import parse_manifest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BUCKET = "inventorybucket-1250000000"
REGION = "ap-guangzhou"
COLUMNS = (
    "Appid",
    "Bucket",
    "Key",
    "Size",
    "LastModifiedDate",
    "ETag",
    "StorageClass",
    "IsMultipartUploaded",
    "ReplicationStatus",
    "Tag",
    "Crc64",
)
_REPORT = "cos_bucket_inventory/1250000000/examplebucket/benchmark"
_DATES = {"first": "20261115", "second": "20261122", "tenfold": "20261129"}
_COPIES = 10
# Changes with the rows, so that no older folder is taken for these.
_EDITION = 1

# d is the MD5 of the row's number, a and b are two numbers of it.
_NUMBERS = (
    "SELECT i, d, (md5_number_lower(d) >> 1)::BIGINT AS a, (md5_number_upper(d) >> 1)::BIGINT AS b"
    " FROM (SELECT i, md5('benchmark' || i) AS d FROM range({numbers}) AS numbers(i))"
)
_KEY = """
    CASE a % 20
    WHEN 0 THEN '用户上传/' || b % 9000 || '/合同扫描件 ' || substr(d, 1, 12) || '.pdf'
    WHEN 1 THEN '用户上传/' || b % 9000 || '/头像/' || substr(d, 1, 8 + (b % 16)::INT) || '.png'
    WHEN 2 THEN '数据备份/2026-' || lpad((1 + b % 12)::VARCHAR, 2, '0') || '/订单表-' || d || '.sql.gz'
    WHEN 3 THEN 'export/it''s "final", v' || b % 9 || ' (' || substr(d, 1, 10) || ').docx'
    WHEN 4 THEN 'mail/' || b % 500 || '/RE: a+b & c' || substr(d, 1, 8) || '.eml'
    WHEN 5 THEN 'warehouse/sales/orders/dt=2026-' || lpad((1 + b % 12)::VARCHAR, 2, '0') || '-'
        || lpad((1 + a // 32 % 28)::VARCHAR, 2, '0') || '/part-' || substr(d, 1, 20) || '.snappy.parquet'
    WHEN 6 THEN 'warehouse/events/hour=' || b % 24 || '/part-00000-' || d || d || '-c000.zstd.parquet'
    WHEN 7 THEN 'video/' || substr(d, 1, 9) || '/seg-' || lpad((b % 1000)::VARCHAR, 5, '0') || '.ts'
    WHEN 8 THEN 'video/' || substr(d, 1, 9) || '/index.m3u8'
    WHEN 9 THEN 'backup/mysql/db' || b % 40 || '/' || d || '/xtrabackup-' || substr(d, 5, 16) || '.xbstream'
    WHEN 10 THEN 'backup/etcd/snapshot-' || d || '.db'
    WHEN 11 THEN 'tmp/' || substr(d, 1, 16 + (b % 16)::INT)
    WHEN 12 THEN 'static/js/chunk-' || substr(d, 1, 8) || '.' || substr(d, 9, 8) || '.js'
    WHEN 13 THEN 'static/img/' || substr(d, 1, 2) || '/' || d || '@2x.webp'
    WHEN 14 THEN 'images/' || substr(d, 1, 2) || '/' || substr(d, 3, 2) || '/' || d || '.jpg'
    WHEN 15 THEN 'images/' || substr(d, 1, 2) || '/' || substr(d, 3, 2) || '/' || d || '_thumbnail_320x240.jpg'
    ELSE 'logs/service-' || b % 30 || '/2026/' || lpad((1 + a // 32 % 12)::VARCHAR, 2, '0') || '/'
        || lpad((1 + b // 32 % 28)::VARCHAR, 2, '0') || '/' || lpad((a // 512 % 24)::VARCHAR, 2, '0') || '/access-'
        || substr(d, 1, 12) || '.log.gz' END
"""
_ROW = """
    '1250000000' AS Appid, 'examplebucket' AS Bucket,
    replace(url_encode(key), '%2F', '/') AS Key,
    size::VARCHAR AS Size,
    strftime(make_timestamp((1704067200 + a // 7 % 90000000 + 86400 * changed) * 1000000), '%Y-%m-%dT%H:%M:%S.000Z')
        AS LastModifiedDate,
    CASE WHEN size > 16777216 THEN md5(d || changed) || '-' || (1 + size // 8388608) ELSE md5(d || changed) END AS ETag,
    CASE WHEN b // 64 % 20 < 13 THEN 'STANDARD' WHEN b // 64 % 20 < 16 THEN 'STANDARD_IA'
        WHEN b // 64 % 20 < 17 THEN 'INTELLIGENT_TIERING' WHEN b // 64 % 20 < 19 THEN 'ARCHIVE'
        ELSE 'DEEP_ARCHIVE' END AS StorageClass,
    CASE WHEN size > 16777216 THEN 'True' ELSE 'False' END AS IsMultipartUploaded,
    CASE WHEN a // 1024 % 4 = 0 THEN 'COMPLETED' ELSE '' END AS ReplicationStatus,
    CASE WHEN a // 4096 % 10 > 3 THEN '' WHEN a // 65536 % 50 = 0 THEN 'note=a"b, c&owner=li'
        WHEN a // 65536 % 4 = 0 THEN 'owner=%E6%9D%8E&env=test'
        WHEN a // 65536 % 4 = 1 THEN 'team=data-' || b % 20
        ELSE 'env=prod&cost-center=' || 1000 + b % 200 END AS Tag,
    md5_number_lower(d || changed)::VARCHAR AS Crc64
"""


@dataclass(frozen=True, kw_only=True)
class ReportFolder:
    """
    A folder that holds what a bucket would: two reports a week apart, and one of ten times the first's rows.

    Of the first report's objects, a hundredth is gone in the second, a hundredth is new and a hundredth was
    overwritten.

    :param path: of the folder; the keys of the bucket lie below it
    :param rows: of the first report
    :param files: data files of each report
    """

    path: Path
    rows: int
    files: int

    def manifest(self, report: str) -> Manifest:
        """
        Return the verified manifest of a report.

        :param report: ``first``, ``second`` or ``tenfold``
        """
        key = manifest_key(_REPORT, _DATES[report])
        checksum = (self.path / checksum_key(_REPORT, _DATES[report])).read_text()
        return parse_manifest((self.path / key).read_bytes(), bucket=BUCKET, region=REGION, key=key, checksum=checksum)

    def make(self) -> None:
        """Make the reports where the folder does not hold them already."""
        stamp = self.path / "made.json"
        made = {"edition": _EDITION, "rows": self.rows, "files": self.files}
        if stamp.exists() and json.loads(stamp.read_text()) == made:
            return
        stamp.unlink(missing_ok=True)
        self.path.mkdir(parents=True, exist_ok=True)
        # About a hundredth of the numbers is new, changed or gone; only the first report has the gone ones.
        numbers = self.rows + self.rows // 100
        with tempfile.TemporaryDirectory(dir=self.path) as scratch:
            connection = _connect(Path(scratch))
            connection.execute(
                f"CREATE TABLE objects AS SELECT i, d, a, b, {_KEY} AS key,"
                " (b // 8 % (1 << (a // 8 % 27)::INT)) AS size"
                f" FROM ({_NUMBERS.format(numbers=numbers)}) ORDER BY key"
            )
            self._write(connection, "first", f"i < {self.rows}", "0", Path(scratch))
            changed = "CASE WHEN a // 16 % 100 = 1 THEN 1 ELSE 0 END"
            self._write(connection, "second", f"i >= {self.rows} OR a // 16 % 100 <> 0", changed, Path(scratch))
            connection.close()
        self._write_tenfold()
        stamp.write_text(json.dumps(made))

    def _write(self, connection: DuckDBPyConnection, report: str, where: str, changed: str, scratch: Path) -> None:
        connection.execute(
            f"CREATE OR REPLACE TABLE report AS SELECT *, {changed} AS changed FROM objects WHERE {where}"
        )
        rows, size = _one(connection, "SELECT count(*), sum(size) FROM report")
        edges = [rows * number // self.files for number in range(self.files + 1)]
        # zlib lets other threads run; DuckDB does too.
        with ThreadPoolExecutor(2) as pool:
            entries = []
            for number in range(self.files):
                text = scratch / f"{number}.csv"
                connection.execute(
                    f"COPY (SELECT {_ROW} FROM report WHERE rowid >= {edges[number]} AND rowid < {edges[number + 1]})"
                    f" TO '{text}' (FORMAT csv, HEADER false, FORCE_QUOTE *)"
                )
                name = hashlib.md5(f"{report} {number}".encode(), usedforsecurity=False).hexdigest()
                entries.append(pool.submit(_pack, text, self.path, f"{_REPORT}/{name}.csv.gz"))
            files = [entry.result() for entry in entries]
        self._write_manifest(report, rows, size, files)

    def _write_tenfold(self) -> None:
        first = self.manifest("first")
        files = []
        for copy in range(_COPIES):
            for file in first.files:
                name = hashlib.md5(f"{copy} {file.key}".encode(), usedforsecurity=False).hexdigest()
                key = f"{_REPORT}/{name}.csv.gz"
                (self.path / key).unlink(missing_ok=True)
                os.link(self.path / file.key, self.path / key)
                files.append({"key": key, "size": str(file.size), "md5Checksum": file.md5})
        rows, size = first.matched_objects or 0, first.matched_bytes or 0
        self._write_manifest("tenfold", rows * _COPIES, size * _COPIES, files)

    def _write_manifest(self, report: str, rows: int, size: int, files: list[dict[str, str]]) -> None:
        key = self.path / manifest_key(_REPORT, _DATES[report])
        key.parent.mkdir(parents=True, exist_ok=True)
        manifest = {
            "sourceAppid": "1250000000",
            "sourceBucket": "examplebucket",
            "destinationAppid": "1250000000",
            "destinationBucket": "inventorybucket",
            "fileFormat": "CSV",
            "listObjectCount": str(rows),
            "listStorageSize": str(size),
            "filterObjectCount": str(rows),
            "filterStorageSize": str(size),
            "fileSchema": ", ".join(COLUMNS),
            "files": files,
        }
        body = json.dumps(manifest, indent=1).encode()
        key.write_bytes(body)
        checksum = hashlib.md5(body, usedforsecurity=False).hexdigest()
        (self.path / checksum_key(_REPORT, _DATES[report])).write_text(checksum)


def _connect(scratch: Path) -> DuckDBPyConnection:
    import duckdb

    return duckdb.connect(config={"memory_limit": "2GB", "threads": 2, "temp_directory": str(scratch / "spill")})


def _one(connection: DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row


def _pack(text: Path, folder: Path, key: str) -> dict[str, str]:
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        text.open("rb") as source,
        path.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as target,
    ):
        shutil.copyfileobj(source, target, 1024 * 1024)
    text.unlink()
    packed = path.read_bytes()
    return {"key": key, "size": str(len(packed)), "md5Checksum": hashlib.md5(packed, usedforsecurity=False).hexdigest()}
