# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryCorruptReportError
from airflow_provider_cosinv.inventory import DataFile, Manifest, parse_manifest
from airflow_provider_cosinv.inventory.report.manifest import as_data_file
from tests.inventory.manifest_sample import BUCKET, FOLDER, HISTORIC, KEY, MD5, SAMPLE, parse, parse_bytes


def with_file(**changes: Any) -> Manifest:
    return parse(files=[{**SAMPLE["files"][0], **changes}])


def refusal(**changes: Any) -> COSInventoryCorruptReportError:
    with pytest.raises(COSInventoryCorruptReportError) as raised:
        parse(**changes)
    assert (raised.value.bucket, raised.value.key) == (BUCKET, KEY)
    return raised.value


def test_the_sample_of_the_page_is_read() -> None:
    manifest = parse()

    assert manifest.source_bucket == "example-source-bucket-1250000000"
    assert (manifest.bucket, manifest.region, manifest.manifest_key) == (BUCKET, "ap-guangzhou", KEY)
    assert manifest.columns == (
        *("Appid", "Bucket", "Key", "Size", "LastModifiedDate", "ETag", "StorageClass"),
        *("IsMultipartUploaded", "ReplicationStatus"),
    )
    assert (manifest.listed_objects, manifest.listed_bytes) == (13, 7212835)
    assert (manifest.matched_objects, manifest.matched_bytes) == (11, 7212834)
    assert manifest.files == (DataFile(key=SAMPLE["files"][0]["key"], size=502, md5=MD5),)
    assert manifest.checksum == hashlib.md5(json.dumps(SAMPLE).encode()).hexdigest()


def test_the_first_generation_of_2019_is_read() -> None:
    names = ("a", "b")
    body = {
        **HISTORIC,
        "fileSchema": "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size",
        "files": [
            {"key": f"{FOLDER}/{name}.csv.gz", "size": 10, "MD5checksum": MD5, "inventoriedRecord": 7} for name in names
        ],
    }

    manifest = parse_bytes(json.dumps(body).encode())

    assert manifest.source_bucket == "example-source-bucket"
    assert (manifest.listed_objects, manifest.listed_bytes, manifest.matched_bytes) == (None, None, None)
    assert manifest.matched_objects == 14
    assert [file.size for file in manifest.files] == [10, 10]


def test_rows_that_one_file_does_not_count_are_not_known() -> None:
    counted = {**SAMPLE["files"][0], "inventoriedRecord": 7}
    silent = {**SAMPLE["files"][0], "key": f"{FOLDER}/b.csv.gz"}

    assert parse(filterObjectCount=None, files=[counted, silent]).matched_objects is None


def test_numbers_may_be_integers_and_unknown_keys_anything() -> None:
    manifest = parse(listObjectCount=13, listStorageSize=2**63 - 1, newKey={"a": [None]}, version=2)

    assert (manifest.listed_objects, manifest.listed_bytes) == (13, 2**63 - 1)
    assert with_file(size=502, extra=[1]).files[0].size == 502


@pytest.mark.parametrize("value", ["-1", "1.0", 1.5, "1e3", "１３", "", " 1", True, [], {}, "9" * 5000, 10**40, -1])
def test_what_is_no_number_is_refused_and_named(value: object) -> None:
    assert "listObjectCount is" in refusal(listObjectCount=value).message
    assert "size is" in refusal(files=[{**SAMPLE["files"][0], "size": value}]).message


@pytest.mark.parametrize(
    "stated",
    [MD5, MD5.upper(), f"{MD5}\n", f'"{MD5}"', base64.b64encode(bytes.fromhex(MD5)).decode()],
    ids=["hex", "upper case", "newline", "quoted", "base64"],
)
def test_the_md5_of_a_file_is_read_in_every_spelling(stated: str) -> None:
    assert with_file(md5Checksum=stated).files[0].md5 == MD5


@pytest.mark.parametrize("stated", [None, "", "x", 7, MD5[:-1], [MD5]])
def test_a_file_without_md5_is_refused(stated: object) -> None:
    assert "MD5" in refusal(files=[{**SAMPLE["files"][0], "md5Checksum": stated}]).message


def test_a_manifest_with_another_md5_is_refused_before_it_is_read() -> None:
    with pytest.raises(COSInventoryCorruptReportError, match=f"not {MD5}") as raised:
        parse_manifest(b"no JSON", bucket=BUCKET, region="ap-guangzhou", key=KEY, checksum=MD5)

    assert (raised.value.bucket, raised.value.key) == (BUCKET, KEY)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"<xml/>", b"\xff\xfe\xff", b"[]", b"null", b'"x"', b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000],
    ids=lambda body: repr(body[:8]),
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(COSInventoryCorruptReportError, match="is not"):
        parse_bytes(body)


