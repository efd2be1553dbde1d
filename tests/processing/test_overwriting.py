# SPDX-License-Identifier: Apache-2.0
"""No result takes the place of what it is made of: that is refused before anything is read or written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.hooks.airflow_errors import AirflowFailException
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.inventory import Manifest
from airflow_provider_cosinv.operators.cos_inventory_diff import COSInventoryDiffOperator
from airflow_provider_cosinv.operators.cos_inventory_parquet import COSInventoryToParquetOperator
from airflow_provider_cosinv.operators.cos_inventory_query import COSInventoryQueryOperator
from airflow_provider_cosinv.processing.to_parquet import part_name
from tests.conftest import DESTINATION
from tests.support.reports import run, take_report

SQL = "SELECT Key FROM inventory"


@pytest.fixture
def emulator_settings():
    return EmulatorSettings(post_rate=0, rows_per_file=1)


@pytest.fixture
def manifest(cos):
    return take_report()


@pytest.fixture
def parts(manifest, tmp_path):
    """The report as three local parts."""
    folder = str(tmp_path / "parts")
    return [COSInventoryHook().to_parquet(manifest, batch=[file], destination=folder) for file in manifest["files"]]


def files_of(manifest):
    """The places of all that a report has."""
    folder = manifest["manifest_key"].rpartition("/")[0]
    keys = [file["key"] for file in manifest["files"]]
    assert len(keys) == 3
    keys += [manifest["manifest_key"], f"{folder}/manifest.checksum"]
    return [f"cos://{DESTINATION}/{key}" for key in keys]


def contents(cos):
    return {key: cos.get_object(DESTINATION, key) for key in cos.keys(DESTINATION)}


def refused(cos, operator, destination, **parameters):
    """Run a task that must be refused; nothing may be asked of COS, and nothing there may change."""
    before = contents(cos)
    cos.fault(times=None, status=500)
    with pytest.raises(AirflowFailException, match="would overwrite") as raised:
        run(operator(task_id="task", destination=destination, **parameters))
    assert cos.faults()[0]["seen"] == 0
    cos.clear_faults()
    assert contents(cos) == before
    error = raised.value.__cause__
    assert isinstance(error, COSInventoryConfigurationError)
    assert error.parameter == "destination"
    assert destination in error.message
    assert "another place" in error.hint


class TestAQuery:
    @pytest.mark.parametrize("batch", [False, True], ids=["whole", "batch"])
    def test_of_a_report_replaces_none_of_its_files(self, cos, manifest, batch):
        source = {"manifest": manifest, "batch": manifest["files"][:1] if batch else None}
        for place in files_of(manifest):
            refused(cos, COSInventoryQueryOperator, place, sql=SQL, format="csv", **source)

    def test_of_parts_on_cos_replaces_none_of_them(self, cos, manifest):
        parts = [COSInventoryHook().to_parquet(manifest, batch=[file]) for file in manifest["files"]]
        for part in parts:
            refused(cos, COSInventoryQueryOperator, part["path"], sql=SQL, parts=parts)

    def test_of_local_parts_replaces_none_of_them(self, cos, parts):
        for part in parts:
            before = Path(part["path"]).read_bytes()
            refused(cos, COSInventoryQueryOperator, part["path"], sql=SQL, parts=parts)
            assert Path(part["path"]).read_bytes() == before

    @pytest.mark.parametrize(
        "spelling",
        ["link", "link to its folder", "dots", "file:", "other name", "part by link", "part by URL"],
    )
    def test_of_local_parts_knows_them_by_any_spelling(self, cos, parts, tmp_path, spelling):
        path = Path(parts[0]["path"])
        (tmp_path / "folder").symlink_to(path.parent)
        (tmp_path / "link.parquet").symlink_to(path)
        os.link(path, tmp_path / "hard.parquet")
        destination, read = {
            "link": (tmp_path / "link.parquet", path),
            "link to its folder": (tmp_path / "folder" / path.name, path),
            "dots": (path.parent / ".." / path.parent.name / path.name, path),
            "file:": (f"file://{path}", path),
            "other name": (tmp_path / "hard.parquet", path),
            "part by link": (path, tmp_path / "link.parquet"),
            "part by URL": (path, f"file://localhost{path}"),
        }[spelling]
        before = path.read_bytes()
        with pytest.raises(AirflowFailException, match="would overwrite one of the parts"):
            run(
                COSInventoryQueryOperator(
                    task_id="ask", sql=SQL, parts=[str(read)], destination=str(destination), allow_partial=True
                )
            )
        assert path.read_bytes() == before

    def test_of_a_local_part_that_is_not_there_now_does_not_take_its_place(self, cos, tmp_path):
        place = str(tmp_path / "share" / "part.parquet")
        refused(cos, COSInventoryQueryOperator, place, sql=SQL, parts=[place])
        assert list(tmp_path.iterdir()) == []

    def test_may_go_beside_what_it_is_made_of_and_replace_its_own_older_result(self, cos, manifest, parts):
        beside_part = str(Path(parts[0]["path"]).with_name("result.parquet"))
        beside_report = f"{files_of(manifest)[0]}.csv"
        for _ in range(2):
            assert run(COSInventoryQueryOperator(task_id="a", sql=SQL, parts=parts, destination=beside_part))
            assert run(COSInventoryQueryOperator(task_id="a", sql=SQL, manifest=manifest, destination=beside_report))
        assert len(run(COSInventoryQueryOperator(task_id="a", sql=SQL, parts=parts))) == 3

    def test_may_replace_a_part_that_it_does_not_read_and_a_file_of_that_name_elsewhere(self, cos, parts, tmp_path):
        path = Path(parts[0]["path"])
        for place in (path, tmp_path / path.name):
            task = COSInventoryQueryOperator(
                task_id="a", sql=SQL, parts=parts[1:], destination=str(place), allow_partial=True
            )
            assert run(task)["path"] == str(place)

    def test_may_go_to_another_bucket_under_the_key_of_a_file_of_the_report(self, cos, manifest):
        cos.create_bucket("other-1250000000")
        place = files_of(manifest)[0].replace(DESTINATION, "other-1250000000")
        assert run(COSInventoryQueryOperator(task_id="a", sql=SQL, manifest=manifest, destination=place, format="csv"))[
            "rows"
        ]


class TestADiff:
    def test_of_two_reports_replaces_no_file_of_either(self, cos, manifest):
        later = take_report()
        for place in [*files_of(manifest), *files_of(later)]:
            refused(cos, COSInventoryDiffOperator, place, previous=manifest, current=later, format="csv")

    def test_of_parts_replaces_no_part_of_either_side(self, cos, manifest, parts):
        on_cos = COSInventoryHook().to_parquet(take_report())
        for place in [parts[0]["path"], on_cos["path"]]:
            refused(cos, COSInventoryDiffOperator, place, previous=parts, current=on_cos)
            refused(cos, COSInventoryDiffOperator, place, previous=on_cos, current=parts)

    def test_with_nothing_replaces_no_file_of_the_report(self, cos, manifest):
        refused(cos, COSInventoryDiffOperator, files_of(manifest)[0], previous=None, current=manifest, format="csv")


class TestAPart:
    def test_replaces_no_file_of_the_report_be_it_in_its_batch_or_not(self, cos, manifest):
        batch = manifest["files"][:1]
        name = part_name(Manifest.from_dict(manifest), Manifest.from_dict(manifest).files[:1])
        cos.put_object(DESTINATION, f"folder/{name}", b"a data file")
        odd = {**manifest, "files": [*manifest["files"], {"key": f"folder/{name}", "size": 11, "md5": "0" * 32}]}
        before = contents(cos)
        with pytest.raises(AirflowFailException, match=f"folder/{name} would overwrite a file of the report"):
            run(
                COSInventoryToParquetOperator(
                    task_id="convert", manifest=odd, batch=batch, destination=f"cos://{DESTINATION}/folder/"
                )
            )
        assert contents(cos) == before

    def test_replaces_its_own_older_self(self, cos, manifest):
        first, second = (run(COSInventoryToParquetOperator(task_id="convert", manifest=manifest)) for _ in range(2))
        assert first["path"] == second["path"]
