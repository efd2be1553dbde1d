# SPDX-License-Identifier: Apache-2.0
"""DuckDB reads Parquet on COS: the same rows as from a local file, in few requests, and errors that are ours."""

from __future__ import annotations

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import duckdb
import pytest

from airflow_provider_cosinv.emulator import COSEmulator
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryCorruptReportError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryRequestError,
    COSInventoryTransientError,
)
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.processing import sql_inputs as module
from airflow_provider_cosinv.processing.cos_files import TAIL
from airflow_provider_cosinv.processing.sql_inputs import SQLInputs
from airflow_provider_cosinv.table.engine import EngineSettings, open_engine
from tests.conftest import DESTINATION

KEY = "parts/one.parquet"
URL = f"cos://{DESTINATION}/{KEY}"
BY_CLASS = "SELECT StorageClass, sum(Size), count(*) FROM read_parquet({}) GROUP BY 1 ORDER BY 1"
EVERYTHING = "SELECT bit_xor(hash(COLUMNS(*))) FROM read_parquet({})"
RARE = "SELECT Key, Size FROM read_parquet({}) WHERE Size < 5 ORDER BY 1, 2"
ROWS, ROW_GROUPS = 200_000, 10


class Recorder:
    """A client that takes down what it is asked for."""

    def __init__(self, client):
        self.client = client
        self.heads = []
        self.ranges = []

    def head_object(self, bucket, key):
        self.heads.append(key)
        return self.client.head_object(bucket, key)

    def get_range(self, bucket, key, *, start, length, if_match):
        self.ranges.append((key, start, length, if_match))
        return self.client.get_range(bucket, key, start=start, length=length, if_match=if_match)

    def bytes(self):
        return sum(length for _, _, length, _ in self.ranges)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """A Parquet file of ten row groups; its keys take most of it."""
    path = tmp_path_factory.mktemp("parquet") / "one.parquet"
    duckdb.execute(
        f"COPY (SELECT md5(i::VARCHAR) || i AS Key, (hash(i) % 1000000)::BIGINT AS Size, "
        f"['STANDARD', 'ARCHIVE', 'STANDARD_IA'][1 + i % 3] AS StorageClass, hash(i + 1) AS Crc64 "
        f"FROM range({ROWS}) t(i)) TO '{path}' (COMPRESSION zstd, ROW_GROUP_SIZE {ROWS // ROW_GROUPS})"
    )
    return path


@pytest.fixture(scope="module")
def emulator():
    with COSEmulator() as started:
        started.create_bucket(DESTINATION)
        yield started


@pytest.fixture
def cos(emulator, local):
    emulator.put_object(DESTINATION, KEY, local.read_bytes())
    yield emulator
    emulator.clear_faults()


