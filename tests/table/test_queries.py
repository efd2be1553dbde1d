# SPDX-License-Identifier: Apache-2.0
"""Ready-made queries, over a report whose sums were done by hand."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from urllib.parse import quote

import duckdb
import pytest

from airflow_provider_cosinv.inventory.queries.catalogue import READY_QUERIES, ready_query
from tests.table.query_report import NOW, TYPES, answer, as_tuples, make_tables, report_rows

TOTAL = 19487
#: What a query needs that has an argument without a default.
PRICES = {"STANDARD": 2, "standard_ia": 1.5, "Archive": 0.5}
GIVEN = {"storage_cost": {"prices": PRICES}, "by_age": {"now": NOW}}


@pytest.fixture(scope="module")
def report():
    with duckdb.connect() as connection:
        make_tables(connection, report_rows())
        yield connection


def share(count):
    return round(count / TOTAL, 4)


def test_classes_are_one_whatever_their_spelling_and_none_vanishes(report):
    assert answer(report, "by_storage_class") == [
        {"storage_class": "ARCHIVE", "objects": 3, "delete_markers": 0, "bytes": 10030, "share": share(10030)},
        {"storage_class": "STANDARD", "objects": 10, "delete_markers": 0, "bytes": 6557, "share": share(6557)},
        {"storage_class": "STANDARD_IA", "objects": 3, "delete_markers": 0, "bytes": 2900, "share": share(2900)},
        {"storage_class": None, "objects": 1, "delete_markers": 4, "bytes": 0, "share": 0.0},
    ]


def test_prefixes_come_by_bytes_with_what_they_are_of_all_so_far(report):
    rows = answer(report, "by_prefix")
    assert list(rows[0]) == ["prefix", "objects", "delete_markers", "bytes", "share", "cumulative_share"]
    assert as_tuples(rows) == [
        ("数据/", 3, 0, 15000, share(15000), share(15000)),
        ("logs/", 5, 0, 3900, share(3900), share(18900)),
        ("tmp/", 5, 4, 380, share(380), share(19280)),
        ("", 3, 0, 200, share(200), share(19480)),
        ("/", 1, 0, 7, share(7), 1.0),
    ]


def test_objects_above_the_depth_are_with_their_own_folder(report):
    assert [tuple(row.values())[:4] for row in answer(report, "by_prefix", {"depth": 2})] == [
        ("数据/", 3, 0, 15000),
        ("logs/2026/", 3, 0, 2900),
        ("logs/2025/", 1, 0, 1000),
        ("tmp/", 4, 4, 370),
        ("", 3, 0, 200),
        ("tmp/50%2F50/", 1, 0, 10),
        ("/", 1, 0, 7),
        ("logs/", 1, 0, 0),
    ]


def test_depth_0_is_the_whole_bucket(report):
    assert as_tuples(answer(report, "by_prefix", {"depth": 0})) == [("", 17, 4, TOTAL, 1.0, 1.0)]


def test_a_limit_changes_no_share(report):
    assert answer(report, "by_prefix", {"limit": 2}) == answer(report, "by_prefix")[:2]


def test_classes_and_prefixes_together(report):
    rows = answer(report, "by_class_and_prefix")
    assert list(rows[0]) == ["storage_class", "prefix", "objects", "delete_markers", "bytes", "share"]
    assert as_tuples(rows) == [
        ("ARCHIVE", "数据/", 2, 0, 10000, share(10000)),
        ("STANDARD", "数据/", 1, 0, 5000, share(5000)),
        ("STANDARD_IA", "logs/", 3, 0, 2900, share(2900)),
        ("STANDARD", "logs/", 1, 0, 1000, share(1000)),
        ("STANDARD", "tmp/", 4, 0, 350, share(350)),
        ("STANDARD", "", 3, 0, 200, share(200)),
        ("ARCHIVE", "tmp/", 1, 0, 30, share(30)),
        ("STANDARD", "/", 1, 0, 7, share(7)),
        (None, "logs/", 1, 0, 0, 0.0),
        (None, "tmp/", 0, 4, 0, 0.0),
    ]


def test_an_age_on_the_edge_is_in_the_older_bucket(report):
    rows = answer(report, "by_age", {"now": NOW})
    assert list(rows[0]) == ["age", "from_days", "to_days", "objects", "delete_markers", "bytes", "share"]
    assert as_tuples(rows) == [
        ("future", None, None, 1, 0, 5000, share(5000)),
        ("0-7 days", 0, 7, 5, 1, 1137, share(1137)),
        ("7-30 days", 7, 30, 1, 3, 0, 0.0),
        ("30-90 days", 30, 90, 3, 0, 1020, share(1020)),
        ("90-180 days", 90, 180, 2, 0, 1300, share(1300)),
        ("180-365 days", 180, 365, 2, 0, 1030, share(1030)),
        ("365+ days", 365, None, 2, 0, 5000, share(5000)),
        (None, None, None, 1, 0, 5000, share(5000)),
    ]


@pytest.mark.parametrize("now", ["2026-11-01T08:00:00+08:00", datetime(2026, 11, 1, tzinfo=timezone.utc)])
def test_edges_and_the_time_to_count_from_are_arguments(report, now):
    rows = answer(report, "by_age", {"edges": [1, 300], "now": now})
    assert [tuple(row.values())[:5] for row in rows] == [
        ("future", None, None, 1, 0),
        ("0-1 days", 0, 1, 2, 0),
        ("1-300 days", 1, 300, 10, 4),
        ("300+ days", 300, None, 3, 0),
        (None, None, None, 1, 0),
    ]


def test_age_is_counted_from_now_by_itself(report):
    years = 20 * 365
    begin = answer(report, "by_age", {"edges": [years], "now": datetime.now(timezone.utc)})
    assert answer(report, "by_age", {"edges": [years]}) == begin


def test_the_largest_objects_come_by_size_then_key_then_version(report):
    rows = answer(report, "largest_objects", {"limit": 4})
    assert list(rows[0]) == ["key", "version_id", "bytes", "storage_class", "last_modified"]
    assert [(row["key"], row["bytes"]) for row in rows[:3]] == [
        ("数据/图 1.png", 5000),
        ("数据/图+1.png", 5000),
        ("数据/表.csv", 5000),
    ]
    assert as_tuples(rows)[3] == (
        "logs/2025/c.log",
        "v1",
        1000,
        "STANDARDIA",
        "2025-12-01 00:00:00+00",
    )
    sizes = answer(report, "largest_objects")
    assert len(sizes) == 16  # neither those without a size, nor the delete marker that has one


def versions(*rows):
    """Rows of the key a/b: version, whether it is the latest, whether it is a delete marker, size."""
    return [["a/b", *row, "2026-01-01 00:00:00Z", None, "STANDARD", "false", None] for row in rows]


def test_versions_of_one_size_come_by_their_names():
    names = [f"v{number * 7 % 10}" for number in range(10)]
    with duckdb.connect() as connection:
        make_tables(connection, versions(*((name, "true", "false", "1") for name in names)))
        assert [row["version_id"] for row in answer(connection, "largest_objects")] == sorted(names)


def test_objects_without_an_etag_are_no_duplicates():
    with duckdb.connect() as connection:
        make_tables(connection, versions(*[("v1", "true", "false", "1")] * 3))
        assert answer(connection, "duplicates") == []


def test_duplicates_have_etag_and_size_in_common(report):
    rows = answer(report, "duplicates")
    names = ["etag", "bytes", "copies", "reclaimable_bytes", "share", "first_key", "last_key"]
    assert list(rows[0]) == names
    assert as_tuples(rows) == [
        ("cc-2", 5000, 2, 5000, round(5000 / 7120, 4), "数据/图 1.png", "数据/表.csv"),
        ("bb", 1000, 3, 2000, round(2000 / 7120, 4), "logs/2025/c.log", "logs/2026/b.log"),
        ("aa", 100, 2, 100, round(100 / 7120, 4), "logs", "readme.txt"),
        ("d3", 20, 2, 20, round(20 / 7120, 4), "tmp/back.txt", "tmp/back.txt"),
    ]


@pytest.mark.parametrize(
    ("arguments", "etags"),
    [
        ({"min_bytes": 100}, ["cc-2", "bb", "aa"]),
        ({"min_bytes": 101}, ["cc-2", "bb"]),
        ({"current_only": True}, ["cc-2", "bb", "aa"]),
        ({"limit": 1}, ["cc-2"]),
        ({"limit": None, "min_bytes": 5001}, []),
    ],
)
@pytest.mark.parametrize("encoded", [False, True])
def test_duplicates_can_be_narrowed(report, arguments, etags, encoded):
    assert [row["etag"] for row in answer(report, "duplicates", arguments, encoded=encoded)] == etags


def test_a_report_without_versions_has_current_objects_alone(report):
    columns = [name for name in TYPES if name != "IsLatest"]
    assert len(answer(report, "duplicates", {"current_only": True}, columns=columns)) == 4
    assert len(answer(report, "duplicates", {"current_only": True}, columns=None)) == 3


def test_objects_uploaded_in_parts(report):
    assert as_tuples(answer(report, "by_multipart", {"depth": 0})) == [
        (True, "", 3, 0, 15000, share(15000)),
        (False, "", 13, 0, 4487, share(4487)),
        (None, "", 1, 4, 0, 0.0),
    ]
    assert [tuple(row.values())[:2] for row in answer(report, "by_multipart", {"limit": 2})] == [
        (True, "数据/"),
        (False, "logs/"),
    ]


def test_versions_that_are_not_the_latest(report):
    rows = answer(report, "noncurrent_versions")
    assert rows[0] == {
        "storage_class": "STANDARD_IA",
        "prefix": "logs/",
        "current_versions": 2,
        "current_bytes": 2000,
        "noncurrent_versions": 1,
        "noncurrent_bytes": 900,
        "unknown_versions": 0,
        "unknown_bytes": 0,
        "delete_markers": 0,
        "share": round(900 / 1220, 4),
    }
    assert as_tuples(rows)[1:4] == [
        ("STANDARD", "tmp/", 2, 30, 2, 320, 0, 0, 0, round(320 / 1220, 4)),
        (None, "tmp/", 0, 0, 0, 0, 0, 0, 4, 0.0),
        ("ARCHIVE", "tmp/", 0, 0, 0, 0, 1, 30, 0, 0.0),
    ]
    assert len(rows) == 10


def test_versions_without_a_class_come_by_prefix_alone(report):
    columns = [name for name in TYPES if name != "StorageClass"]
    rows = answer(report, "noncurrent_versions", {"depth": 0}, columns=columns)
    assert as_tuples(rows) == [(None, "", 13, 18237, 3, 1220, 1, 30, 4, 1.0)]


def test_deleted_keys_with_and_without_versions_below(report):
    assert answer(report, "deleted_keys") == [
        {
            "prefix": "tmp/",
            "keys": 2,
            "keys_without_versions": 1,
            "keys_with_versions": 1,
            "hidden_versions": 1,
            "hidden_bytes": 300,
            "older_delete_markers": 1,
            "unknown_keys": 0,
        }
    ]


@pytest.mark.parametrize("below", [[], [("v1", "false", "true", None)]])
def test_a_marker_over_nothing_but_markers_hides_nothing(below):
    with duckdb.connect() as connection:
        make_tables(connection, versions(("v2", "true", "true", "0"), *below))
        rows = answer(connection, "deleted_keys")
    assert as_tuples(rows) == [("a/", 1, 1, 0, 0, 0, len(below), 0)]


def test_states_of_replication_have_no_case(report):
    assert [tuple(row.values())[:4] for row in answer(report, "by_replication_status")] == [
        (None, 11, 4, 7387),
        ("FAILED", 1, 0, 5000),
        ("PENDING", 1, 0, 5000),
        ("REPLICA", 2, 0, 2000),
        ("COMPLETED", 2, 0, 100),
    ]


def test_a_query_says_null_for_delete_markers_that_nobody_told_it_of(report):
    assert as_tuples(answer(report, "by_prefix", {"depth": 0}, columns=None)) == [("", 21, None, TOTAL, 1.0, 1.0)]
    assert as_tuples(answer(report, "largest_objects", {"limit": 1}, columns=None)) == [
        ("数据/图 1.png", None, 5000, None, None)
    ]


@pytest.mark.parametrize("name", READY_QUERIES)
@pytest.mark.parametrize("encoded", [False, True])
def test_an_empty_table_has_no_rows(name, encoded):
    with duckdb.connect() as connection:
        make_tables(connection, [])
        rows = answer(connection, name, GIVEN.get(name), encoded=encoded)
    # Only the classes that were given a price have rows, of nothing.
    assert [row.get("objects") for row in rows] == ([0] * len(PRICES) if name == "storage_cost" else [])


@pytest.mark.parametrize("name", [*READY_QUERIES])
def test_a_table_of_empty_objects_has_no_share(name):
    empty = ["a/b", "v1", "true", "false", "0", "2026-01-01 00:00:00Z", "e", "STANDARD", "true", "COMPLETED"]
    with duckdb.connect() as connection:
        make_tables(connection, [empty, empty])
        rows = answer(connection, name, GIVEN.get(name))
    assert [row["share"] for row in rows if "share" in row] == ([None] if rows and "share" in rows[0] else [])


ENCODINGS = {
    "slashes as they are": quote,
    "slashes encoded": lambda key: quote(key, safe=""),
    "slashes encoded in lower case": lambda key: quote(key, safe="").replace("%2F", "%2f"),
    "the first slash encoded": lambda key: quote(key).replace("/", "%2F", 1),
    "the last slash encoded": lambda key: "%2f".join(quote(key).rsplit("/", 1)),
    "one spelling a key": lambda key: quote(key, safe="/" if len(key) % 2 else "+ "),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encoded_keys_give_the_same_answers(report, encoding):
    with duckdb.connect() as connection:
        make_tables(connection, report_rows(), ENCODINGS[encoding])
        for name, query in READY_QUERIES.items():
            given = GIVEN.get(name, {})
            for arguments in (
                ({**given, "depth": depth} for depth in range(5)) if "depth" in query.arguments else [given]
            ):
                plain = answer(report, name, arguments)
                assert answer(connection, name, arguments, encoded=True) == plain, (name, arguments)


@pytest.mark.parametrize("name", ["by_prefix", "by_class_and_prefix", "by_multipart", "noncurrent_versions"])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_of_an_encoded_key_no_more_than_the_prefix_is_decoded(name, depth):
    row = ["logs/2026/%FF", "v1", "true", "false", "1", None, None, "STANDARD", "true", None]
    with duckdb.connect() as connection:
        make_tables(connection, [row], lambda key: key)
        (found,) = answer(connection, name, {"depth": depth}, encoded=True)
    assert found["prefix"] == ["", "logs/", "logs/2026/"][depth]


@pytest.mark.parametrize("name", READY_QUERIES)
def test_numbers_are_such_as_every_format_of_a_result_has(report, name):
    described = report.execute(ready_query(name, GIVEN.get(name), columns=TYPES)).description
    kinds = {"VARCHAR", "BIGINT", "INTEGER", "DOUBLE", "BOOLEAN", "TIMESTAMP WITH TIME ZONE"}
    assert {str(column[1]) for column in described} <= kinds
    assert all(column[0] == column[0].lower() for column in described)


@pytest.mark.parametrize("name", READY_QUERIES)
def test_data_files_are_read_once(report, name):
    sql = ready_query(name, GIVEN.get(name), columns=TYPES, encoded=True)
    ((_, plan),) = report.execute(f"EXPLAIN (FORMAT JSON) {sql}").fetchall()
    assert len(re.findall(r'"name": "SEQ_SCAN', plan)) == 1


@pytest.mark.parametrize("name", READY_QUERIES)
def test_what_a_query_needs_is_enough(report, name):
    query = READY_QUERIES[name]
    with duckdb.connect() as connection:
        make_tables(connection, report_rows())
        unneeded = [column for column in TYPES if column not in {*query.needs, "Key"}]
        for table in ("inventory", "inventory_encoded"):
            for column in unneeded:
                connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        for encoded in (False, True):
            known = answer(connection, name, GIVEN.get(name), columns={"Key", *query.needs}, encoded=encoded)
            assert answer(connection, name, GIVEN.get(name), columns=None, encoded=encoded) == known
            assert known
