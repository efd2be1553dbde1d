# SPDX-License-Identifier: Apache-2.0
"""Results go where they were sent, whole or not at all; a place that cannot take one is refused before the work."""

from __future__ import annotations

import errno
import os
import resource
import stat
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from airflow_provider_cosinv.emulator import COSEmulator
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryTransientError,
)
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.processing.destination import ResultLocation, check_writable, publish
from tests.conftest import DESTINATION

KEY = "results/中文 a+b%2F.parquet"
RESULT = b"PAR1" + b"x" * 100_000


@pytest.fixture(scope="module")
def emulator():
    with COSEmulator() as started:
        started.create_bucket(DESTINATION)
        started.create_bucket("beijing-1250000000", region="ap-beijing")
        yield started


@pytest.fixture
def cos(emulator):
    yield emulator
    emulator.clear_faults()
    for key in emulator.keys(DESTINATION):
        emulator.delete_object(DESTINATION, key)


@pytest.fixture
def client(cos, impatient_retries, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", cos.connection_json)
    with COSInventoryHook().client as opened:
        yield lambda: opened


@pytest.fixture
def result(tmp_path):
    path = tmp_path / "work" / "result"
    path.parent.mkdir()
    path.write_bytes(RESULT)
    return path


def on_cos(key=KEY, bucket=DESTINATION):
    return ResultLocation(bucket, key)


def names(folder):
    return [path.name for path in folder.iterdir()]


def at(path):
    return ResultLocation.parse(str(path))


@pytest.mark.parametrize(
    ("text", "bucket", "path"),
    [
        (f"cos://{DESTINATION}/a.parquet", DESTINATION, "a.parquet"),
        (f"cos://{DESTINATION}/a b/%2B?x#y", DESTINATION, "a b/%2B?x#y"),
        (f"cos://{DESTINATION}//leading", DESTINATION, "/leading"),
        (f"cos://{DESTINATION}/folder/", DESTINATION, "folder/"),
        ("/data/a b.parquet", None, "/data/a b.parquet"),
        ("/data/100%25.parquet", None, "/data/100%25.parquet"),
        ("file:///data/a%20b.parquet", None, "/data/a b.parquet"),
        ("file:/data/a", None, "/data/a"),
        ("file://localhost/data/a", None, "/data/a"),
        ("/data/x://y", None, "/data/x://y"),
    ],
)
def test_a_place_is_an_object_or_a_file(text, bucket, path):
    assert ResultLocation.parse(text) == ResultLocation(bucket, path)


@pytest.mark.parametrize("text", [f"cos://{DESTINATION}/a b/%2B?x#y", "/data/a b.parquet"])
def test_a_place_is_written_as_it_is_read(text):
    assert str(ResultLocation.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "result.parquet",
        "./result.parquet",
        "~/result.parquet",
        "",
        "/",
        "//",
        "/a\0b",
        f"cos://{DESTINATION}",
        f"cos://{DESTINATION}/",
        f"cos://{DESTINATION}/..",
        "cos://bucket/key",
        "cos:///key",
        "COS://Bucket-1250000000/key",
        "s3://bucket-1250000000/key",
        "https://bucket-1250000000.cos.ap-guangzhou.myqcloud.com/key",
        "file://host/data/a",
        "file://data/a",
        "file:data/a",
        "file:///data/a?x",
        "file:///",
        None,
        7,
    ],
)
def test_anything_else_is_refused_with_what_to_write(text):
    with pytest.raises(COSInventoryConfigurationError) as caught:
        ResultLocation.parse(text)
    assert caught.value.parameter == "destination"
    assert caught.value.hint


@pytest.mark.parametrize("folder", ["parts", "parts/"])
def test_a_name_in_a_folder_is_a_place(folder):
    assert ResultLocation.parse(f"cos://{DESTINATION}/{folder}") / "0001.parquet" == on_cos("parts/0001.parquet")
    assert str(ResultLocation.parse(f"/data/{folder}") / "0001.parquet") == "/data/parts/0001.parquet"


@pytest.mark.parametrize("before", [None, b"before"])
def test_a_result_becomes_an_object(cos, client, result, before):
    if before:
        cos.put_object(DESTINATION, KEY, before)
    publish(result, on_cos(), client)
    assert cos.get_object(DESTINATION, KEY) == RESULT
    assert result.read_bytes() == RESULT


@pytest.mark.parametrize("before", [None, b"before"])
def test_a_result_becomes_a_file_and_its_folders_are_made(client, result, tmp_path, before):
    target = tmp_path / "new" / "folders" / "一 二.parquet"
    if before:
        target.parent.mkdir(parents=True)
        target.write_bytes(before)
    publish(result, at(target), client)
    assert target.read_bytes() == RESULT
    assert names(target.parent) == [target.name]
    assert result.read_bytes() == RESULT


def test_a_file_may_be_read_by_whom_the_umask_lets(client, result, tmp_path):
    result.chmod(0o600)
    before = os.umask(0o022)
    try:
        publish(result, at(tmp_path / "out"), client)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o644


def test_a_file_goes_to_another_file_system(client, result):
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == result.stat().st_dev:
        pytest.skip("there is one file system only")
    target = shared / f"cosinv-test-{os.getpid()}"
    try:
        publish(result, at(target), client)
        assert target.read_bytes() == RESULT
    finally:
        target.unlink(missing_ok=True)


def test_a_name_may_be_as_long_as_names_can_be(client, result, tmp_path):
    publish(result, at(tmp_path / ("n" * 255)), client)
    assert (tmp_path / ("n" * 255)).read_bytes() == RESULT


