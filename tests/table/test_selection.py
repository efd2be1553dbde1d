# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryTransientError
from airflow_provider_cosinv.inventory import Manifest, parse_manifest
from airflow_provider_cosinv.inventory.report.manifest import DataFile
from airflow_provider_cosinv.inventory.rows.record_reader import read_records
from airflow_provider_cosinv.inventory.rows.records import InventoryRecord
from airflow_provider_cosinv.table.csv.report_table import ReportTable
from airflow_provider_cosinv.table.engine import Engine, EngineSettings, open_engine
from airflow_provider_cosinv.table.parquet.parts_table import PartsTable
from airflow_provider_cosinv.table.selection.writer import InventoryLocation, WrittenInventory, write_inventory
from tests.support.examples import examples

COLUMNS = (
    "Appid", "Bucket", "Key", "VersionId", "IsLatest", "DeleteMarker", "Size", "LastModifiedDate", "ETag",
    "StorageClass", "IsMultipartUploaded", "ReplicationStatus", "Tag", "Crc64", "x-cos-meta-a", "Novelty",
)  # fmt: skip
BASE = {"Appid": "1250000000", "Bucket": "examplebucket"}
REPORT = Manifest(
    bucket="reports-1250000000",
    region="ap-guangzhou",
    source_bucket="examplebucket-1250000000",
    manifest_key="inv/1250000000/examplebucket/daily/20221120/manifest.json",
    checksum="0" * 32,
    columns=COLUMNS,
    listed_objects=40,
    listed_bytes=4000,
    matched_objects=None,
    matched_bytes=None,
    files=(),
)
LOCATION = InventoryLocation(bucket="lists-1250000000", prefix="/selected/", inventory_id="big", date="20221121")
ROOT = "selected/1250000000/examplebucket/big"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(EngineSettings(threads=2)) as engine:
        yield engine


def report_of(
    engine: Engine, rows: Sequence[Mapping[str, str]], columns: Sequence[str] = COLUMNS
) -> tuple[ReportTable, Manifest]:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([{**BASE, **row}.get(name, "") for name in columns] for row in rows)
    stored = gzip.compress(text.getvalue().encode())
    file = DataFile("inv/1250000000/examplebucket/daily/a.csv.gz", len(stored), hashlib.md5(stored).hexdigest())
    manifest = Manifest(**{**vars(REPORT), "columns": tuple(columns), "matched_objects": len(rows), "files": (file,)})
    return ReportTable(engine=engine, report=manifest, open_file=lambda _: [stored]), manifest


def select(
    engine: Engine,
    folder: Path,
    rows: Sequence[Mapping[str, str]],
    where: str = "true",
    *,
    columns: Sequence[str] = COLUMNS,
    location: InventoryLocation = LOCATION,
    **more: Any,
) -> WrittenInventory:
    table, manifest = report_of(engine, rows, columns)
    if "keep" in more:
        more["columns"] = more.pop("keep")
    return write_inventory(table, where, folder, report=manifest, location=location, **more)


def read(written: WrittenInventory) -> list[InventoryRecord]:
    manifest = written.manifest
    stored = {key: path for path, key in written.files}
    return [
        record
        for file in manifest.files
        for record in read_records(
            [stored[file.key].read_bytes()], file=file, bucket=manifest.bucket, columns=manifest.columns
        )
    ]


def fields_of(written: WrittenInventory) -> list[dict[str, str]]:
    """The rows of the data files as text, in order."""
    manifest, stored = written.manifest, {key: path for path, key in written.files}
    texts = [gzip.decompress(stored[file.key].read_bytes()).decode() for file in manifest.files]
    return [
        dict(zip(manifest.columns, row, strict=True))
        for text in texts
        for row in csv.reader(io.StringIO(text, newline=""))
    ]


def described(written: WrittenInventory) -> dict[str, Any]:
    path, _ = written.files[-2]
    data: dict[str, Any] = json.loads(path.read_bytes())
    return data


