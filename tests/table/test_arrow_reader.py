# SPDX-License-Identifier: Apache-2.0
"""Whatever is read a block at a time is what the record reader reads."""

from __future__ import annotations

import gzip
import itertools
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cosinv.table.columns import table_columns
from airflow_provider_cosinv.table.csv.arrow_reader import ArrowReader
from tests.support.examples import examples
from tests.table.tables import BUCKET, records_of

COLUMNS = ("Key", "x-cos-meta-a")


def reader_of(columns: Sequence[str]) -> ArrowReader:
    table = table_columns(columns)
    return ArrowReader(columns=table, wanted=table, bucket=BUCKET, decodes_keys=True)


READERS = {count: reader_of(COLUMNS[:count]) for count in (1, 2)}


def quickly(text: bytes, columns: int = 2) -> list[tuple[str, ...]] | None:
    block = READERS[columns].quickly(text)
    return None if block is None else [tuple(row.values()) for row in block.batch.to_pylist()]


def by_records(text: bytes, columns: int = 2) -> object:
    found = records_of(gzip.compress(text, 1), COLUMNS[:columns])
    if not isinstance(found, list):
        return found
    return [(record.key, *record.metadata.values()) for record in found]


@pytest.mark.parametrize("columns", [1, 2])
def test_all_short_texts(columns: int) -> None:
    read = 0
    for length in range(1, 6):
        for characters in itertools.product('a,"\n\r ', repeat=length):
            text = "".join(characters).encode()
            if (rows := quickly(text, columns)) is not None:
                read += 1
                assert rows == by_records(text, columns), text
    assert read > 20


_FIELDS = [
    '"a"',
    '"b,c"',
    "a",
    '""',
    "",
    '"x""y"',
    "a b",
    '"q\n"',
    ' "z"',
    '"z" ',
    '"a"b',
    'b"',
    '",c"',
    '"a,"b"',
    'c"',
]


@examples(3000)
@given(
    rows=st.lists(st.tuples(st.sampled_from(_FIELDS[:6] + _FIELDS), st.sampled_from(_FIELDS)), min_size=1, max_size=4),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_rows_of_good_and_bad_fields(rows: Sequence[tuple[str, str]], line_end: str) -> None:
    text = "".join(f"{key},{value}{line_end}" for key, value in rows).encode()
    if (found := quickly(text)) is not None:
        assert found == by_records(text)


@pytest.mark.parametrize(
    "text",
    [
        b'"a","b"\n"c","d"\n',
        b'"a","b"\r\n"c","d"\r\n',
        b'"a","b"\n"c","d"',
        b"a,b\nc,d\n",
        b'a,b\nc,"d"\n',
        b'"a","b"\n"c","d, ""e"", f"\n"g",""\n',
        b'"a","b"\n' * 1000 + b'"c","""d"""\n' * 1000,
        '"清单","单"\n'.encode(),
    ],
)
def test_what_is_usual_is_read_without_the_record_reader(text: bytes) -> None:
    rows = quickly(text)

    assert rows is not None
    assert rows == by_records(text)


# Each of them is an error, or something else, to the csv module.
@pytest.mark.parametrize(
    "text",
    [
        b'"a"b,"c"\n',
        b'"a" ,"c"\n',
        b'"a,"b","c"\n',
        b'",c","a"\nc","a,"b"\n',
        b'"a", "c"\n',
        b'"a"\n"b","c"\n',
        b'"a","b","c"\n',
        b'"a","b\nc"\n',
        b"a, b\n",
        b" a,b\n",
        b"a,b\rc,d\n",
        b'"a","b"\n\n"c","d"\n',
        b'"","b"\n',
        b'"a","\xff"\n',
        b'"a","' + b"x" * 200_000 + b'"\n',
    ],
)
def test_what_may_be_read_in_another_way_is_left_to_the_record_reader(text: bytes) -> None:
    assert quickly(text) is None


# pyarrow imports pandas for many a conversion, where it is installed: a second of each task.
_READS_ALL_KINDS = """
import sys

class Watch:
    asked_for = set()

    def find_spec(self, name, *_):
        self.asked_for.add(name)

sys.meta_path.insert(0, Watch())
from airflow_provider_cosinv.table.csv.key_order import FileOrder
from airflow_provider_cosinv.table.csv.arrow_reader import ArrowReader
from airflow_provider_cosinv.table.columns import table_columns

columns = table_columns(("Key", "VersionId", "Size", "LastModifiedDate", "ETag", "IsLatest", "Tag", "Crc64"))
reader = ArrowReader(columns=columns, wanted=columns, bucket="b-1250000000", decodes_keys=True, tells_order=True)
row = b'"a%2Fb","v{}","1","2026-11-26T00:00:00.000Z","e","True","k=v&l=w","7"\\n'
rows = b"".join(row.replace(b"{}", version) for version in (b"3", b"1", b"2"))
block = reader.quickly(rows + b'"c","","","","","","",""\\n')
assert block is not None and block.batch.num_rows == 4
order = FileOrder()
order.add(block.identities)
assert order.span is not None
print("pandas" in Watch.asked_for)
"""


def test_reading_brings_no_pandas() -> None:
    done = subprocess.run([sys.executable, "-c", _READS_ALL_KINDS], stdout=subprocess.PIPE, text=True, check=True)

    assert done.stdout.strip() == "False"