@pytest.mark.parametrize(
    "name", ["fileFormat", "sourceAppid", "sourceBucket", "fileSchema", "listObjectCount", "files"]
)
@pytest.mark.parametrize("depth", [100, 900, 960, 980, 990])
def test_a_deeply_nested_value_is_refused_with_a_short_message(name: str, depth: int) -> None:
    body = json.dumps({**SAMPLE, name: "@"}).replace('"@"', "[" * depth + "]" * depth)

    with pytest.raises(COSInventoryCorruptReportError) as raised:
        parse_bytes(body.encode())
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("name", ["fileSchema", "fileFormat", "listObjectCount", "destinationBucket"])
def test_a_wrong_value_of_a_megabyte_is_not_repeated_in_the_message(name: str) -> None:
    assert len(str(refusal(**{name: "x" * 1_000_000}))) < 1000


@pytest.mark.parametrize(
    "key",
    [
        "elsewhere/a.csv.gz",
        f"{FOLDER}2/a.csv.gz",
        f"{FOLDER}",
        f"/{FOLDER}/a.csv.gz",
        f"{FOLDER}/../other/a.csv.gz",
        f"{FOLDER}/./a.csv.gz",
        f"{FOLDER.upper()}/a.csv.gz",
        f"cos://{BUCKET}/{FOLDER}/a.csv.gz",
        "",
        None,
        7,
        [FOLDER],
    ],
)
def test_a_data_file_outside_the_folder_of_its_inventory_is_refused(key: object) -> None:
    assert "does not lie below" in refusal(files=[{**SAMPLE["files"][0], "key": key}]).message


@pytest.mark.parametrize("key", [f"{FOLDER}/a.csv.gz", f"{FOLDER}/data/清单.csv.gz", f"{FOLDER}/20200501/a..gz"])
def test_a_data_file_in_the_folder_of_its_inventory_is_taken(key: str) -> None:
    assert with_file(key=key).files[0].key == key


@pytest.mark.parametrize(
    ("key", "file"),
    [
        ("/1250000000/b/id/20200501/manifest.json", "/1250000000/b/id/x.csv.gz"),
        ("p/1250000000/b/20200501/20200501/manifest.json", "p/1250000000/b/20200501/x.csv.gz"),
        ("p/b/id/2019-05-01-00-00/manifest.json", "p/b/id/data/x.csv.gz"),
        ("odd/manifest.json", "odd/x.csv.gz"),
    ],
)
def test_the_folder_follows_from_the_key_of_the_manifest(key: str, file: str) -> None:
    files = [{**SAMPLE["files"][0], "key": file}]

    assert parse(key=key, files=files).files[0].key == file
    with pytest.raises(COSInventoryCorruptReportError, match="does not lie below"):
        parse(key=key, files=[{**SAMPLE["files"][0], "key": "p/1250000000/b/other/x.csv.gz"}])


def test_a_key_that_no_request_can_carry_is_refused() -> None:
    assert "no Unicode" in refusal(files=[{**SAMPLE["files"][0], "key": f"{FOLDER}/\ud800.csv.gz"}]).message


def test_a_data_file_that_stands_twice_is_refused() -> None:
    assert "twice" in refusal(files=SAMPLE["files"] * 2).message


@pytest.mark.parametrize("files", [None, {}, "x", [1], [None], [[]], [{}]])
def test_files_of_another_shape_are_refused(files: object) -> None:
    refusal(files=files)


@pytest.mark.parametrize(
    "schema",
    [None, "", "Size", "Key,,Size", "Key, Key", "Key, Size, size", ["Key"], 7, "Appid; Bucket; Key"],
)
def test_a_schema_that_names_no_columns_is_refused(schema: object) -> None:
    assert "fileSchema" in refusal(fileSchema=schema).message


@pytest.mark.parametrize("file_format", ["ORC", "Parquet", None, 7])
def test_another_format_is_refused(file_format: object) -> None:
    assert "reads CSV" in refusal(fileFormat=file_format).message


@pytest.mark.parametrize(
    ("name", "appid"),
    [
        ("example-inventory-destination-bucket", "1250000000"),
        ("example-inventory-destination-bucket", 1250000000),
        (BUCKET, "1250000000"),
        (BUCKET, None),
        ("example-inventory-destination-bucket", None),
    ],
)
def test_the_destination_is_read_with_and_without_its_appid(name: str, appid: object) -> None:
    assert parse(destinationBucket=name, destinationAppid=appid).bucket == BUCKET


@pytest.mark.parametrize(("name", "appid"), [("other", "1250000000"), (BUCKET, "1"), ("other", None)])
def test_a_manifest_of_another_bucket_is_refused(name: str, appid: object) -> None:
    assert "as its bucket" in refusal(destinationBucket=name, destinationAppid=appid).message


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize("name", [None, "", 7, ["b"]])
def test_a_manifest_without_bucket_names_is_refused(side: str, name: object) -> None:
    assert f"{side}Bucket" in refusal(**{f"{side}Bucket": name}).message
    assert f"{side}Appid" in refusal(**{f"{side}Appid": [1]}).message


def manifest_of(sizes: list[int]) -> Manifest:
    files = [{"key": f"{FOLDER}/{n}.csv.gz", "size": size, "md5Checksum": MD5} for n, size in enumerate(sizes)]
    return parse(files=files, filterObjectCount=len(files))