ROWS = [{"Key": f"k{number}", "Size": str(number * 100)} for number in (3, 1, 4, 2)]


def test_the_tree_is_the_one_that_cos_delivers(engine: Engine, tmp_path: Path) -> None:
    written = select(engine, tmp_path, ROWS, "Size > 100", rows_per_file=2)

    names = [key for _, key in written.files]
    data = [file.key for file in written.manifest.files]
    assert names == [*data, f"{ROOT}/20221121/manifest.json", f"{ROOT}/20221121/manifest.checksum"]
    assert len(data) == 2
    assert all(len(name) == len(f"{ROOT}/") + 32 + len(".csv.gz") for name in data)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(path for path, _ in written.files)
    assert [record.key for record in read(written)] == ["k2", "k3", "k4"]


def test_a_part_of_a_key_may_be_longer_than_the_name_of_a_file(engine: Engine, tmp_path: Path) -> None:
    location = InventoryLocation(bucket=LOCATION.bucket, prefix="选" * 200, inventory_id="big", date="20221121")

    written = select(engine, tmp_path, ROWS, location=location)

    assert all(key.startswith("选" * 200 + "/1250000000/") for _, key in written.files)
    assert [record.key for record in read(written)] == ["k1", "k2", "k3", "k4"]


def test_the_manifest_says_what_is_there(engine: Engine, tmp_path: Path) -> None:
    written = select(engine, tmp_path, ROWS, "Size > 100")

    body, checksum = (path.read_bytes().decode() for path, _ in written.files[-2:])
    stored = written.files[0][0].read_bytes()
    assert checksum == hashlib.md5(body.encode()).hexdigest()
    key = f"{ROOT}/20221121/manifest.json"
    assert written.manifest == parse_manifest(
        body.encode(), bucket=LOCATION.bucket, region="ap-guangzhou", key=key, checksum=checksum
    )
    assert json.loads(body) == {
        "sourceAppid": "1250000000",
        "sourceBucket": "examplebucket",
        "destinationAppid": "1250000000",
        "destinationBucket": "lists",
        "fileFormat": "CSV",
        "listObjectCount": "40",
        "listStorageSize": "4000",
        "filterObjectCount": "3",
        "filterStorageSize": "900",
        "fileSchema": ", ".join(COLUMNS),
        "files": [
            {
                "key": written.files[0][1],
                "size": str(len(stored)),
                "md5Checksum": hashlib.md5(stored).hexdigest(),
            }
        ],
    }


ODD_ROW = {
    "Key": "a/%e6%b8%85 b%2B.txt",
    "VersionId": "v1",
    "IsLatest": "true",
    "DeleteMarker": "FALSE",
    "Size": "007",
    "LastModifiedDate": "2022-11-20T10:53:38+08:00",
    "ETag": '"e"',
    "Tag": "k1:v1,k2:v2",
    "Crc64": "16749565679157681890",
    "x-cos-meta-a": ' say "hi",\nyou ',
}


@pytest.mark.parametrize("rows", [[ODD_ROW], [ODD_ROW | {"x-cos-meta-a": "plain"}]], ids=["careful", "quick"])
@pytest.mark.parametrize("where", ["true", "Size = (SELECT max(Size) FROM inventory)"], ids=["once", "twice"])
def test_fields_pass_through_as_cos_wrote_them(engine: Engine, tmp_path: Path, rows: Any, where: str) -> None:
    written = select(engine, tmp_path, rows, where)

    assert fields_of(written) == [{**dict.fromkeys(COLUMNS, ""), **BASE, **rows[0]}]


