# SPDX-License-Identifier: Apache-2.0
"""The hook's calls for tables: which region they ask, what DuckDB may take, what is left behind."""

from __future__ import annotations

import json

import pytest

from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryCorruptReportError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
)
from airflow_provider_cosinv.hooks.airflow_errors import AirflowNotFoundException
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory.report.manifest import Manifest
from airflow_provider_cosinv.processing import sql_inputs as filesystem
from airflow_provider_cosinv.table.engine import EngineSettings
from tests.conftest import DESTINATION
from tests.support.reports import take_report

COUNT = "SELECT count(*) AS n FROM inventory"
ELSEWHERE = "results-1250000000"


@pytest.fixture
def emulator_settings():
    return EmulatorSettings(post_rate=0, rows_per_file=1)


@pytest.fixture
def manifest(cos):
    return take_report()


def edit_connection(cos, monkeypatch, **extra):
    connection = cos.connection
    connection["extra"] = {**json.loads(json.dumps(connection["extra"])), **extra}
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", json.dumps(connection))


def test_a_report_is_open_for_more_than_one_question(manifest):
    with COSInventoryHook().open_report(manifest) as table:
        assert table.fetch(COUNT, max_rows=1).rows == [{"n": 3}]
        assert table.fetch("SELECT max(Size) AS bytes FROM inventory", max_rows=1).rows == [{"bytes": 7}]
    with COSInventoryHook().open_report(Manifest.from_dict(manifest), manifest["files"][:1]) as table:
        assert table.fetch(COUNT, max_rows=1).rows == [{"n": 1}]


def test_parts_are_open_for_more_than_one_question(manifest):
    hook = COSInventoryHook()
    parts = [hook.to_parquet(manifest, batch=[file])["path"] for file in manifest["files"]]
    with hook.open_parts(parts) as table:
        assert table.fetch(COUNT, max_rows=1).rows == [{"n": 3}]
        assert table.fetch("SELECT max(Size) AS bytes FROM inventory", max_rows=1).rows == [{"bytes": 7}]
    with hook.open_parts(parts[:1], allow_partial=True) as table:
        assert table.fetch(COUNT, max_rows=1).rows == [{"n": 1}]


def test_parts_are_opened_by_what_wrote_them(manifest):
    hook = COSInventoryHook()
    parts = [hook.to_parquet(manifest, batch=[file]) for file in manifest["files"]]
    with hook.open_parts(parts) as table:
        assert table.fetch(COUNT, max_rows=1).rows == [{"n": 3}]
    with pytest.raises(COSInventoryConfigurationError, match="are not parts of a report"):
        hook.open_parts([{"rows": 3}])


def test_a_read_that_failed_is_not_why_the_next_statement_fails(cos, manifest, monkeypatch):
    monkeypatch.setattr(filesystem, "TAILS", 0)
    hook = COSInventoryHook()
    with hook.open_parts(hook.to_parquet(manifest)) as table:
        table.open()
        cos.fault(action="GetObject", key=r"\.parquet$", status=403, code="AccessDenied", times=1)
        with pytest.raises(COSInventoryPermissionError):
            table.fetch("SELECT max(Key) FROM inventory", max_rows=1)
        assert table.fetch(COUNT, max_rows=1).rows == [{"n": 3}]
        with pytest.raises(COSInventoryConfigurationError, match="The SQL is wrong"):
            table.fetch("SELECT nothing FROM inventory", max_rows=1)


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_a_part_that_cos_refuses_is_an_error_of_cos_at_whatever_it_is_read_for(cos, manifest, monkeypatch, nth):
    # What a part says of itself, how many rows and which columns it has: each asks COS where no end is kept.
    monkeypatch.setattr(filesystem, "TAILS", 0)
    hook = COSInventoryHook()
    parts = [hook.to_parquet(manifest)["path"]]
    cos.fault(action="GetObject", key=r"\.parquet$", status=403, code="AccessDenied", nth=nth, times=None)
    with hook.open_parts(parts) as table, pytest.raises(COSInventoryPermissionError) as caught:
        table.fetch(COUNT, max_rows=1)
    assert caught.value.code == "AccessDenied"


