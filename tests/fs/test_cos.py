# SPDX-License-Identifier: Apache-2.0
"""``ObjectStoragePath`` of ``cos://`` reads, writes and lists by the connection; a refusal is not a missing object."""

from __future__ import annotations

import gc
import gzip
import subprocess
import sys

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import store

from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryCorruptReportError,
    COSInventoryPermissionError,
)
from airflow_provider_cosinv.fs.cos import get_fs
from airflow_provider_cosinv.processing import cos_files
from tests.conftest import DESTINATION, SOURCE

try:
    from airflow.sdk import lineage
except ImportError:  # Airflow 3.1
    from airflow.lineage import hook as lineage  # type: ignore[no-redef]  # another version

# universal_pathlib 0.2, which Airflow 3.1 needs, speaks of its future.
pytestmark = pytest.mark.filterwarnings("ignore:in a future version of UPath:PendingDeprecationWarning")

ODD_KEYS = ["a b+c%2B&'(1),.csv", "数据/一 二.csv", "what?x=1", "half#way", "50%", "a@b/c", "[a]*", "a/../b"]


@pytest.fixture(autouse=True)
def folder(cos, monkeypatch):
    """The folder of the tests; Airflow would keep the filesystem of an earlier one's connection."""
    monkeypatch.setattr(store, "_STORE_CACHE", {})
    return ObjectStoragePath(f"cos://cos_default@{DESTINATION}/folder")


def below(key):
    return ObjectStoragePath(f"cos://cos_default@{DESTINATION}/{key}")


@pytest.mark.parametrize("key", ODD_KEYS)
def test_object_with_an_odd_key_is_written_read_and_listed(cos, key):
    path = below(key)
    with path.open("wb") as file:
        file.write(b"12")
        file.write(b"345")
    assert cos.get_object(DESTINATION, key) == b"12345"
    with path.open("rb") as file:
        assert file.read() == b"12345"
    assert path.exists()
    assert path.is_file()
    assert path.stat().st_size == 5
    assert path in list(path.parent.iterdir())


def test_paths_are_cut_and_joined_at_slashes():
    path = below("folder/what?x#y.tar.gz")
    assert path.parent / path.name == path
    assert (path.name, path.suffix, path.stem) == ("what?x#y.tar.gz", ".gz", "what?x#y.tar")
    assert path.with_suffix(".zip") == below("folder/what?x#y.tar.zip")
    assert below("folder").joinpath("a", "b/c") == below("folder/a/b/c")
    assert below("a.b/c").suffix == ""
    assert below("folder").parent == below("")


def test_path_travels_as_an_xcom(cos, folder):
    (folder / "a").write_bytes(b"1")
    data = (folder / "a").serialize()
    assert ObjectStoragePath.deserialize(data, 1).read_bytes() == b"1"


def test_text_is_written_and_read(cos, folder):
    (folder / "a.txt").write_text("一\n二\n", encoding="utf-8")
    assert cos.get_object(DESTINATION, "folder/a.txt").decode() == "一\n二\n"
    assert (folder / "a.txt").read_text(encoding="utf-8") == "一\n二\n"
    with (folder / "b.txt").open("w", encoding="utf-16") as file:
        file.write("x")
    with (folder / "b.txt").open(encoding="utf-16") as file:
        assert list(file) == ["x"]


def test_large_file_is_read_line_by_line_in_few_requests(cos, folder, monkeypatch):
    from airflow_provider_cosinv.cos.client import COSClient

    monkeypatch.setattr(cos_files, "BLOCK", 100_000)
    lines = [b"%d\n" % number for number in range(60_000)]
    cos.put_object(DESTINATION, "folder/lines", b"".join(lines))
    requests = []
    get_range = COSClient.get_range
    monkeypatch.setattr(COSClient, "get_range", lambda *a, **k: requests.append(k) or get_range(*a, **k))
    with (folder / "lines").open("rb") as file:
        assert list(file) == lines
    assert len(requests) <= sum(map(len, lines)) / 100_000 + 2