@pytest.fixture
def client(cos, impatient_retries, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", cos.connection_json)
    with COSInventoryHook().client as opened:
        yield Recorder(opened)


@pytest.fixture
def filesystem(client):
    return SQLInputs(client=lambda: client)


@contextmanager
def engine(filesystem=None, threads=2):
    with duckdb.connect(config={"threads": threads}) as connection:
        if filesystem is not None:
            connection.register_filesystem(filesystem)
        yield connection


def ask(sql, *paths, filesystem=None, threads=2):
    with engine(filesystem, threads) as connection:
        return connection.execute(sql.format([str(path) for path in paths])).fetchall()


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("sql", [BY_CLASS, EVERYTHING, RARE], ids=["sum", "everything", "rare"])
def test_rows_are_those_of_the_local_file(filesystem, local, sql, threads):
    expected = ask(sql, local)
    for _ in range(2):
        assert ask(sql, URL, filesystem=filesystem, threads=threads) == expected
    assert filesystem.error is None


def test_several_files_are_read_as_one_table(cos, filesystem, local):
    cos.put_object(DESTINATION, "parts/two.parquet", local.read_bytes())
    urls = [URL, f"cos://{DESTINATION}/parts/two.parquet"]
    assert ask(BY_CLASS, *urls, filesystem=filesystem) == ask(BY_CLASS, local, local)


@pytest.mark.parametrize("key", ["a b+c%2B&'(1),.parquet", "数据/一.parquet", "a//b", "what?#x", "*", "[a]*?", "end/"])
def test_a_key_is_taken_as_it_is_written(cos, filesystem, local, key):
    cos.put_object(DESTINATION, key, local.read_bytes())
    with engine(filesystem) as connection:
        sql = "SELECT count(*) FROM read_parquet(?)"
        assert connection.execute(sql, [[f"cos://{DESTINATION}/{key}"]]).fetchall() == [(ROWS,)]


def test_only_the_footer_and_the_columns_that_are_needed_are_fetched(filesystem, client, local):
    ask(BY_CLASS, URL, filesystem=filesystem, threads=1)
    assert client.heads == [KEY]
    # Two columns of ten row groups, and the end of the file.
    assert len(client.ranges) <= 2 * ROW_GROUPS + 1
    assert client.bytes() < local.stat().st_size / 3


def test_each_range_is_asked_for_with_the_etag_of_the_first_look(cos, filesystem, client):
    ask(BY_CLASS, URL, filesystem=filesystem)
    etag = client.client.head_object(DESTINATION, KEY).etag
    assert {if_match for _, _, _, if_match in client.ranges} == {etag}


def test_the_end_of_a_file_is_fetched_once_for_all_queries(filesystem, client):
    for _ in range(2):
        ask("SELECT count(*) FROM read_parquet({})", URL, filesystem=filesystem)
    assert client.heads == [KEY]
    assert [length for _, _, length, _ in client.ranges] == [TAIL]


def test_a_small_file_is_fetched_in_one_request(cos, client, tmp_path):
    duckdb.execute(f"COPY (SELECT i, i::VARCHAR AS t FROM range(1000) t(i)) TO '{tmp_path}/s.parquet'")
    cos.put_object(DESTINATION, "small", (tmp_path / "s.parquet").read_bytes())
    filesystem = SQLInputs(client=lambda: client)
    sql = "SELECT sum(i), max(t) FROM read_parquet({})"
    assert ask(sql, f"cos://{DESTINATION}/small", filesystem=filesystem) == [(499_500, "999")]
    assert len(client.ranges) == 1


def test_the_ends_of_many_files_are_not_kept_for_ever(cos, filesystem, client, monkeypatch):
    monkeypatch.setattr(module, "TAILS", 2)
    for name in "abc":
        cos.put_object(DESTINATION, name, b"x" * 10)
    for name in "abcabc":
        assert filesystem.read_at(f"{DESTINATION}/{name}", 2, 3) == b"xxx"
    assert [key for key, *_ in client.ranges] == list("abcabc")
    assert filesystem.read_at(f"{DESTINATION}/c", 2, 3) == b"xxx"
    assert len(client.ranges) == 6


@pytest.mark.parametrize(
    "fault",
    [{"cut_after": 1000}, {"reset": "before"}, {"status": 503, "code": "SlowDown"}, {"status": 500, "body": "<html>"}],
    ids=["cut", "reset", "slow-down", "500"],
)
def test_faults_on_the_way_are_waited_out(cos, filesystem, local, fault):
    cos.fault(action="GetObject", nth=1, **fault)
    cos.fault(action="GetObject", nth=4, times=3, **fault)
    assert ask(BY_CLASS, URL, filesystem=filesystem) == ask(BY_CLASS, local)
    assert [one["happened"] for one in cos.faults()] == [1, 3]
    assert filesystem.error is None


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"action": "HeadObject", "status": 404, "body": ""}, COSInventoryNotFoundError),
        ({"action": "GetObject", "status": 403, "code": "AccessDenied"}, COSInventoryPermissionError),
        ({"action": "GetObject", "status": 403, "code": "AccessDenied", "nth": 6}, COSInventoryPermissionError),
        ({"action": "GetObject", "cut_after": 10}, COSInventoryTransientError),
        ({"action": "GetObject", "status": 200, "body": "PAR1"}, COSInventoryRequestError),
    ],
    ids=["missing", "forbidden", "forbidden-later", "always-cut", "something-else"],
)
def test_an_error_of_cos_reaches_the_caller_as_it_is(cos, filesystem, fault, kind):
    cos.fault(times=None, **fault)
    with pytest.raises(duckdb.Error):
        ask(BY_CLASS, URL, filesystem=filesystem)
    assert type(filesystem.error) is kind
    assert (filesystem.error.bucket, filesystem.error.key) == (DESTINATION, KEY)
    assert str(pickle.loads(pickle.dumps(filesystem.error))) == str(filesystem.error)


