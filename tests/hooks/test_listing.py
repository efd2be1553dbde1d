# SPDX-License-Identifier: Apache-2.0
"""Reports whose listing is not what it seems: keys written in two ways, and objects that are listed twice."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
import structlog

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryCorruptReportError
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.table.engine import EngineSettings
from tests.conftest import DESTINATION
from tests.reliability.reports import packed, put_report

PLUS = "1,b,trip+report.txt,1\n"
ESCAPED = "1,b,trip%2Breport.txt,1\n"
ESCAPED_LOW = "1,b,trip%2breport.txt,1\n"
BLANK = "1,b,a%20b,1\n"
OTHERS = "".join(f"1,b,k{number},1\n" for number in range(3))
REASON = "have both \\+ and %2B"
ALL_KEYS = "SELECT Key FROM inventory"


@pytest.fixture
def manifest(cos):
    """Puts a report of some data files, and returns its manifest."""

    def put(*files, columns=("Appid", "Bucket", "Key", "Size")):
        bodies = [packed(*file) for file in files]
        rows = sum("".join(file).count("\n") for file in files)
        report = put_report(cos, DESTINATION, *bodies, columns=columns, rows=rows)
        return COSInventoryHook().read_manifest(
            bucket=report.bucket, manifest_key=report.manifest_key, checksum=report.checksum
        )

    return put


def warnings(entries):
    return "".join(
        entry["event"] % entry.get("positional_args", ()) for entry in entries if entry["log_level"] == "warning"
    )


def parts_of(manifest, tmp_path):
    folder = str(tmp_path / "parts")
    return [COSInventoryHook().to_parquet(manifest, batch=[file], destination=folder) for file in manifest.files]


FORM_ENCODED = {
    "one file": [[PLUS, ESCAPED]],
    "one file, the other way round": [[ESCAPED_LOW, OTHERS, PLUS]],
    "two files": [[PLUS, OTHERS], [BLANK, ESCAPED]],
    "a row of two lines before": [['1,"b\nc",x,1\n', PLUS], [ESCAPED]],
}


class TestAPlusInTwoForms:
    @pytest.mark.parametrize("files", FORM_ENCODED.values(), ids=FORM_ENCODED)
    def test_records_end_in_an_error(self, manifest, files):
        with pytest.raises(COSInventoryCorruptReportError, match=REASON) as raised:
            list(COSInventoryHook().iter_records(manifest(*files)))
        assert raised.value.line
        assert raised.value.key.endswith(".csv.gz")

    @pytest.mark.parametrize("files", FORM_ENCODED.values(), ids=FORM_ENCODED)
    def test_a_table_is_an_error_where_keys_are_read(self, manifest, files):
        report = manifest(*files)
        hook = COSInventoryHook()
        for asked in ({"sql": ALL_KEYS}, {"query": "by_prefix"}, {"query": "largest_objects"}):
            with pytest.raises(COSInventoryCorruptReportError, match=REASON):
                hook.query(manifest=report, **asked)
        if all('"' not in "".join(file) for file in files):
            assert hook.query(manifest=report, sql="SELECT sum(Size) > 0 AS found FROM inventory") == [{"found": True}]

    @pytest.mark.parametrize("files", FORM_ENCODED.values(), ids=FORM_ENCODED)
    def test_parts_are_an_error_by_themselves_or_together(self, manifest, files, tmp_path):
        report = manifest(*files)
        with pytest.raises(COSInventoryCorruptReportError, match=REASON):
            # One file alone has both, or the parts of two files are opened together.
            COSInventoryHook().query(parts=parts_of(report, tmp_path), sql=ALL_KEYS)

    def test_a_part_says_which_form_it_saw(self, manifest, tmp_path):
        report = manifest([PLUS], [ESCAPED], [OTHERS])
        told = []
        for part in parts_of(report, tmp_path):
            origin = json.loads(pq.read_metadata(part["path"]).metadata[b"cos_inventory"])
            told.append((origin["has_plus"], origin["has_escaped_plus"]))
        assert told == [(True, False), (False, True), (False, False)]

    def test_some_parts_of_one_form_are_read(self, manifest, tmp_path):
        one, other, plain = parts_of(manifest([PLUS], [ESCAPED], [OTHERS]), tmp_path)
        for parts in ([one, plain], [other, plain]):
            rows = COSInventoryHook().query(parts=parts, sql=ALL_KEYS, allow_partial=True)
            assert "trip+report.txt" in [row["Key"] for row in rows]


@pytest.mark.parametrize("rows", [[PLUS, BLANK], [ESCAPED, ESCAPED_LOW.replace("trip", "t"), BLANK], [OTHERS]])
def test_a_plus_in_one_form_is_a_plus(manifest, rows):
    report = manifest(rows)
    keys = [record.key for record in COSInventoryHook().iter_records(report)]
    assert sorted(row["Key"] for row in COSInventoryHook().query(manifest=report, sql=ALL_KEYS)) == sorted(keys)
    assert not any("%" in key for key in keys)


COLUMNS = ("Appid", "Bucket", "Key", "Size", "LastModifiedDate", "StorageClass")
OLD = "1,b,a/x,10,2026-10-01T00:00:00Z,STANDARD\n"
NEW = "1,b,a/x,70,2026-10-02T00:00:00Z,STANDARD\n"
OTHER = "1,b,b/y,5,2026-10-01T00:00:00Z,STANDARD\n"


class TestAnObjectThatIsListedTwice:
    @pytest.mark.parametrize("reads_parts", [False, True], ids=["report", "parts"])
    @pytest.mark.parametrize("files", [[[OLD, NEW, OTHER]], [[NEW, OTHER], [OLD]]], ids=["one file", "two files"])
    def test_ready_made_queries_count_its_latest_row(self, manifest, files, reads_parts, tmp_path):
        report = manifest(*files, columns=COLUMNS)
        source = {"parts": parts_of(report, tmp_path)} if reads_parts else {"manifest": report}
        with structlog.testing.capture_logs() as entries:
            (row,) = COSInventoryHook().query(query="by_storage_class", **source)
        assert (row["objects"], row["bytes"]) == (2, 75)
        assert "The report lists 1 objects or versions more than once" in warnings(entries)

    @pytest.mark.parametrize("reads_parts", [False, True], ids=["report", "parts"])
    def test_a_listing_without_order_is_counted_and_not_warned_of(self, manifest, reads_parts, tmp_path):
        report = manifest([OTHER, OLD], columns=COLUMNS)
        source = {"parts": parts_of(report, tmp_path)} if reads_parts else {"manifest": report}
        with structlog.testing.capture_logs() as entries:
            (row,) = COSInventoryHook().query(query="by_storage_class", **source)
        assert (row["objects"], row["bytes"]) == (2, 15)
        assert "more than once" not in warnings(entries)

    def test_a_written_result_counts_it_once(self, manifest, tmp_path):
        report = manifest([NEW, OTHER], [OLD], columns=COLUMNS)
        path = str(tmp_path / "result.csv")
        COSInventoryHook().query(query="by_storage_class", manifest=report, destination=path)
        assert (tmp_path / "result.csv").read_text().splitlines()[1] == "STANDARD,2,,75,1.0"

    def test_sql_of_ones_own_sees_each_row(self, manifest):
        rows = COSInventoryHook().query(sql=ALL_KEYS, manifest=manifest([OLD, NEW, OTHER], columns=COLUMNS))
        assert [row["Key"] for row in rows] == ["a/x", "a/x", "b/y"]


def test_classes_that_the_report_does_not_have_are_told(manifest):
    report = manifest([OTHER], columns=COLUMNS)
    arguments = {"prices": {"STANDRAD": 1, "standard": 1}, "minimum_bytes": {"Archive": 65536}}
    with structlog.testing.capture_logs() as entries:
        rows = COSInventoryHook().query(query="storage_cost", query_arguments=arguments, manifest=report)
    assert {row["storage_class"]: (row["objects"], row["cost"]) for row in rows} == {
        "STANDARD": (1, 5 / 1024**3),
        "STANDRAD": (0, 0),
        "ARCHIVE": (0, 0),
    }
    assert "a class that was given a price or minimum: ARCHIVE, STANDRAD" in warnings(entries)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_classes_without_objects_are_told_of_a_written_result(manifest, tmp_path, ending):
    # DuckDB would take the folder for a column.
    folder = tmp_path / "objects=7"
    folder.mkdir()
    with structlog.testing.capture_logs() as entries:
        COSInventoryHook().query(
            query="storage_cost",
            query_arguments={"prices": {"STANDRAD": 1, "standard": 1, "A\nB": 2}},
            manifest=manifest([OTHER], columns=COLUMNS),
            destination=str(tmp_path / f"costs.{ending}"),
            settings=EngineSettings(temp_directory=folder),
        )
    assert "a class that was given a price or minimum: A\\nB, STANDRAD" in warnings(entries)


class TestAFilterThatMatchedNothing:
    SENTENCE = "The inventory's filter matched none of the 12,000 objects"

    @pytest.fixture
    def nothing(self, cos):
        counts = {"listObjectCount": "12000", "filterObjectCount": "0"}
        report = put_report(cos, DESTINATION, changes=counts, folder="inv/1250000000/examplebucket/nothing")
        return COSInventoryHook().read_manifest(
            bucket=report.bucket, manifest_key=report.manifest_key, checksum=report.checksum
        )

    def test_it_is_told_in_the_log(self, nothing, tmp_path):
        hook = COSInventoryHook()
        part = hook.to_parquet(nothing, destination=str(tmp_path / "parts"))
        asked = {"query": "by_prefix"}
        for work in (
            lambda: hook.to_parquet(nothing, destination=str(tmp_path / "parts")),
            lambda: hook.query(manifest=nothing, **asked),
            lambda: hook.query(parts=part, **asked),
            lambda: hook.query(manifest=nothing, destination=str(tmp_path / "result.csv"), **asked),
            lambda: hook.write_selection(where="true", manifest=nothing, inventory_id="some"),
        ):
            with structlog.testing.capture_logs() as entries:
                work()
            assert warnings(entries).startswith(self.SENTENCE)

    def test_a_diff_tells_in_log_and_result_of_which_report(self, nothing, manifest):
        some = manifest([OTHERS])
        hook = COSInventoryHook()
        for earlier, later, name in (
            (nothing, some, "previous report"),
            (some, nothing, "current report"),
            (None, nothing, "current report"),
        ):
            with structlog.testing.capture_logs() as entries:
                result = hook.diff(previous=earlier, current=later)
            sentence = self.SENTENCE.replace("inventory", name)
            assert [text for text in result["warnings"] if text.startswith(sentence)]
            assert sentence in warnings(entries)


def test_a_selection_of_nothing_is_told(manifest):
    report = manifest([OTHER], columns=COLUMNS)
    with structlog.testing.capture_logs() as entries:
        COSInventoryHook().write_selection(where="Size > 5", manifest=report, inventory_id="large")
    assert "The condition of where selected none of the 1 objects of the report." in warnings(entries)


class TestAKeyThatBothReportsListVeryOften:
    ROW = "1,b,{},{},{},STANDARD\n"

    @pytest.fixture
    def reports(self, cos):
        def put(**rows):
            for name, lines in rows.items():
                folder = f"inv/1250000000/examplebucket/{name}"
                body = packed("".join(lines))
                report = put_report(cos, DESTINATION, body, columns=COLUMNS, rows=len(lines), folder=folder)
                yield COSInventoryHook().read_manifest(
                    bucket=report.bucket, manifest_key=report.manifest_key, checksum=report.checksum
                )

        return put

    @pytest.mark.parametrize("reads_parts", [False, True], ids=["report", "parts"])
    def test_its_values_are_compared_once(self, reports, tmp_path, reads_parts):
        # With 10,000,000,000 pairs it took until the task was killed.
        often = [self.ROW.format("hot", number % 2, "2026-10-01T00:00:00Z") for number in range(100_000)]
        more = [self.ROW.format(f"k{number}", 1, "2026-10-01T00:00:00Z") for number in range(300)]
        changed = self.ROW.format("hot", 7, "2026-10-02T00:00:00Z")
        sides = list(reports(old=[*more, *often], new=[*often, changed, *more[1:]], same=[*often, *more]))
        if reads_parts:
            sides = [COSInventoryHook().to_parquet(side, destination=str(tmp_path / "parts")) for side in sides]
        old, new, same = sides
        path = tmp_path / "diff.csv"
        result = COSInventoryHook().diff(previous=old, current=new, destination=str(path))
        counts = ("added", "removed", "changed", "unchanged")
        assert [result[name] for name in counts] == [0, 1, 1, 299]
        assert "changed,hot,1,7,STANDARD,STANDARD,2026-10-02" in path.read_text()
        result = COSInventoryHook().diff(previous=old, current=same)
        assert [result[name] for name in counts] == [0, 0, 0, 301]

    def test_too_many_different_values_of_it_are_refused(self, reports):
        rows = [self.ROW.format("hot", number, "2026-10-01T00:00:00Z") for number in range(10_001)]
        old, new = reports(old=rows, new=rows)
        with pytest.raises(COSInventoryConfigurationError, match="many times with different values, which makes 100,0"):
            COSInventoryHook().diff(previous=old, current=new)
