# SPDX-License-Identifier: Apache-2.0
"""Answers of anything but COS: whatever their bytes, only errors of this package come out, with clean texts."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from airflow_provider_cosinv.cos.client import COSClient
from airflow_provider_cosinv.cos.protocol.responses import Answer, object_info, read_http_date, received_headers
from airflow_provider_cosinv.exceptions import COSInventoryError
from tests.cos.conftest import BUCKET, QUICK, AsyncHalf, SyncHalf
from tests.cos.scripted_server import Reply

HEADERS = ["x-cos-request-id", "x-cos-trace-id", "ETag", "Date", "Last-Modified", "Location", "x-cos-bucket-region"]


class RawServer:
    """Answers every request with the same bytes."""

    def __init__(self):
        self.answer = b""
        raw = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.settimeout(5)
                with contextlib.suppress(OSError):
                    self.request.recv(65536)
                    self.request.sendall(raw.answer)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def raw():
    server = RawServer()
    yield server
    server.stop()


def is_clean(error):
    texts = [str(error), *error.args, *(value for value in error.details().values() if isinstance(value, str))]
    return all(text.isprintable() and text.encode() for text in texts) and json.dumps(error.as_dict())


def unclean_error_of(call):
    """Return the error of the package that a call ends in, if it is not clean; any other escapes."""
    try:
        call()
    except COSInventoryError as error:
        return None if is_clean(error) else error


#: Lines of a head, most of them nearly right.
head_line = st.one_of(
    st.builds(
        lambda name, value: name.encode() + b": " + value,
        st.sampled_from([*HEADERS, "Content-Length", "Content-Range", "Content-Encoding", "Transfer-Encoding"]),
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from([b"9" * 5000, b"\xff\xfe", b"chunked", b"gzip", b'W/"a"', b"bytes 5-1/2", b"-1", b""]),
        ),
    ),
    st.binary(max_size=60),
)
answer = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda status, lines, body: b"HTTP/1.1 %b\r\n%b\r\n\r\n%b" % (status, b"\r\n".join(lines), body),
        st.sampled_from(
            [b"200 OK", b"206 Part", b"301 \xff", b"403 \x1b", b"404 ", b"500 A", b"999 A", b"200", b"20 A"]
        ),
        st.lists(head_line, max_size=5),
        st.one_of(
            st.binary(max_size=80), st.just(b"<Error><Code>A\xc2\x85</Code><Message>\xe2\x80\xae</Message></Error>")
        ),
    ),
)
CALLS = [
    ("get_object", {"key": "a", "max_bytes": 100}),
    ("head_bucket", {}),
    ("list", {}),
]


@examples(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=answer, call=st.sampled_from(CALLS))
@pytest.mark.parametrize("half", [SyncHalf(), AsyncHalf()], ids=lambda half: half.name)
def test_any_answer_gives_result_or_clean_error(raw, settings, half, data, call):
    raw.answer = data
    method, arguments = call
    if method == "list":
        method, arguments = ("list_buckets", {}) if half.name == "sync" else ("list_prefixes", {"prefix": "a"})
    bucket = () if method == "list_buckets" else (BUCKET,)
    quick = replace(settings, endpoint_url=raw.url, timeout=2)
    assert not unclean_error_of(lambda: half.call(quick, method, *bucket, **arguments))


@examples(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=answer)
def test_any_download_gives_bytes_or_clean_error(raw, settings, data):
    raw.answer = data
    with COSClient(settings=replace(settings, endpoint_url=raw.url, timeout=2), retry_policy=QUICK) as client:
        for call in (
            lambda: list(client.stream_object(BUCKET, "a", size=50)),
            lambda: client.get_range(BUCKET, "a", start=0, length=5, if_match="a"),
        ):
            assert not unclean_error_of(call)


@given(st.text(st.characters(), max_size=60) | st.from_regex(r"\w{3}, \d{1,2} Dec \d{1,6} \d\d:\d\d:\d\d [+-]\d{4}"))
def test_any_date_header_is_a_time_or_none(text):
    moment = read_http_date(text)
    assert moment is None or (moment.tzinfo is timezone.utc and 1970 <= moment.year <= 9000)


@pytest.mark.parametrize(
    "text",
    ["Fri, 31 Dec 9999 23:59:59 -0100", "Thu, 01 Jan 1970 00:00:00 +0100", "Fri, 31 Dec 9999 23:59:59 GMT", "9" * 5000],
    ids=["over-the-end", "before-the-beginning", "at-the-end", "digits"],
)
def test_date_at_the_ends_of_the_calendar_is_none(text):
    assert read_http_date(text) is None


def test_common_date_is_read():
    assert read_http_date("Mon, 28 Aug 2018 02:53:38 GMT") == datetime(2018, 8, 28, 2, 53, 38, tzinfo=timezone.utc)


@pytest.mark.parametrize("digits", ["9" * 5000, "١٢", "-1", "1e3", "9" * 19, ""], ids=range(6))
def test_length_that_is_no_number_of_cos_is_unknown(digits):
    answer = Answer(status=206, headers={"content-length": digits, "content-range": f"bytes {digits}-5/6"})
    assert answer.content_length() is None
    assert answer.content_range is None


@given(st.dictionaries(st.text(st.characters(), max_size=5), st.text(st.characters(), max_size=700), max_size=3))
def test_received_headers_are_clean_and_bounded(headers):
    for value in received_headers(headers.items()).values():
        assert value.isprintable()
        assert len(value) <= 500


def test_texts_of_an_error_document_are_cleaned(half, server, settings):
    body = f"<Error><Code>Odd&#x85;</Code><Message>line&#10;{'x' * 900}\u202e</Message></Error>".encode()
    server.answer(Reply(status=400, body=body, headers={"x-cos-trace-id": "t\xff"}))
    with pytest.raises(COSInventoryError) as caught:
        half.call(settings, "get_object", BUCKET, "a", max_bytes=10)
    assert is_clean(caught.value)
    assert r"line\n" in caught.value.message
    assert "x" * 501 not in str(caught.value)


def test_job_id_of_an_answer_is_cleaned(client, server, configuration):
    body = "<PostInventoryResult><JobId>job&#10;\u202e</JobId></PostInventoryResult>".encode()
    server.answer(Reply(body=body))
    assert client.post_bucket_inventory(BUCKET, configuration).job_id == r"job\n\u202e"


@pytest.mark.parametrize(
    "location", ["http://h\xff/", "//", "http://[", "\x80"], ids=["latin-1", "no-host", "bracket", "byte"]
)
def test_redirect_to_an_odd_place_is_refused(half, server, settings, location):
    server.answer(Reply(status=301, headers={"Location": location}))
    with pytest.raises(COSInventoryError, match="was redirected to") as caught:
        half.call(settings, "get_object", BUCKET, "a", max_bytes=10)
    assert is_clean(caught.value)


@pytest.mark.parametrize(
    ("header", "etag"),
    [('W/"a"', "a"), ('w/"a"', "a"), ('"a"', "a"), ("a", "a"), ('""', None), ("W/", None), ("", None)],
    ids=["weak", "weak-lower-case", "strong", "bare", "empty", "only-the-mark", "nothing"],
)
def test_etag_is_compared_without_quotes_and_weakness(header, etag):
    assert object_info(Answer(status=200, headers={"etag": header})).etag == etag


@pytest.mark.parametrize(
    "content_range", ["bytes 0-4/10", "bytes 5-9/10", "bytes 1-4/*"], ids=["first", "last", "unknown"]
)
def test_part_for_a_whole_object_is_refused(half, server, settings, content_range):
    server.answer(Reply(status=206, body=b"12345", headers={"Content-Range": content_range}))
    with pytest.raises(COSInventoryError, match="asked for the whole object and sent another part"):
        half.call(settings, "get_object", BUCKET, "a", max_bytes=10)