@pytest.mark.parametrize("nth", range(1, 9))
def test_a_part_that_cos_refuses_is_an_error_of_cos_also_where_the_result_is_written(
    cos, manifest, monkeypatch, tmp_path, nth
):
    monkeypatch.setattr(filesystem, "TAILS", 0)
    hook = COSInventoryHook()
    parts = [hook.to_parquet(manifest)]
    cos.fault(action="GetObject", key=r"\.parquet$", status=403, code="AccessDenied", nth=nth, times=None)
    with pytest.raises(COSInventoryPermissionError) as caught:
        hook.query(sql="SELECT sum(Size) AS s FROM inventory", parts=parts, destination=str(tmp_path / "s.parquet"))
    assert caught.value.code == "AccessDenied"


@pytest.mark.usefixtures("impatient_retries")
@pytest.mark.parametrize("work", ["to_parquet", "query", "diff"])
def test_work_that_is_done_is_published_though_the_connection_cannot_be_read_any_more(cos, manifest, work):
    class Hook(COSInventoryHook):
        @classmethod
        def get_connection(cls, conn_id):
            if cos.faults()[0]["seen"]:
                raise AirflowNotFoundException
            return super().get_connection(conn_id)

    # To see that data files are read; the next try gets them.
    cos.fault(action="GetObject", key=r"\.csv\.gz$", status=503, times=1)
    calls = {
        "to_parquet": lambda hook: hook.to_parquet(manifest),
        "query": lambda hook: hook.query(sql=COUNT, manifest=manifest, destination=f"cos://{DESTINATION}/n.csv"),
        "diff": lambda hook: hook.diff(previous=None, current=manifest, destination=f"cos://{DESTINATION}/d.csv"),
    }
    written = calls[work](Hook())
    assert cos.faults()[0]["seen"]
    assert written["path"].partition(f"cos://{DESTINATION}/")[2] in cos.keys(DESTINATION)


@pytest.mark.parametrize("name", ["secret.csv", "x/../secret.csv"])
def test_sql_over_parts_reads_no_other_object(cos, manifest, name):
    cos.put_object(DESTINATION, "secret.csv", b"a\n1\n")
    hook = COSInventoryHook()
    part = hook.to_parquet(manifest)
    sql = f"FROM read_csv('cos://{DESTINATION}/{name}')"
    with pytest.raises(COSInventoryConfigurationError, match="SQL may not read") as raised:
        hook.query(sql=sql, parts=part)
    assert "allow_external_access" in str(raised.value)
    # The part itself is an input, by whatever function.
    assert hook.query(sql=f"SELECT count(*) AS n FROM '{part['path']}'", parts=part) == [{"n": 3}]


def test_sql_over_parts_reads_other_objects_if_it_is_allowed(cos, manifest):
    cos.put_object(DESTINATION, "secret.csv", b"a\n1\n")
    hook = COSInventoryHook()
    settings = EngineSettings(allow_external_access=True)
    found = hook.query(
        sql=f"FROM read_csv('cos://{DESTINATION}/secret.csv')", parts=hook.to_parquet(manifest), settings=settings
    )
    assert found == [{"a": 1}]