def test_fields_of_parts_are_spelled_as_the_documents_spell_them(engine: Engine, tmp_path: Path) -> None:
    table, manifest = report_of(engine, [ODD_ROW])
    part = tmp_path / "part.parquet"
    table.save_part(part)
    columns = [column for column in COLUMNS if column != "Tag"]

    with open_engine(EngineSettings(threads=2), inputs=[str(part)]) as another:
        parts = PartsTable(engine=another, paths=[str(part)])
        written = write_inventory(parts, "true", tmp_path, report=manifest, location=LOCATION, columns=columns)

    assert fields_of(written) == [
        {
            **dict.fromkeys(columns, ""),
            **{name: value for name, value in {**BASE, **ODD_ROW}.items() if name != "Tag"},
            "Key": "a/%E6%B8%85%20b%2B.txt",
            "IsLatest": "True",
            "DeleteMarker": "False",
            "Size": "7",
            "LastModifiedDate": "2022-11-20T02:53:38.000Z",
            "ETag": "e",
        }
    ]
    assert written.delete_markers == 0


@pytest.mark.parametrize(
    ("markers", "expected"), [(["True", "1", "False", ""], 2), (["", ""], 0), ([], 0)], ids=["some", "empty", "none"]
)
def test_delete_markers_of_a_selection_are_counted(
    engine: Engine, tmp_path: Path, markers: list[str], expected: int
) -> None:
    rows = [{"Key": f"k{number}", "DeleteMarker": marker} for number, marker in enumerate(markers)]

    assert select(engine, tmp_path / "all", rows).delete_markers == expected
    keep = ["Appid", "Bucket", "Key", "VersionId"]
    assert select(engine, tmp_path / "some", rows, keep=keep).delete_markers == expected


def test_delete_markers_are_unknown_without_their_column(engine: Engine, tmp_path: Path) -> None:
    assert select(engine, tmp_path, [{"Key": "a"}], columns=("Appid", "Bucket", "Key")).delete_markers is None


def test_nothing_selected_is_an_inventory_without_files(engine: Engine, tmp_path: Path) -> None:
    written = select(engine, tmp_path, ROWS, "false")

    manifest = written.manifest
    assert (manifest.files, manifest.matched_objects, manifest.matched_bytes) == ((), 0, 0)
    assert len(written.files) == 2


def test_the_same_selection_gives_the_same_files(engine: Engine, tmp_path: Path) -> None:
    rows = [{"Key": f"k{number:05}", "Size": "1"} for number in range(5000)]

    first = select(engine, tmp_path / "1", rows, rows_per_file=1500)
    second = select(engine, tmp_path / "2", rows[::-1], rows_per_file=1500)

    assert len(first.manifest.files) == 4
    assert first.manifest == second.manifest


def test_a_row_that_is_there_twice_stays_so(engine: Engine, tmp_path: Path) -> None:
    written = select(engine, tmp_path, [ROWS[0], ROWS[0]], rows_per_file=1)

    assert [record.key for record in read(written)] == ["k3", "k3"]


def test_a_condition_may_ask_the_table_again_and_end_in_a_comment(engine: Engine, tmp_path: Path) -> None:
    written = select(engine, tmp_path, ROWS, "Size = (SELECT max(Size) FROM inventory) -- the largest")

    assert [record.key for record in read(written)] == ["k4"]


def test_columns_can_be_left_out(engine: Engine, tmp_path: Path) -> None:
    written = select(engine, tmp_path, ROWS, "Size = 300", keep=["etag", "Key", "Bucket", "Appid", "VersionId"])

    assert written.manifest.columns == ("Appid", "Bucket", "Key", "VersionId", "ETag")
    assert written.manifest.matched_bytes == 300
    assert read(written) == [InventoryRecord(key="k3", appid="1250000000", bucket="examplebucket")]


def test_what_is_not_known_is_not_in_the_manifest(engine: Engine, tmp_path: Path) -> None:
    table, manifest = report_of(engine, [{"Key": "a"}], ("Appid", "Bucket", "Key"))
    unknown = Manifest(**{**vars(manifest), "listed_objects": None, "listed_bytes": None})

    written = write_inventory(table, "true", tmp_path, report=unknown, location=LOCATION)

    assert {"filterStorageSize", "listObjectCount", "listStorageSize"} & set(described(written)) == set()
    assert written.manifest.matched_objects == 1


