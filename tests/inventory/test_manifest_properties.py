# SPDX-License-Identifier: Apache-2.0
"""Any manifest that COS can write comes back, and anything else is refused within the error tree."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryCorruptReportError
from airflow_provider_cosinv.inventory import STANDARD_FIELDS, DataFile, Manifest
from airflow_provider_cosinv.inventory.fields import VERSION_FIELDS
from tests.inventory.manifest_sample import FOLDER, HISTORIC, SAMPLE, parse, parse_bytes
from tests.inventory.strategies import damaged, json_values


@given(st.data())
def test_a_manifest_with_any_value_anywhere_is_read_or_refused_within_the_error_tree(data: st.DataObject) -> None:
    document = copy.deepcopy(SAMPLE)
    for _ in range(data.draw(st.integers(1, 3))):
        target: Any = document
        if document.get("files") == SAMPLE["files"] and data.draw(st.booleans()):
            target = document["files"][0]
        name = data.draw(st.sampled_from([*target, "MD5checksum", "inventoriedRecord"]))
        if data.draw(st.booleans()):
            target[name] = data.draw(json_values)
        else:
            target.pop(name, None)
    _read_or_refuse(json.dumps(document).encode())


@given(damaged(json.dumps(SAMPLE).encode()))
def test_a_damaged_manifest_is_read_or_refused_within_the_error_tree(body: bytes) -> None:
    _read_or_refuse(body)


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_garbage_is_no_manifest(body: bytes) -> None:
    with pytest.raises(COSInventoryCorruptReportError):
        parse_bytes(body)


def _read_or_refuse(body: bytes) -> None:
    try:
        manifest = parse_bytes(body)
    except COSInventoryCorruptReportError as error:
        str(error).encode()
    else:
        assert Manifest.from_dict(json.loads(json.dumps(manifest.as_dict()))) == manifest


_MOST_FILES = 5
_counts = st.integers(0, 2**63 - 1)
# Their sum is a count as well.
_rows = st.integers(0, (2**63 - 1) // _MOST_FILES)
_column_names = st.lists(
    st.sampled_from([*STANDARD_FIELDS, *VERSION_FIELDS, "x-cos-meta-a", "清单"]), unique=True, max_size=6
).map(lambda names: ["Appid", "Bucket", "Key", *names])
_file_names = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1).filter(
    lambda name: name not in (".", "..")
)
_md5s = st.binary(min_size=16, max_size=16).map(bytes.hex)
_files = st.lists(st.tuples(_file_names, _counts, _md5s, _rows), unique_by=lambda file: file[0], max_size=_MOST_FILES)


@given(columns=_column_names, counts=st.lists(_counts, min_size=3, max_size=3), files=_files)
def test_any_manifest_of_today_comes_back(
    columns: list[str], counts: list[int], files: list[tuple[str, int, str, int]]
) -> None:
    rows = sum(file[3] for file in files)
    body = {
        **SAMPLE,
        "fileSchema": ", ".join(columns),
        "listObjectCount": str(counts[0]),
        "listStorageSize": str(counts[1]),
        "filterObjectCount": str(rows),
        "filterStorageSize": str(counts[2]),
        "files": [{"key": f"{FOLDER}/{name}", "size": str(size), "md5Checksum": md5} for name, size, md5, _ in files],
    }

    manifest = parse_bytes(json.dumps(body).encode())

    assert manifest.columns == tuple(columns)
    assert (manifest.listed_objects, manifest.listed_bytes, manifest.matched_bytes) == tuple(counts)
    assert manifest.matched_objects == rows
    assert manifest.files == tuple(DataFile(key=f"{FOLDER}/{name}", size=size, md5=md5) for name, size, md5, _ in files)
    assert Manifest.from_dict(json.loads(json.dumps(manifest.as_dict()))) == manifest


@given(columns=_column_names, files=_files)
def test_any_manifest_of_2019_comes_back(columns: list[str], files: list[tuple[str, int, str, int]]) -> None:
    body = {
        **HISTORIC,
        "fileSchema": ", ".join(columns),
        "files": [
            {"key": f"{FOLDER}/data/{name}", "size": size, "MD5checksum": md5, "inventoriedRecord": rows}
            for name, size, md5, rows in files
        ],
    }

    manifest = parse_bytes(json.dumps(body).encode())

    assert manifest.columns == tuple(columns)
    assert manifest.matched_objects == sum(file[3] for file in files)
    assert [(file.key, file.size, file.md5) for file in manifest.files] == [
        (f"{FOLDER}/data/{name}", size, md5) for name, size, md5, _ in files
    ]
    assert Manifest.from_dict(json.loads(json.dumps(manifest.as_dict()))) == manifest


@given(json_values)
def test_rubbish_is_no_manifest_of_a_sensor(data: Any) -> None:
    with pytest.raises(COSInventoryConfigurationError):
        Manifest.from_dict(data)


@given(st.dictionaries(st.sampled_from(list(Manifest.__dataclass_fields__)), json_values, min_size=1))
def test_a_manifest_of_a_sensor_with_rubbish_in_it_is_read_or_refused(changes: dict[str, Any]) -> None:
    with contextlib.suppress(COSInventoryConfigurationError):
        assert Manifest.from_dict({**parse().as_dict(), **changes}).batches() is not None