class TestRegion:
    @pytest.fixture
    def no_region(self, cos, manifest, monkeypatch):
        """A connection that names no region; the manifest was taken before."""
        edit_connection(cos, monkeypatch, region=None)

    @pytest.mark.usefixtures("no_region")
    def test_a_manifest_is_enough_to_know_the_region(self, manifest, tmp_path):
        hook = COSInventoryHook()
        assert hook.to_parquet(manifest)["rows"] == 3
        assert hook.to_parquet(manifest, destination=f"cos://{DESTINATION}/parts")["rows"] == 3
        assert hook.query(sql=COUNT, manifest=manifest) == [{"n": 3}]
        written = hook.query(sql=COUNT, manifest=manifest, destination=f"cos://{DESTINATION}/n.csv")
        assert written["rows"] == 1
        assert hook.diff(previous=None, current=manifest, destination=f"cos://{DESTINATION}/d.csv")["rows"] == 3

    @pytest.mark.usefixtures("no_region")
    def test_parts_on_cos_need_the_region_of_the_task_or_connection(self, manifest):
        part = COSInventoryHook().to_parquet(manifest)
        with pytest.raises(COSInventoryConfigurationError) as raised:
            COSInventoryHook().query(sql=COUNT, parts=part)
        assert raised.value.parameter == "region"
        assert COSInventoryHook(region="ap-guangzhou").query(sql=COUNT, parts=part) == [{"n": 3}]

    def test_local_parts_need_no_connection(self, manifest, tmp_path, monkeypatch):
        part = COSInventoryHook().to_parquet(manifest, destination=str(tmp_path))
        monkeypatch.delenv("AIRFLOW_CONN_COS_DEFAULT")
        assert COSInventoryHook().query(sql=COUNT, parts=part) == [{"n": 3}]
        assert COSInventoryHook().diff(previous=part, current=part)["unchanged"] == 3

    def test_a_result_may_go_to_another_region_which_the_task_names(self, cos, manifest):
        cos.create_bucket(ELSEWHERE, region="ap-shanghai")
        hook = COSInventoryHook(region="ap-shanghai")
        part = hook.to_parquet(manifest, destination=f"cos://{ELSEWHERE}/parts/")
        assert hook.query(sql=COUNT, parts=part, destination=f"cos://{ELSEWHERE}/n.csv")["rows"] == 1
        assert hook.query(sql=COUNT, manifest=manifest, destination=f"cos://{ELSEWHERE}/n.csv")["rows"] == 1
        assert hook.diff(previous=part, current=manifest, destination=f"cos://{ELSEWHERE}/d.csv")["rows"] == 0
        # Beside the report is in the report's region.
        assert hook.to_parquet(manifest)["path"].startswith(f"cos://{DESTINATION}/")

    def test_a_result_for_a_region_that_nobody_named_is_refused(self, cos, manifest):
        cos.create_bucket(ELSEWHERE, region="ap-shanghai")
        with pytest.raises(COSInventoryNotFoundError) as raised:
            COSInventoryHook().to_parquet(manifest, destination=f"cos://{ELSEWHERE}/parts/")
        assert raised.value.parameter == "destination"


def test_duckdb_takes_what_the_settings_say(manifest, tmp_path):
    sql = (
        "SELECT current_setting('memory_limit') AS memory, current_setting('threads') AS threads,"
        " current_setting('temp_directory') AS folder FROM inventory LIMIT 1"
    )
    settings = EngineSettings(memory_limit="256MiB", threads=1, temp_directory=str(tmp_path))
    (row,) = COSInventoryHook().query(sql=sql, manifest=manifest, settings=settings)
    assert (row["memory"], row["threads"]) == ("256.0 MiB", 1)
    assert row["folder"].startswith(str(tmp_path))


def test_nothing_is_left_in_the_temporary_folder(cos, manifest, tmp_path):
    settings = EngineSettings(temp_directory=str(tmp_path))
    hook = COSInventoryHook()
    part = hook.to_parquet(manifest, settings=settings)
    hook.query(sql=COUNT, manifest=manifest, destination=f"cos://{DESTINATION}/n.csv", settings=settings)
    hook.diff(previous=part, current=manifest, settings=settings)
    cos.fault(action="GetObject", key=r"\.csv\.gz$", corrupt_at=5, times=None)
    with pytest.raises(COSInventoryCorruptReportError):
        hook.to_parquet(manifest, settings=settings)
    with pytest.raises(COSInventoryCorruptReportError):
        hook.diff(previous=part, current=manifest, settings=settings)
    assert list(tmp_path.iterdir()) == []