@given(sizes=st.lists(st.integers(0, 10**9), max_size=200), at_most=st.integers(1, 70))
@example(sizes=[0, 0, 0], at_most=2)
@example(sizes=[5, 0, 0], at_most=3)
def test_batches_hold_every_file_once_and_none_is_empty(sizes: list[int], at_most: int) -> None:
    manifest = manifest_of(sizes)

    batches = manifest.batches(at_most=at_most)

    assert len(batches) == min(at_most, len(sizes))
    assert all(batches)
    files = [as_data_file(file) for batch in batches for file in batch]
    assert sorted(files, key=lambda file: file.key) == sorted(manifest.files, key=lambda file: file.key)
    assert json.loads(json.dumps(batches)) == batches


@given(sizes=st.lists(st.integers(0, 10**9), min_size=1, max_size=200), at_most=st.integers(1, 70))
def test_batches_are_of_about_equal_bytes(sizes: list[int], at_most: int) -> None:
    weights = [sum(file["size"] for file in batch) for batch in manifest_of(sizes).batches(at_most=at_most)]

    # Largest first to the lightest batch: no two differ by more than one file.
    assert max(weights) - min(weights) <= max(sizes)


@given(st.permutations(range(12)))
def test_batches_do_not_depend_on_the_order_of_the_files(order: list[int]) -> None:
    manifest = manifest_of([5, 3, 8, 8, 1, 0, 0, 9, 2, 7, 7, 7])
    files = tuple(manifest.files[place] for place in order)
    shuffled = Manifest.from_dict({**manifest.as_dict(), "files": [file.as_dict() for file in files]})

    assert shuffled.batches(at_most=4) == manifest.batches(at_most=4)


def test_a_manifest_that_counts_rows_and_names_no_file_is_refused() -> None:
    assert "11 rows and names no data file" in refusal(files=[]).message


def test_a_report_without_files_has_no_batches() -> None:
    assert parse(files=[], filterObjectCount="0").batches() == []


def test_there_are_at_most_64_batches_unless_more_are_asked_for() -> None:
    manifest = manifest_of([1] * 100)

    assert (len(manifest.batches()), len(manifest.batches(at_most=1000))) == (64, 100)


@pytest.mark.parametrize("at_most", [0, -1])
def test_no_batches_at_all_are_refused(at_most: int) -> None:
    with pytest.raises(COSInventoryConfigurationError) as raised:
        parse().batches(at_most=at_most)

    assert raised.value.parameter == "at_most"


def test_a_manifest_is_written_with_the_keys_of_its_xcoms() -> None:
    data = json.loads(json.dumps(parse().as_dict()))

    assert set(data) == {
        *("bucket", "region", "source_bucket", "manifest_key", "checksum", "columns", "files"),
        *("listed_objects", "listed_bytes", "matched_objects", "matched_bytes"),
    }
    assert data["files"] == [{"key": SAMPLE["files"][0]["key"], "size": 502, "md5": MD5}]
    assert Manifest.from_dict({**data, "unknown": 1}) == parse()


@pytest.mark.parametrize("missing", list(parse().as_dict()))
def test_a_manifest_with_a_missing_key_is_refused(missing: str) -> None:
    data = {name: value for name, value in parse().as_dict().items() if name != missing}

    with pytest.raises(COSInventoryConfigurationError, match="of a COSInventoryOperator that waits") as raised:
        Manifest.from_dict(data)
    assert raised.value.parameter == "manifest"
    assert raised.value.message == f"The manifest has no {missing}."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("bucket", None), ("columns", "Key"), ("columns", [1]), ("matched_objects", "13"), ("listed_bytes", True)),
        *(("files", None), ("files", [None]), ("files", [{"key": "k", "size": "502", "md5": MD5}]), ("files", "abc")),
    ],
)
def test_a_manifest_with_a_value_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(COSInventoryConfigurationError):
        Manifest.from_dict({**parse().as_dict(), name: value})


def test_a_value_of_another_type_is_named_in_words() -> None:
    with pytest.raises(COSInventoryConfigurationError) as raised:
        Manifest.from_dict({**parse().as_dict(), "columns": "Key"})
    assert raised.value.message == "This is not a manifest: columns is 'Key'."


@pytest.mark.parametrize("data", [None, [], "x", 7])
def test_what_is_no_manifest_at_all_is_refused(data: Any) -> None:
    with pytest.raises(COSInventoryConfigurationError, match="Pass the output of a COSInventorySensor"):
        Manifest.from_dict(data)


@pytest.mark.parametrize(
    "file", [None, {}, "x", {"key": 1, "size": 2, "md5": MD5}, {"key": "k", "size": True, "md5": MD5}]
)
def test_what_is_no_data_file_is_refused(file: Any) -> None:
    with pytest.raises(COSInventoryConfigurationError) as raised:
        as_data_file(file)

    assert raised.value.parameter == "files"
