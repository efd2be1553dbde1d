# SPDX-License-Identifier: Apache-2.0
"""
Odd rows, and what they mean: to the record reader, to the table, to any engine of one's own.

``VALUES`` are odd fields in an otherwise usual row, ``FILES`` are odd files.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

#: One column of each type.
COLUMNS = ("Appid", "Bucket", "Key", "Size", "LastModifiedDate", "ETag", "IsLatest", "Tag", "Crc64", "x-cos-meta-a")
USUAL = {
    "Appid": "1250000000",
    "Bucket": "examplebucket",
    "Key": "a/b.txt",
    "Size": "12",
    "LastModifiedDate": "2022-11-20T02:53:38Z",
    "ETag": "d41d8cd98f00b204e9800998ecf8427e",
    "IsLatest": "True",
    "Tag": "age=18",
    "Crc64": "7",
    "x-cos-meta-a": "x",
}


class _Refused:
    def __repr__(self) -> str:
        return "REFUSED"


#: Of a value: no reader may take it.
REFUSED: Any = _Refused()


@dataclass(frozen=True)
class OddFile:
    """
    An odd file.

    :param name: what is odd
    :param text: inflated; its columns are Appid, Bucket, Key, Size and x-cos-meta-a
    :param rows: key, size and metadata of each row; None where the file must be refused
    :param line: that the refusal names
    """

    name: str
    text: bytes
    rows: tuple[tuple[str, int | None, str | None], ...] | None
    line: int | None = None


def _at(*moment: int, zone: float = 0) -> datetime:
    return datetime(*moment, tzinfo=timezone(timedelta(hours=zone)))  # type: ignore[arg-type,misc]  # microseconds come last


_NIGHT = _at(2022, 11, 20, 2, 53, 38)

#: Column, text, value.
VALUES: tuple[tuple[str, str, Any], ...] = (
    # Keys
    ("Key", "a%2Fb%2fc", "a/b/c"),
    ("Key", "%E6%B8%85%E5%8D%95/%F0%9F%98%80", "清单/😀"),
    ("Key", "清单/😀", "清单/😀"),
    ("Key", "%e6%b8%85", "清"),
    ("Key", "a+b", "a+b"),
    ("Key", "a%2Bb%20c", "a+b c"),
    ("Key", "%2525", "%25"),
    ("Key", "a%0Ab%0D%0Ac", "a\nb\r\nc"),
    ("Key", "a%00b", "a\0b"),
    ("Key", "%00", "\0"),
    ("Key", "NULL", "NULL"),
    ("Key", "nan", "nan"),
    ("Key", "null", "null"),
    ("Key", "a,b", "a,b"),
    ("Key", 'say "hi"', 'say "hi"'),
    ("Key", "two\nlines", "two\nlines"),
    ("Key", "two\r\nlines", "two\r\nlines"),
    ("Key", " leading and trailing ", " leading and trailing "),
    ("Key", "%20leading", " leading"),
    ("Key", "//a//", "//a//"),
    ("Key", "#a", "#a"),
    ("Key", "\\N", "\\N"),
    ("Key", "a\\\"b'", "a\\\"b'"),
    ("Key", "\ufeffa", "\ufeffa"),
    ("Key", "a\u2028b\x85c", "a\u2028b\x85c"),
    ("Key", "x" * 850, "x" * 850),
    ("Key", "%E6%B8%85" * 280, "清" * 280),
    ("Key", "%FF", REFUSED),
    ("Key", "a%ED%A0%80", REFUSED),
    ("Key", "%C0%80", REFUSED),
    ("Key", "%zz", REFUSED),
    ("Key", "100%", REFUSED),
    ("Key", "a%2", REFUSED),
    ("Key", "%%41", REFUSED),
    ("Key", "%\n41", REFUSED),
    ("Key", "", REFUSED),
    # Numbers
    ("Size", "", None),
    ("Size", "0", 0),
    ("Size", "012", 12),
    ("Size", "000", 0),
    ("Size", "9223372036854775807", 2**63 - 1),
    ("Size", "9223372036854775808", REFUSED),
    ("Size", "1" + "0" * 5000, REFUSED),
    ("Size", "12x", REFUSED),
    ("Size", "+1", REFUSED),
    ("Size", "-1", REFUSED),
    ("Size", "-0", REFUSED),
    ("Size", "1_0", REFUSED),
    ("Size", "1.0", REFUSED),
    ("Size", "1e3", REFUSED),
    ("Size", "0x1F", REFUSED),
    ("Size", "１２", REFUSED),
    ("Size", " 12", REFUSED),
    ("Size", "12 ", REFUSED),
    ("Size", "NaN", REFUSED),
    ("Crc64", "", None),
    ("Crc64", "18446744073709551615", 2**64 - 1),
    ("Crc64", "007", 7),
    ("Crc64", "18446744073709551616", REFUSED),
    ("Crc64", "-1", REFUSED),
    # Booleans
    ("IsLatest", "", None),
    ("IsLatest", "true", True),
    ("IsLatest", "TRUE", True),
    ("IsLatest", "tRuE", True),
    ("IsLatest", "1", True),
    ("IsLatest", "False", False),
    ("IsLatest", "false", False),
    ("IsLatest", "FALSE", False),
    ("IsLatest", "0", False),
    ("IsLatest", "maybe", REFUSED),
    ("IsLatest", "t", REFUSED),
    ("IsLatest", "yes", REFUSED),
    ("IsLatest", "01", REFUSED),
    ("IsLatest", "True ", REFUSED),
    # Times
    ("LastModifiedDate", "", None),
    ("LastModifiedDate", "2022-11-20T02:53:38.000Z", _NIGHT),
    ("LastModifiedDate", "2022-11-20T02:53:38.5Z", _NIGHT + timedelta(microseconds=500_000)),
    ("LastModifiedDate", "2022-11-20T02:53:38.123456Z", _NIGHT + timedelta(microseconds=123_456)),
    ("LastModifiedDate", "2022-11-20T02:53:38.999999999Z", _NIGHT + timedelta(microseconds=999_999)),
    ("LastModifiedDate", "2022-11-20 02:53:38", _NIGHT),
    ("LastModifiedDate", "2022-11-20 02:53:38 UTC", _NIGHT),
    ("LastModifiedDate", "2022-11-20t02:53:38z", _NIGHT),
    ("LastModifiedDate", "2022-11-20T10:53:38+08:00", _NIGHT),
    ("LastModifiedDate", "2022-11-20T10:53:38.000+08:00", _NIGHT),
    ("LastModifiedDate", "2022-11-20T10:53:38+0800", _NIGHT),
    ("LastModifiedDate", "2022-11-19T23:23:38-03:30", _NIGHT),
    ("LastModifiedDate", "2022-11-20T23:53:38+21:00", _NIGHT),
    ("LastModifiedDate", "1668912818", _NIGHT),
    ("LastModifiedDate", "1000000000", _at(2001, 9, 9, 1, 46, 40)),
    ("LastModifiedDate", "Sun, 20 Nov 2022 02:53:38 GMT", _NIGHT),
    ("LastModifiedDate", "2024-02-29T00:00:00Z", _at(2024, 2, 29)),
    ("LastModifiedDate", "1582-10-10T00:00:00Z", _at(1582, 10, 10)),
    ("LastModifiedDate", "0001-01-01T00:00:00+14:00", _at(1, 1, 1, zone=14)),
    ("LastModifiedDate", "9999-12-31T23:59:59.999999-14:00", _at(9999, 12, 31, 23, 59, 59, 999_999, zone=-14)),
    ("LastModifiedDate", "2022-02-29T00:00:00Z", REFUSED),
    ("LastModifiedDate", "2022-13-20T02:53:38Z", REFUSED),
    ("LastModifiedDate", "2022-11-20T24:00:00Z", REFUSED),
    ("LastModifiedDate", "2022-11-20T02:53:60Z", REFUSED),
    ("LastModifiedDate", "2022-11-20T02:53:38+24:00", REFUSED),
    ("LastModifiedDate", "2022-11-20T 2:53:38Z", REFUSED),
    ("LastModifiedDate", " 2022-11-20T02:53:38Z", REFUSED),
    ("LastModifiedDate", "2022-11-20", REFUSED),
    ("LastModifiedDate", "Sun, 20 Nov 2022 02:53:38 CST", REFUSED),
    ("LastModifiedDate", "infinity", REFUSED),
    ("LastModifiedDate", "0", REFUSED),
    ("LastModifiedDate", "20260101", REFUSED),
    ("LastModifiedDate", "0020260101", REFUSED),
    ("LastModifiedDate", "202601010000", REFUSED),
    ("LastModifiedDate", "20260101000000", REFUSED),
    ("LastModifiedDate", "1668912818000", REFUSED),
    ("LastModifiedDate", "１６６８９１２８１８", REFUSED),
    ("LastModifiedDate", "99999999999999999999", REFUSED),
    # ETags
    ("ETag", "", None),
    ("ETag", '"d41d8cd98f00b204e9800998ecf8427e"', "d41d8cd98f00b204e9800998ecf8427e"),
    ("ETag", '"d41d8cd98f00b204e9800998ecf8427e-12"', "d41d8cd98f00b204e9800998ecf8427e-12"),
    ("ETag", 'a"b', 'a"b'),
    ("ETag", '""', None),
    # Tags
    ("Tag", "", None),
    ("Tag", "&", {}),
    ("Tag", "a", {"a": ""}),
    ("Tag", "a=", {"a": ""}),
    ("Tag", "=b", {"": "b"}),
    ("Tag", "a=b=c", {"a": "b=c"}),
    ("Tag", "a=1&&b=2&", {"a": "1", "b": "2"}),
    ("Tag", "a=1&a=2", {"a": "2"}),
    ("Tag", "a=1&%61=2", {"a": "2"}),
    ("Tag", "a=1&A=2", {"a": "1", "A": "2"}),
    ("Tag", "a+b=c%2Bd", {"a b": "c+d"}),
    ("Tag", "%E5%9F%8E=%E5%8C%97&城=京", {"城": "京"}),
    ("Tag", "a=%26%3D", {"a": "&="}),
    ("Tag", "a=50%", {"a": "50%"}),
    ("Tag", "a=%zz", {"a": "%zz"}),
    ("Tag", "a=%FF", {"a": "\ufffd"}),
    ("Tag", "a,b=c", {"a,b": "c"}),
    ("Tag", " a=b", {" a": "b"}),
    ("Tag", "a=\n", {"a": "\n"}),
    # Text
    ("x-cos-meta-a", "", None),
    ("x-cos-meta-a", " ", " "),
    ("x-cos-meta-a", "\t", "\t"),
    ("x-cos-meta-a", "\n", "\n"),
    ("x-cos-meta-a", 'a, "b"', 'a, "b"'),
    ("x-cos-meta-a", '"', '"'),
    ("x-cos-meta-a", "\r", "\r"),
    ("x-cos-meta-a", "NULL", "NULL"),
    ("Appid", "", None),
)

#: Those that one report may have: beside a key with %2B, none has a plus of its own.
TOGETHER = tuple(case for case in VALUES if case[2] is not REFUSED and case[:2] != ("Key", "a+b"))

# As long as a field may be, and three times as long when it is percent-encoded.
_LONG = "清" * 130_000
_A = ("a", 1, "x")
_B = ("b", 2, None)
_FEW = b"1,s,a,1,x\n1,s,b,2\n"

#: Bytes that are UTF-8, or not, and end their lines in every way.
FILES: tuple[OddFile, ...] = (
    OddFile("nothing", b"", ()),
    OddFile("one blank line", b"\n", ()),
    OddFile("blank lines", b"\n\n1,s,a,1,x\n\n\r\n1,s,b,2,\n\n", (_A, _B)),
    OddFile("CRLF", b"1,s,a,1,x\r\n1,s,b,2,\r\n", (_A, _B)),
    OddFile("mixed line ends", b"1,s,a,1,x\r\n1,s,b,2,\n1,s,a,1,x\r\n", (_A, _B, _A)),
    OddFile("no newline at the end", b"1,s,a,1,x\n1,s,b,2,", (_A, _B)),
    OddFile("a carriage return at the end", b"1,s,a,1,x\n1,s,b,2,\r", (_A, _B)),
    OddFile("a byte order mark", b"\xef\xbb\xbf1,s,a,1,x\n1,s,b,2,\n", (_A, _B)),
    OddFile("a byte order mark before a quote", b'\xef\xbb\xbf"1","s","a","1","x"\n', (_A,)),
    OddFile("spaces behind commas", b"1, s, a, 1, x\n1,  s,b, 2, \n", (_A, _B)),
    OddFile("spaces before lines", b" 1,s,a,1,x\n  1,s,b,2,\n", (_A, _B)),
    OddFile("spaces before quotes", b'1, "s", "a", "1", "x"\n "1", "s", "b", "2", ""\n', (_A, _B)),
    OddFile("commas in quotes behind spaces", b'1,s, "a,b",1, "x, y"\n', (("a,b", 1, "x, y"),)),
    OddFile("spaces within quotes", b'1,s," a",1," x"\n', ((" a", 1, " x"),)),
    OddFile("newlines within quotes", b'1,s,"a\nb",1,"x\r\ny"\n1,s,b,2,\n', (("a\nb", 1, "x\r\ny"), _B)),
    OddFile("a newline alone within quotes", b'1,s,a,1,"\n"\n', (("a", 1, "\n"),)),
    OddFile("a carriage return within quotes", b'1,s,a,1,"x\ry"\n', (("a", 1, "x\ry"),)),
    OddFile("a quote in a plain field", b'1,s,a"b,1,x"\n', (('a"b', 1, 'x"'),)),
    OddFile("doubled quotes", b'1,s,"a""b",1,""""\n', (('a"b', 1, '"'),)),
    OddFile("some fields quoted", b'1,"s",a,"1",x\n"1",s,"b",2,""\n', (_A, _B)),
    OddFile("a header is a row", b"Appid,Bucket,Key,Size,x-cos-meta-a\n", None, 1),
    OddFile("too few fields", _FEW, None, 2),
    OddFile("far too few fields", b"1,s,a,1,x\n1\n", None, 2),
    OddFile("too many fields", b"1,s,a,1,x\n1,s,b,2,,y\n", None, 2),
    OddFile("a huge number of fields", b"1,s,a,1,x\n" + b"," * 100_000 + b"\n", None, 2),
    OddFile("a line of one space", b"1,s,a,1,x\n \n", None, 2),
    OddFile("a quoted empty line", b'1,s,a,1,x\n""\n', None, 2),
    OddFile("text behind a quote", b'1,s,"a"b,1,x\n', None, 1),
    OddFile("a space behind a quote", b'1,s,"a" ,1,x\n', None, 1),
    OddFile("a quote that is never closed", b'1,s,a,1,x\n1,s,"b,2,\n', None, 2),
    OddFile("carriage returns alone", b"1,s,a,1,x\r1,s,b,2,\r", None, 1),
    OddFile("bytes that are not UTF-8", b"1,s,a,1,x\n1,s,b,2,\xff\n", None, 2),
    OddFile("half a character at the end", b"1,s,a,1,x\n1,s,b,2,\xe6\xb8", None, 2),
    OddFile("UTF-16", "1,s,a,1,x\n".encode("utf-16"), None, 1),
    OddFile("a long row", b"1,%s,%s,1,%s\n" % ((_LONG.encode(),) * 3), ((_LONG, 1, _LONG),)),
    OddFile("a very long field", b"1,s,a,1,x\n1,s,b,2," + b"y" * 2**20 + b"\n", None, 2),
    OddFile("a very long row", b"1,s,a,1,x\n" + b'"",' * 2**19 + b"\n", None, 2),
)

FILE_COLUMNS = ("Appid", "Bucket", "Key", "Size", "x-cos-meta-a")


def line_of(column: str, text: str) -> bytes:
    """A row that is usual but for one value, with all its fields in quotes."""
    row = {**USUAL, column: text}
    return (",".join('"' + value.replace('"', '""') + '"' for value in row.values()) + "\n").encode()


_WHOLE = gzip.compress(b"1,s,a,1,x\n" * 1000)
#: Stored bodies that are broken as bytes, by what is broken; each is described by its own size and MD5.
BROKEN_GZIP = {
    "no gzip": _FEW,
    "cut off": _WHOLE[:-9],
    "a wrong CRC": _WHOLE[:-8] + bytes([_WHOLE[-8] ^ 1]) + _WHOLE[-7:],
    "garbage behind it": _WHOLE + b"garbage",
}