def test_the_first_error_is_kept(cos, filesystem):
    cos.fault(action="GetObject", status=403, code="AccessDenied", message="first")
    cos.fault(action="GetObject", status=403, code="AccessDenied", message="second")
    for _ in range(2):
        with pytest.raises(COSInventoryPermissionError):
            filesystem.read_at(URL, 0, 10)
    assert "first" in str(filesystem.error)


def test_a_file_that_is_replaced_between_two_queries_is_an_error_and_no_mixture(cos, filesystem, local):
    ask(RARE, URL, filesystem=filesystem)
    cos.put_object(DESTINATION, KEY, local.read_bytes()[::-1])
    with pytest.raises(duckdb.Error):
        ask(BY_CLASS, URL, filesystem=filesystem)
    assert type(filesystem.error) is COSInventoryCorruptReportError


def test_a_file_that_is_replaced_between_two_ranges_is_an_error(cos, filesystem):
    with filesystem.open(URL) as file:
        file.read(10)
        cos.put_object(DESTINATION, KEY, b"other")
        with pytest.raises(COSInventoryCorruptReportError, match="replaced while it was read"):
            file.read(10)


def test_a_bucket_without_appid_is_refused(filesystem):
    with pytest.raises(duckdb.Error):
        ask(BY_CLASS, "cos://bucket/key", filesystem=filesystem)
    assert type(filesystem.error) is COSInventoryConfigurationError
    assert filesystem.error.parameter == "bucket"


def test_a_stopped_task_is_not_taken_for_a_wrong_query(client):
    class Stopped(BaseException):
        pass

    class StoppedClient(Recorder):
        def get_range(self, *_, **__):
            # As Airflow ends a task that takes too long: by an exception wherever it is.
            raise Stopped

    filesystem = SQLInputs(client=lambda: StoppedClient(client.client))
    with pytest.raises((duckdb.Error, Stopped)):
        ask(BY_CLASS, URL, filesystem=filesystem)
    assert type(filesystem.error) is Stopped


def test_each_thread_has_a_position_of_its_own(filesystem, local):
    data = local.read_bytes()
    barrier = threading.Barrier(8, timeout=10)
    with filesystem.open(URL) as file, ThreadPoolExecutor(8) as threads:

        def read(number):
            file.seek(number * 10_000)
            barrier.wait()
            return file.read(5000), file.tell()

        got = list(threads.map(read, range(8)))
    assert got == [(data[n * 10_000 : n * 10_000 + 5000], n * 10_000 + 5000) for n in range(8)]


def test_many_threads_use_no_more_connections_than_are_kept(cos, filesystem, local, caplog):
    data = local.read_bytes()
    cos.fault(action="GetObject", times=None, delay=0.05)
    with filesystem.open(URL) as file, ThreadPoolExecutor(40) as threads:

        def read(number):
            file.seek(number)
            return file.read(100)

        assert list(threads.map(read, range(40))) == [data[n : n + 100] for n in range(40)]
    # urllib3 warns of each connection that it throws away.
    assert not [record for record in caplog.records if record.name.startswith("urllib3")]