def test_object_replaced_while_it_is_open_is_an_error(cos, folder, monkeypatch):
    monkeypatch.setattr(cos_files, "BLOCK", 1000)
    cos.put_object(DESTINATION, "folder/a", bytes(100_000))
    with (folder / "a").open("rb") as file:
        file.read(10)
        cos.put_object(DESTINATION, "folder/a", b"1" * 100_000)
        with pytest.raises(COSInventoryCorruptReportError, match="replaced while it was read"):
            file.read(5000)
    with (folder / "a").open("rb") as file:
        assert file.read(3) == b"111"


def test_overwritten_object_is_read_as_it_is_now(folder):
    for data in (b"first", b"second"):
        (folder / "a").write_bytes(data)
        assert (folder / "a").read_bytes() == data


def test_folder_lists_objects_and_folders(cos, folder):
    for key in ("folder/", "folder/a", "folder/sub/b", "folder/sub/c/d", "folder-2/e"):
        cos.put_object(DESTINATION, key, b"1")
    assert sorted(path.name for path in folder.iterdir()) == ["a", "sub"]
    assert (folder / "sub").is_dir()
    assert not (folder / "a").is_dir()
    assert {path.name for path in below("").iterdir()} == {"folder", "folder-2"}
    assert sorted(path.name for path in folder.glob("**/*") if path.is_file()) == ["a", "b", "d"]
    assert {f"{DESTINATION}", f"{SOURCE}"} <= set(folder.fs.ls("cos://", detail=False))


def test_folder_of_more_than_a_thousand_objects_is_listed_whole(cos, folder):
    for number in range(1005):
        cos.put_object(DESTINATION, f"folder/{number:04}", b"")
    assert [path.name for path in folder.iterdir()] == [f"{number:04}" for number in range(1005)]


def test_keys_below_a_nameless_folder_are_named_in_the_log(cos, folder, caplog):
    cos.put_object(DESTINATION, "folder//a", b"1")
    cos.put_object(DESTINATION, "folder/b", b"1")
    assert [path.name for path in folder.iterdir()] == ["b"]
    assert f"cos://{DESTINATION}/folder//" in caplog.text


def test_missing_object_is_a_file_not_found(cos, folder):
    missing = folder / "missing"
    assert not missing.exists()
    assert not missing.is_file()
    assert not missing.is_dir()
    for attempt in (missing.stat, missing.read_bytes, lambda: missing.fs.ls(missing.path)):
        with pytest.raises(FileNotFoundError, match="missing"):
            attempt()


def test_missing_bucket_is_a_file_not_found(folder):
    missing = ObjectStoragePath("cos://cos_default@missing-1250000000/a")
    assert not missing.exists()
    assert not missing.parent.exists()
    for attempt in (missing.read_bytes, lambda: missing.write_bytes(b"1"), lambda: missing.fs.ls(missing.path)):
        with pytest.raises(FileNotFoundError, match="missing-1250000000"):
            attempt()


@pytest.mark.parametrize("action", ["HeadObject", "GetObject", "GetBucket", "PutObject"])
def test_forbidden_object_is_a_permission_error(cos, folder, action):
    cos.put_object(DESTINATION, "folder/a", b"1")
    cos.fault(action=action, status=403, code="AccessDenied", times=None)
    attempts = {
        "HeadObject": [(folder / "a").exists, (folder / "a").is_file, (folder / "a").is_dir, (folder / "a").read_bytes],
        "GetObject": [(folder / "a").read_bytes],
        "GetBucket": [folder.exists, (folder / "missing").exists, lambda: list(folder.iterdir())],
        "PutObject": [lambda: (folder / "b").write_bytes(b"1")],
    }[action]
    for attempt in attempts:
        with pytest.raises(COSInventoryPermissionError):
            attempt()
    assert cos.keys(DESTINATION) == ["folder/a"]


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_write_that_fails_leaves_what_was_there(cos, folder, mode):
    cos.put_object(DESTINATION, "folder/a", b"before")

    def write(name):
        with (folder / name).open(mode) as file:
            file.write("x" if mode == "w" else b"x")
            raise ZeroDivisionError

    for name in "ab":
        with pytest.raises(ZeroDivisionError):
            write(name)
    with pytest.raises(UnicodeEncodeError):
        (folder / "c").write_text("ok \ud800", encoding="utf-8")
    assert cos.keys(DESTINATION) == ["folder/a"]
    assert cos.get_object(DESTINATION, "folder/a") == b"before"


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_file_that_is_never_closed_is_not_uploaded(cos, folder, mode, caplog):
    file = (folder / "a").fs.open((folder / "a").path, mode)
    file.write("x" if mode == "w" else b"x")
    del file
    gc.collect()
    assert cos.keys(DESTINATION) == []
    assert "was not closed after writing" in caplog.text