@contextmanager
def files_up_to(size):
    """Let no file of this process grow beyond so many bytes, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_cannot_be_written_to_its_end_leaves_what_was_there(client, result, tmp_path):
    target = tmp_path / "out" / "result.parquet"
    target.parent.mkdir()
    target.write_bytes(b"before")
    with files_up_to(50_000), pytest.raises(COSInventoryConfigurationError, match="File too large"):
        publish(result, at(target), client)
    assert target.read_bytes() == b"before"
    assert names(target.parent) == ["result.parquet"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_may_have_room_again(client, result, tmp_path, monkeypatch, number):
    def full(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(COSInventoryTransientError, match="cannot be written") as caught:
        publish(result, at(tmp_path / "out" / "a"), client)
    assert caught.value.parameter == "destination"
    assert "another destination" in caught.value.hint
    assert names(tmp_path / "out") == []


def wrong_files(tmp_path):
    (tmp_path / "a-file").write_bytes(b"")
    (tmp_path / "a-folder").mkdir()
    (tmp_path / "closed").mkdir(mode=0o500)
    yield "folder", tmp_path / "a-folder", "This is a folder"
    yield "below a file", tmp_path / "a-file" / "x", "is a file"
    yield "deep below a file", tmp_path / "a-file" / "x" / "y", "is a file"
    yield "trailing slash", f"{tmp_path}/new/", "This is a folder"
    yield "dots", f"{tmp_path}/new/..", "This is a folder"
    yield "long", tmp_path / ("n" * 256), "Check the path"
    if os.geteuid():
        yield "closed", tmp_path / "closed" / "x", "Let the user"


@pytest.mark.parametrize("action", ["check", "publish"])
def test_a_file_that_cannot_be_is_refused_by_name_and_hint(client, result, tmp_path, action):
    act = {"check": check_writable, "publish": partial(publish, result)}[action]
    for name, path, hint in wrong_files(tmp_path):
        with pytest.raises(COSInventoryConfigurationError) as caught:
            act(at(path), client)
        assert caught.value.parameter == "destination", name
        assert str(path) in caught.value.message, name
        assert hint in caught.value.hint, name
    assert names(tmp_path / "a-folder") == []


def test_a_check_makes_the_folder_and_nothing_in_it(client, tmp_path):
    (tmp_path / "there").write_bytes(b"before")
    check_writable(at(tmp_path / "new" / "result"), client)
    check_writable(at(tmp_path / "there"), client)
    assert names(tmp_path / "new") == []
    assert (tmp_path / "there").read_bytes() == b"before"


def test_a_check_of_an_object_asks_for_its_bucket_and_writes_nothing(cos, client):
    cos.fault(action="HeadBucket", times=None)
    check_writable(on_cos(), client)
    assert [one["happened"] for one in cos.faults()] == [1]
    assert cos.keys(DESTINATION) == []


@pytest.mark.parametrize("bucket", ["nowhere-1250000000", "beijing-1250000000"])
def test_a_bucket_that_is_missing_or_elsewhere_is_found_before_the_work(client, bucket):
    with pytest.raises(COSInventoryNotFoundError, match=f"cos://{bucket}/.* does not exist in ap-guangzhou") as caught:
        check_writable(on_cos(bucket=bucket), client)
    assert (caught.value.parameter, caught.value.bucket) == ("destination", bucket)
    assert "region" in caught.value.hint


def test_a_gateway_that_serves_another_region_is_found_before_the_work(cos, client):
    cos.fault(action="HeadBucket", headers={"x-cos-bucket-region": "ap-beijing"})
    with pytest.raises(COSInventoryConfigurationError, match="is in ap-beijing, not in ap-guangzhou") as caught:
        check_writable(on_cos(), client)
    assert caught.value.parameter == "destination"


def test_a_bucket_that_may_not_be_asked_for_is_told_with_the_permission(cos, client):
    cos.fault(action="HeadBucket", status=403, body="")
    with pytest.raises(COSInventoryPermissionError, match=f"cos://{DESTINATION}") as caught:
        check_writable(on_cos(), client)
    assert caught.value.parameter == "destination"
    assert "name/cos:HeadBucket" in caught.value.hint


def test_an_object_that_may_not_be_written_is_told_with_the_permission(cos, client, result):
    cos.put_object(DESTINATION, KEY, b"before")
    cos.fault(action="PutObject", status=403, code="AccessDenied")
    with pytest.raises(COSInventoryPermissionError, match="cannot be written: PUT Object failed") as caught:
        publish(result, on_cos(), client)
    assert (caught.value.parameter, caught.value.key) == ("destination", KEY)
    assert str(on_cos()) in caught.value.message
    assert "name/cos:PutObject" in caught.value.hint
    assert cos.get_object(DESTINATION, KEY) == b"before"


def test_a_bucket_that_is_gone_meanwhile_is_told(client, result):
    with pytest.raises(COSInventoryNotFoundError) as caught:
        publish(result, on_cos(bucket="nowhere-1250000000"), client)
    assert (caught.value.code, caught.value.parameter) == ("NoSuchBucket", "destination")


def test_a_result_that_is_not_there_is_not_the_fault_of_the_destination(client, tmp_path):
    with pytest.raises(FileNotFoundError):
        publish(tmp_path / "nothing", at(tmp_path / "out"), client)
    assert names(tmp_path) == []


def test_a_fault_on_the_way_is_waited_out(cos, client, result):
    cos.fault(action="PutObject", reset="before", times=2)
    publish(result, on_cos(), client)
    assert cos.get_object(DESTINATION, KEY) == RESULT


def test_a_folder_on_cos_is_no_place_for_a_result(cos, client, result):
    for act in (check_writable, partial(publish, result)):
        with pytest.raises(COSInventoryConfigurationError, match="is not a valid destination"):
            act(on_cos("parts/"), client)
    assert cos.keys(DESTINATION) == []