def test_a_file_is_read_as_files_are(filesystem, local):
    data = local.read_bytes()
    with filesystem.open(URL) as file:
        assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)
        assert file.read(4) == b"PAR1"
        assert file.seek(-4, 2) == len(data) - 4
        assert file.read() == b"PAR1"
        assert file.read(1) == b""
        assert file.seek(len(data) + 5) == len(data) + 5
        assert file.read(5) == b""
        file.seek(10)
        assert file.seek(5, 1) == 15
        assert file.read(100_000) == data[15:100_015]
        # Across the place from which on the end is kept.
        file.seek(len(data) - TAIL - 5)
        assert file.read(10) == data[-TAIL - 5 :][:10]
    assert file.closed


def test_an_empty_object_is_an_empty_file(cos, filesystem, client):
    cos.put_object(DESTINATION, "empty")
    with filesystem.open(f"cos://{DESTINATION}/empty") as file:
        assert file.read() == b""
    assert client.ranges == []


@pytest.mark.parametrize("mode", ["wb", "ab", "r+b", "xb"])
def test_nothing_is_written_through_it(cos, filesystem, mode):
    with pytest.raises(COSInventoryConfigurationError, match="cannot be opened for writing"):
        filesystem.open(URL, mode)
    with engine(filesystem) as connection, pytest.raises(duckdb.Error):
        connection.execute(f"COPY (SELECT 1) TO 'cos://{DESTINATION}/new.parquet'")
    assert "new.parquet" not in cos.keys(DESTINATION)


KEYS = ["a b+c%2B&'(1),.parquet", "数据/一.parquet", "a//b", "a/../b", "what?#x", "*", "[a]*?", "end/"]


@pytest.mark.parametrize("key", KEYS)
def test_input_with_an_odd_key_is_read_and_no_other(cos, client, local, key):
    url = f"cos://{DESTINATION}/{key}"
    cos.put_object(DESTINATION, key, local.read_bytes())
    cos.put_object(DESTINATION, "other", local.read_bytes())
    filesystem = SQLInputs(client=lambda: client, inputs=[url])
    with open_engine(EngineSettings(threads=2), inputs=[url], filesystem=filesystem) as confined:
        sql = "SELECT count(*) FROM read_parquet(?)"
        assert confined.connection.execute(sql, [[url]]).fetchall() == [(ROWS,)]
        for other in (f"cos://{DESTINATION}/other", "cos://other-1250000000/key", f"{url}/../other", f"cos:///{key}"):
            with pytest.raises(duckdb.Error):
                confined.connection.execute(sql, [[other]])
    assert client.heads == [key]


@pytest.mark.parametrize("name", ["a/../parts/one.parquet", "parts//one.parquet", "parts/./one.parquet", "parts"])
def test_filesystem_answers_for_its_inputs_only(client, name):
    filesystem = SQLInputs(client=lambda: client, inputs=[URL])
    with pytest.raises(COSInventoryConfigurationError, match="SQL may not read") as raised:
        filesystem.info(f"cos://{DESTINATION}/{name}")
    assert raised.value.parameter == "sql"
    assert "allow_external_access" in str(raised.value)
    assert client.heads == []
    assert filesystem.info(URL)["size"] > 0


def test_an_answer_without_a_size_is_refused(filesystem, client, monkeypatch):
    from dataclasses import replace

    head = client.client.head_object
    monkeypatch.setattr(client, "head_object", lambda *args: replace(head(*args), size=None))
    with pytest.raises(COSInventoryRequestError, match="does not tell the size"):
        filesystem.info(URL)


def test_every_filesystem_has_its_own_client_and_state(client):
    assert SQLInputs(client=lambda: client) is not SQLInputs(client=lambda: client)