def test_without_isal_the_files_are_packed_by_zlib(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "isal.igzip", None)

    assert len(read(select(engine, tmp_path, ROWS))) == 4


@pytest.mark.parametrize("name", ["selection.parquet", "selection.csv", "selection.csv.gz"])
def test_a_full_disk_may_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(Engine, "new_file", lambda self, name: self.folder / name)
    # To follow a link to the full disk.
    with open_engine(EngineSettings(threads=2, allow_external_access=True)) as engine:
        (engine.folder / name).symlink_to("/dev/full")
        with pytest.raises(COSInventoryTransientError, match="No space left") as raised:
            select(engine, tmp_path, ROWS)
    assert raised.value.parameter == "temp_directory"


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        (["Appid", "Bucket", "VersionId"], "Key must be among them"),
        (["Appid", "Bucket", "Key"], "VersionId must be among them"),
        (["Bucket", "Key", "VersionId"], "Appid must be among them"),
        (["Appid", "Bucket", "Key", "VersionId", "Sice"], "the report has no Sice"),
        ("Key", "not a list"),
        (["Appid", "Bucket", "Key", None], "not a list"),
    ],
)
def test_columns_that_make_no_inventory_are_refused(engine: Engine, tmp_path: Path, keep: Any, said: str) -> None:
    with pytest.raises(COSInventoryConfigurationError, match=said) as caught:
        select(engine, tmp_path, ROWS, keep=keep)

    assert caught.value.parameter == "columns"


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"bucket": "lists"}, "destination_bucket"),
        ({"prefix": "a/../b"}, "destination_prefix"),
        ({"prefix": "a//b"}, "destination_prefix"),
        ({"prefix": "/"}, "destination_prefix"),
        ({"prefix": "a\0b"}, "destination_prefix"),
        ({"inventory_id": "a/b"}, "inventory_id"),
        ({"date": "20221131"}, "date"),
    ],
)
def test_a_place_that_is_none_is_refused(change: dict[str, Any], parameter: str) -> None:
    with pytest.raises(COSInventoryConfigurationError) as caught:
        InventoryLocation(**{**vars(LOCATION), **change})

    assert caught.value.parameter == parameter


def test_the_report_itself_is_not_overwritten(engine: Engine, tmp_path: Path) -> None:
    location = InventoryLocation(bucket=REPORT.bucket, prefix="inv", inventory_id="daily", date="20221120")

    with pytest.raises(COSInventoryConfigurationError, match="would overwrite the report") as caught:
        select(engine, tmp_path, ROWS, location=location)

    assert caught.value.parameter == "inventory_id"
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_of_another_report_is_refused(engine: Engine, tmp_path: Path) -> None:
    table, _ = report_of(engine, [{"Key": "a"}], ("Appid", "Bucket", "Key"))

    with pytest.raises(COSInventoryConfigurationError, match="no column VersionId, IsLatest") as caught:
        write_inventory(table, "true", tmp_path, report=REPORT, location=LOCATION)

    assert caught.value.parameter == "manifest"