def test_file_is_uploaded_once_however_often_it_is_closed(cos, folder):
    file = (folder / "a").open("wb")
    file.write(b"1")
    file.close()
    cos.put_object(DESTINATION, "folder/a", b"2")
    file.close()
    assert cos.get_object(DESTINATION, "folder/a") == b"2"


def test_compressed_file_is_read_and_written_through_gzip(cos, folder):
    with (folder / "a.gz").open("wb") as file, gzip.open(file, "wb") as compressed:
        compressed.write(b"12345")
    with (folder / "a.gz").open("rb", compression="gzip") as file:
        assert file.read() == b"12345"
    with pytest.raises(NotImplementedError, match=r"gzip\.open"):
        (folder / "a.gz").open("wb", compression="gzip")


def test_copy_goes_to_and_from_local_files(cos, folder, tmp_path):
    (tmp_path / "local").write_bytes(b"12345")
    ObjectStoragePath(f"file://{tmp_path}/local").copy(folder / "a")
    (folder / "a").copy(folder / "b")
    (folder / "b").copy(ObjectStoragePath(f"file://{tmp_path}/back"))
    assert (tmp_path / "back").read_bytes() == b"12345"
    assert cos.keys(DESTINATION) == ["folder/a", "folder/b"]


def test_folders_need_not_be_made_and_empty_files_can(cos, folder):
    (folder / "sub").mkdir(parents=True, exist_ok=True)
    (folder / "sub" / "empty").touch()
    assert cos.get_object(DESTINATION, "folder/sub/empty") == b""
    assert (folder / "sub" / "empty").read_bytes() == b""


def test_nothing_is_deleted_or_renamed(cos, folder):
    (folder / "a").write_bytes(b"1")
    for attempt in ((folder / "a").unlink, lambda: (folder / "a").rename(folder / "b")):
        with pytest.raises(NotImplementedError, match="not deleted or renamed"):
            attempt()
    assert cos.keys(DESTINATION) == ["folder/a"]


@pytest.mark.parametrize("mode", ["ab", "xb", "r+b"])
def test_object_is_not_changed_in_place(folder, mode):
    with pytest.raises(NotImplementedError, match="mode"):
        (folder / "a").open(mode)


def test_bucket_is_no_file(folder):
    for mode in ("rb", "wb"):
        with pytest.raises(IsADirectoryError):
            below("").open(mode)


def test_path_without_a_connection_uses_the_default_one(cos):
    path = ObjectStoragePath(f"cos://{SOURCE}/readme.txt")
    assert path.exists()
    assert path.read_bytes() == b"1234567"


def test_region_is_the_only_storage_option(cos):
    assert get_fs("cos_default", {"region": "ap-guangzhou"}).exists(f"{SOURCE}/readme.txt")
    with pytest.raises(COSInventoryConfigurationError, match="not a storage option"):
        get_fs("cos_default", {"anon": "true"})


def test_lineage_names_the_object_and_not_the_connection(cos, folder, monkeypatch):
    collected = lineage.HookLineageCollector()
    monkeypatch.setattr(lineage, "get_hook_lineage_collector", lambda: collected)
    with (folder / "a").open("wb") as file:
        file.write(b"1")
    with (folder / "a").open("rb") as file:
        file.read()
    found = collected.collected_assets
    assert [asset.asset.uri for asset in found.inputs + found.outputs] == [f"cos://{DESTINATION}/folder/a"] * 2


def test_path_in_a_dag_file_loads_no_heavy_module_and_reads_no_connection():
    script = (
        "import sys\n"
        "from airflow.sdk import ObjectStoragePath\n"
        "path = ObjectStoragePath('cos://no_such_connection@bucket-1250000000/a') / 'b'\n"
        "assert path.fs.protocol == 'cos'\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    heavy = {"qcloud_cos", "tencentcloud", "duckdb", "numpy", "pyarrow", "aiohttp"}
    assert set(done.stdout.split()) & heavy == set()