@pytest.mark.parametrize(
    "where",
    [
        "Sice > 1",
        "true) UNION ALL (SELECT 1",
        "true) UNION ALL (FROM inventory",
        "true) UNION ALL (SELECT * FROM inventory",
        "true GROUP BY ALL",
        "true; DROP TABLE inventory",
        "",
    ],
)
def test_a_condition_that_is_none_is_refused(engine: Engine, tmp_path: Path, where: str) -> None:
    with pytest.raises(COSInventoryConfigurationError) as caught:
        select(engine, tmp_path, ROWS, where)

    assert caught.value.parameter in {"sql", "where"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rows_per_file", [0, -1])
def test_files_hold_at_least_a_row(engine: Engine, tmp_path: Path, rows_per_file: int) -> None:
    with pytest.raises(COSInventoryConfigurationError, match="make no file"):
        select(engine, tmp_path, ROWS, rows_per_file=rows_per_file)


odd = st.characters(exclude_categories=["Cs"]) | st.sampled_from("%+\"', \n\t/&=\\清单\x7f\u2028😀")
odd_text = st.text(odd, max_size=12).filter(lambda text: "\0" not in text)
some_text = odd_text.filter(bool)
booleans = st.sampled_from(["", "True", "False", "true", "0"])
moments = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([timezone.utc, timezone(timedelta(hours=8))]),
)
rows = st.fixed_dictionaries(
    {
        "Key": some_text.map(lambda key: quote(key, safe="/-_.~")),
        "VersionId": st.sampled_from(["", "null", "MTg0NDUxNTc"]),
        "IsLatest": booleans,
        "DeleteMarker": booleans,
        # At most 12 rows: the sum of their sizes is a number of a manifest, too.
        "Size": st.just("") | st.integers(0, (2**63 - 1) // 12).map(str),
        "LastModifiedDate": st.just("") | moments.map(datetime.isoformat),
        "ETag": st.sampled_from(["", "ee8de918d05640145b18f70f4c3aa602-3"]),
        "StorageClass": st.sampled_from(["", "Standard", "STANDARD_IA"]),
        "Tag": st.dictionaries(some_text, odd_text, max_size=3).map(urlencode) | odd_text,
        "Crc64": st.just("") | st.integers(0, 2**64 - 1).map(str),
        "x-cos-meta-a": odd_text,
        "Novelty": odd_text,
    }
)


def size_of(row: Mapping[str, str]) -> int | None:
    return int(row["Size"]) if row["Size"] else None


def is_marker(row: Mapping[str, str]) -> bool | None:
    return {"": None, "true": True, "false": False, "0": False}[row["DeleteMarker"].lower()]


# A condition that is unknown for a row, as each over an empty field is, does not select it.
CONDITIONS: dict[str, Callable[[Mapping[str, str]], bool]] = {
    "true": lambda _: True,
    "Size > 1000": lambda row: (size_of(row) or 0) > 1000,
    "NOT Size > 1000": lambda row: (size := size_of(row)) is not None and size <= 1000,
    "NOT IsDeleteMarker": lambda row: is_marker(row) is False,
    "IsDeleteMarker IS NOT TRUE": lambda row: is_marker(row) is not True,
    "StorageClass <> 'Standard'": lambda row: row["StorageClass"] not in ("", "Standard"),
    "StorageClass IN (SELECT StorageClass FROM inventory WHERE Size > 1000)": lambda row: row["StorageClass"] != "",
}


@examples(30)
@given(
    made=st.lists(rows, max_size=6),
    is_doubled=st.booleans(),
    where=st.sampled_from(sorted(CONDITIONS)),
    rows_per_file=st.integers(1, 4),
)
def test_selection_is_that_of_the_oracle(
    engine: Engine,
    tmp_path_factory: pytest.TempPathFactory,
    made: Any,
    is_doubled: bool,
    where: str,
    rows_per_file: int,
) -> None:
    folder = tmp_path_factory.mktemp("selected")
    listed = made * 2 if is_doubled else made
    expected = [row for row in listed if CONDITIONS[where](row)]
    if "SELECT" in where:
        classes = {row["StorageClass"] for row in listed if (size_of(row) or 0) > 1000}
        expected = [row for row in expected if row["StorageClass"] in classes]

    written = select(engine, folder, listed, where, rows_per_file=rows_per_file)

    assert sorted(map(in_order, fields_of(written))) == sorted(in_order({**BASE, **row}) for row in expected)
    assert [record.key for record in read(written)] == sorted(unquote(row["Key"]) for row in expected)
    assert written.manifest.matched_objects == len(expected)
    assert written.manifest.matched_bytes == sum(size_of(row) or 0 for row in expected)
    assert written.delete_markers == sum(is_marker(row) is True for row in expected)
    shutil.rmtree(folder)


def in_order(row: Mapping[str, str]) -> list[str]:
    """The fields of a row, in the order of the columns."""
    return [row.get(name, "") for name in COLUMNS]
