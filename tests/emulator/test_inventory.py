# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest

from airflow_provider_cosinv.emulator import COSEmulator, Delivery, EmulatorSettings
from airflow_provider_cosinv.inventory.configuration import InventoryFilter, Tag
from airflow_provider_cosinv.inventory.configuration_xml import post_body, read_configuration
from airflow_provider_cosinv.inventory.fields import STANDARD_FIELDS
from airflow_provider_cosinv.inventory.xml import parse_xml
from tests.emulator.client import (
    Caller,
    code,
    configuration,
    lines_of,
    manifest_of,
    only_job,
    put_rule,
    rule,
    submit,
)

SOURCE, TARGET = "source-1250000000", "target-1250000000"


def emulator(**settings):
    return COSEmulator(settings=EmulatorSettings(**{"post_rate": 0, **settings}))


def test_a_submission_answers_a_job_id_and_writes_a_report(cos, call, bucket, destination):
    cos.put_object(bucket, "a", b"12345")
    answer = submit(call, bucket, configuration("one", destination))
    job = only_job(cos, bucket)
    assert answer.status_code == 200
    assert parse_xml(answer.content).findtext("JobId") == job["job_id"]
    name = bucket.removesuffix("-1250000000")
    folder = f"reports/1250000000/{name}/one"
    (data_file,) = [key for key in cos.keys(destination) if key.endswith(".csv.gz")]
    assert set(cos.keys(destination)) == {
        f"{folder}/{job['date']}/manifest.checksum",
        f"{folder}/{job['date']}/manifest.json",
        data_file,
    }
    digits = data_file.removeprefix(f"{folder}/").removesuffix(".csv.gz")
    assert len(digits) == 32
    assert int(digits, 16)
    data = cos.get_object(destination, data_file)
    assert manifest_of(cos, job) == {
        "sourceAppid": "1250000000",
        "sourceBucket": name,
        "destinationAppid": "1250000000",
        "destinationBucket": destination.removesuffix("-1250000000"),
        "fileFormat": "CSV",
        "listObjectCount": "1",
        "listStorageSize": "5",
        "filterObjectCount": "1",
        "filterStorageSize": "5",
        "fileSchema": ", ".join(["Appid", "Bucket", "Key", *STANDARD_FIELDS]),
        "files": [{"key": data_file, "size": str(len(data)), "md5Checksum": hashlib.md5(data).hexdigest()}],
    }
    manifest = cos.get_object(destination, f"{folder}/{job['date']}/manifest.json")
    checksum = cos.get_object(destination, f"{folder}/{job['date']}/manifest.checksum")
    assert checksum.decode() == hashlib.md5(manifest).hexdigest()


def test_a_row_has_every_column_quoted_and_its_key_encoded(cos, call, bucket, destination):
    cos.put_object(
        bucket,
        '数/a b+c%,"d".txt',
        b"123456789",
        storage_class="ARCHIVE",
        tags={"k&": "=v", "b": "图"},
        metadata={"x-cos-meta-Owner": "me"},
        last_modified=datetime(2022, 11, 20, 8, 0, tzinfo=timezone.utc),
        is_multipart_uploaded=True,
        replication_status="COMPLETED",
    )
    fields = ("ETag", "Size", "LastModifiedDate", "StorageClass", "Tag", "Crc64", "IsMultipartUploaded")
    fields += ("ReplicationStatus", "x-cos-meta-owner", "x-cos-meta-none")
    submit(call, bucket, configuration("one", destination, optional_fields=fields))
    job = only_job(cos, bucket)
    assert manifest_of(cos, job)["fileSchema"] == ", ".join(("Appid", "Bucket", "Key", *fields))
    etag = hashlib.md5(b"123456789").hexdigest()
    assert "\n".join(lines_of(cos, job)) == (
        f'"1250000000","{bucket.removesuffix("-1250000000")}","%E6%95%B0/a%20b%2Bc%25%2C%22d%22.txt","{etag}","9",'
        '"2022-11-20T08:00:00Z","ARCHIVE","k%26=%3Dv&b=%E5%9B%BE","11051210869376104954","True","COMPLETED","me",""'
    )


FILTERS = [
    (InventoryFilter(), "abcd"),
    (InventoryFilter(prefix="b"), "b"),
    (InventoryFilter(tags=(Tag("age", "18"),)), "bc"),
    (InventoryFilter(tags=(Tag("age", "18"), Tag("x", "y"))), "c"),
    (InventoryFilter(storage_classes=("Archive", "standard_ia")), "bd"),
    (InventoryFilter(created_after=datetime(2022, 1, 1, tzinfo=timezone.utc)), "cd"),
    (InventoryFilter(created_before=datetime(2022, 1, 1, tzinfo=timezone.utc)), "abc"),
    (InventoryFilter(prefix="c", tags=(Tag("age", "18"),), storage_classes=("ARCHIVE",)), ""),
]


@pytest.mark.parametrize(("conditions", "expected"), FILTERS)
def test_a_filter_decides_about_rows_not_about_what_is_listed(cos, call, bucket, destination, conditions, expected):
    moment = [datetime(year, 1, 1, tzinfo=timezone.utc) for year in (2020, 2021, 2022, 2023)]
    cos.put_object(bucket, "a", b"1", last_modified=moment[0])
    cos.put_object(bucket, "b", b"2", last_modified=moment[1], tags={"age": "18"}, storage_class="ARCHIVE")
    cos.put_object(bucket, "c", b"3", last_modified=moment[2], tags={"age": "18", "x": "y"})
    cos.put_object(bucket, "d", b"4", last_modified=moment[3], tags={"age": "19"}, storage_class="STANDARD_IA")
    submit(call, bucket, configuration("one", destination, filter=conditions))
    job = only_job(cos, bucket)
    assert "".join(line.split(",")[2].strip('"') for line in lines_of(cos, job)) == expected
    assert (job["listed_objects"], job["matched_objects"]) == (4, len(expected))


def test_all_versions_have_columns_of_their_own(cos, call, destination):
    cos.create_bucket("history-1250000000", versioning=True)
    first = cos.put_object("history-1250000000", "a", b"1")
    cos.delete_object("history-1250000000", "a")
    cos.put_object("history-1250000000", "b", b"2")
    for versions in ("All", "Current"):
        inventory = configuration(versions, destination, included_object_versions=versions, optional_fields=("Size",))
        submit(call, "history-1250000000", inventory)
    all_versions, current = [job for job in cos.jobs() if job["bucket"] == "history-1250000000"]
    rows = [[value.strip('"') for value in line.split(",")] for line in lines_of(cos, all_versions)]
    assert (
        manifest_of(cos, all_versions)["fileSchema"] == "Appid, Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size"
    )
    assert [row[2:] for row in rows[:2]] == [["a", rows[0][3], "True", "True", ""], ["a", first, "False", "False", "1"]]
    assert [row[2] for row in rows] == ["a", "a", "b"]
    assert [line.split(",")[2] for line in lines_of(cos, current)] == ['"b"']


def test_data_files_are_split_after_a_number_of_rows():
    with emulator(rows_per_file=3) as cos:
        cos.create_bucket(SOURCE, objects=7)
        cos.create_bucket(TARGET)
        submit(Caller(cos), SOURCE, configuration("one", TARGET))
        job = only_job(cos, SOURCE)
        assert len(manifest_of(cos, job)["files"]) == 3
        assert len(lines_of(cos, job)) == 7


def test_nothing_matches_and_the_report_has_no_file(cos, call, bucket, destination):
    submit(call, bucket, configuration("one", destination))
    manifest = manifest_of(cos, only_job(cos, bucket))
    assert (manifest["files"], manifest["filterObjectCount"]) == ([], "0")


def test_a_report_may_go_into_the_bucket_that_is_listed(cos, call, bucket):
    cos.put_object(bucket, "a")
    assert submit(call, bucket, configuration("one", bucket)).status_code == 200
    assert len(lines_of(cos, only_job(cos, bucket))) == 1


@pytest.mark.parametrize(
    ("offset", "zone", "expected"),
    [
        (-3600, "Asia/Shanghai", "20221120"),
        (3600, "Asia/Shanghai", "20221121"),
        (3600, "UTC", "20221120"),
        (3600, "-03:30", "20221120"),
        (3600, "+08:00", "20221121"),
    ],
)
def test_the_date_is_that_of_the_scans_start_in_the_reports_time_zone(offset, zone, expected):
    # 2022-11-20T16:00:00Z is midnight in China.
    midnight = datetime(2022, 11, 20, 16, 0, tzinfo=timezone.utc).timestamp()
    with emulator(report_timezone=zone) as cos:
        cos.set_clock_offset(midnight + offset - datetime.now(timezone.utc).timestamp())
        assert cos._emulation.jobs.today() == expected


def test_an_id_is_unique_in_a_day_and_against_rules(cos, call, bucket, destination):
    assert submit(call, bucket, configuration("one", destination)).status_code == 200
    again = submit(call, bucket, configuration("one", destination))
    assert (again.status_code, code(again)) == (409, "DuplicateInventoryId")
    put_rule(call, bucket, rule("daily", destination))
    assert code(submit(call, bucket, configuration("daily", destination))) == "DuplicateInventoryId"
    assert cos.accepted_posts(bucket) == 1
    cos._emulation.clock.offset = 86400
    tomorrow = cos._emulation.inventories
    source = cos._emulation.store.find(bucket)
    assert tomorrow.submit(source, configuration("one", destination)).date != cos.jobs()[0]["date"]
    assert cos.accepted_posts(bucket) == 2


def test_one_of_many_equal_submissions_at_a_time_is_accepted(cos, bucket, destination):
    inventory = configuration("one", destination)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: submit(Caller(cos), bucket, inventory).status_code, range(16)))
    assert sorted(answers) == [200] + [409] * 15


def test_an_unfinished_job_keeps_its_id_over_midnight():
    with emulator(delivery=Delivery(polls=1), duplicate_status=400) as cos:
        cos.create_bucket(SOURCE)
        submit(Caller(cos), SOURCE, configuration("one", SOURCE))
        cos._emulation.clock.offset = 86400
        cos.add_credential(secret_id="a", secret_key="b")
        with pytest.raises(Exception, match="DuplicateInventoryId") as raised:
            cos._emulation.inventories.submit(cos._emulation.store.find(SOURCE), configuration("one", SOURCE))
        assert raised.value.status == 400


def test_a_bucket_takes_one_submission_per_second():
    with COSEmulator() as cos:
        cos.create_bucket(SOURCE)
        cos.create_bucket(TARGET)
        call = Caller(cos)
        assert submit(call, SOURCE, configuration("one", TARGET)).status_code == 200
        slow = submit(call, SOURCE, configuration("two", TARGET))
        assert (slow.status_code, code(slow)) == (503, "SlowDown")
        assert submit(call, TARGET, configuration("one", TARGET)).status_code == 200


def _body(text: str, replacement: str = "", destination: str = TARGET) -> bytes:
    body = post_body(configuration("one", destination))
    assert text.encode() in body
    return body.replace(text.encode(), replacement.encode())


@pytest.mark.parametrize(
    ("text", "replacement", "status", "expected"),
    [
        ("<Id>one</Id>", "", 400, "MalformedXML"),
        ("<Id>one</Id>", "<Id>two</Id>", 400, "InvalidArgument"),
        ("<Id>one</Id>", "<Id>one</Id><IsEnabled>true</IsEnabled>", 400, "MalformedXML"),
        ("<Id>one</Id>", "<Id>one</Id><Schedule><Frequency>Daily</Frequency></Schedule>", 400, "MalformedXML"),
        ("</InventoryConfiguration>", "", 400, "MalformedXML"),
        ("InventoryConfiguration>", "Other>", 400, "MalformedXML"),
        ("CSV", "ORC", 400, "InvalidArgument"),
        ("Current", "Some", 400, "InvalidArgument"),
        ("<Field>Size</Field>", "<Field>Weight</Field>", 400, "InvalidArgument"),
        ("ap-guangzhou", "ap-beijing", 400, "InvalidArgument"),
        (TARGET, "missing-1250000000", 404, "NoSuchBucket"),
        (TARGET, "elsewhere-1250000000", 400, "InvalidArgument"),
        (TARGET, "closed-1250000000", 403, "AccessDenied"),
    ],
)
def test_a_wrong_submission_is_refused(cos, call, bucket, text, replacement, status, expected):
    existing = {one["name"] for one in cos.state()["buckets"]}
    if TARGET not in existing:
        cos.create_bucket(TARGET)
        cos.create_bucket("elsewhere-1250000000", region="ap-beijing")
        cos.create_bucket("closed-1250000000", accepts_reports=False)
    answer = call("POST", bucket, params={"inventory": "", "id": "one"}, data=_body(text, replacement))
    assert (answer.status_code, code(answer)) == (status, expected)
    assert cos.accepted_posts(bucket) == 0


def test_a_submission_needs_a_body_and_an_id(call, bucket):
    assert code(call("POST", bucket, params={"inventory": "", "id": "one"})) == "MissingRequestBodyError"
    for wrong in ("", "a/b"):
        answer = call("POST", bucket, params={"inventory": "", "id": wrong}, data=_body("CSV", "CSV"))
        assert code(answer) == "InvalidArgument"


@pytest.mark.parametrize("name", ["SSE-COS", "SSECOS"])
def test_both_spellings_of_the_encryption_are_taken(cos, call, bucket, destination, name):
    body = _body("<Format>", f"<Encryption><{name}></{name}></Encryption><Format>", destination)
    assert call("POST", bucket, params={"inventory": "", "id": "one"}, data=body).status_code == 200


@pytest.mark.parametrize("target", ["missing-1250000000", "elsewhere-1250000000", "closed-1250000000"])
def test_without_a_check_a_wrong_destination_just_gets_nothing(target):
    with emulator(check_destination=False) as cos:
        cos.create_bucket(SOURCE)
        cos.create_bucket("elsewhere-1250000000", region="ap-beijing")
        cos.create_bucket("closed-1250000000", accepts_reports=False)
        assert submit(Caller(cos), SOURCE, configuration("one", target)).status_code == 200
        assert only_job(cos, SOURCE)["state"] == "lost"


def test_a_report_appears_after_n_polls_of_its_folder():
    with emulator(delivery=Delivery.parse("polls:3")) as cos:
        cos.create_bucket(SOURCE)
        cos.create_bucket(TARGET)
        call = Caller(cos)
        submit(call, SOURCE, configuration("one", TARGET))
        cos._emulation.jobs.all()[0].scanned.wait(5)
        job = only_job(cos, SOURCE)
        key = f"{job['report_prefix']}/{job['date']}/manifest.checksum"
        call("HEAD", TARGET, "other")
        call("GET", TARGET, params={"prefix": "rep"})
        assert only_job(cos, SOURCE)["missed_polls"] == 0
        assert call("HEAD", TARGET, key).status_code == 404
        assert call("GET", TARGET, key).status_code == 404
        assert call("GET", TARGET, params={"prefix": f"{job['report_prefix']}/"}).status_code == 200
        assert call("HEAD", TARGET, key).status_code == 200


def test_a_report_appears_after_t_seconds_of_the_emulators_clock():
    with emulator(delivery=Delivery.parse("seconds:30")) as cos:
        cos.create_bucket(SOURCE)
        submit(Caller(cos), SOURCE, configuration("one", SOURCE))
        cos._emulation.jobs.all()[0].scanned.wait(5)
        assert cos.keys(SOURCE) == []
        cos.set_clock_offset(31)
        assert len(cos.keys(SOURCE)) == 2


@pytest.mark.parametrize("text", ["later", "polls:", "polls:-1", "seconds:x"])
def test_a_time_of_delivery_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="time of delivery"):
        Delivery.parse(text)


def test_a_rule_is_set_read_and_deleted(call, bucket, destination):
    inventory = rule("daily", destination, filter=InventoryFilter(prefix="a", tags=(Tag("k", "v"),)))
    assert put_rule(call, bucket, inventory).status_code == 200
    params = {"inventory": "", "id": "daily"}
    assert read_configuration(call("GET", bucket, params=params).content) == inventory
    assert call("DELETE", bucket, params=params).status_code == 204
    gone = call("GET", bucket, params=params)
    assert (gone.status_code, code(gone)) == (404, "InventoryConfigurationNotFoundError")
    assert call("DELETE", bucket, params=params).status_code == 204


def test_a_rule_needs_a_schedule(call, bucket, destination):
    body = post_body(configuration("daily", destination))
    assert code(call("PUT", bucket, params={"inventory": "", "id": "daily"}, data=body)) == "MalformedXML"


def test_rules_are_listed_a_hundred_at_a_time_in_the_order_of_their_creation(cos, call, bucket, destination):
    source = cos._emulation.store.find(bucket)
    for number in range(150):
        cos._emulation.inventories.put_rule(source, rule(f"ID-{number}", destination))
    first = parse_xml(call("GET", bucket, params={"inventory": "", "continuation-token": ""}).content)
    token = first.findtext("NextContinuationToken")
    second = parse_xml(call("GET", bucket, params={"inventory": "", "continuation-token": token}).content)
    assert (first.findtext("IsTruncated"), second.findtext("IsTruncated")) == ("true", "false")
    ids = [one.text for page in (first, second) for one in page.findall("InventoryConfiguration/Id")]
    assert ids == [f"ID-{number}" for number in range(150)]
    assert len(first.findall("InventoryConfiguration")) == 100


def test_a_bucket_has_at_most_a_thousand_rules(cos, call, bucket, destination):
    source = cos._emulation.store.find(bucket)
    for number in range(1000):
        cos._emulation.inventories.put_rule(source, rule(f"ID-{number}", destination))
    assert code(put_rule(call, bucket, rule("one-more", destination))) == "InventoryFull"
    assert put_rule(call, bucket, rule("ID-0", destination)).status_code == 200


def test_a_rule_delivers_when_told_to(cos, call, bucket, destination):
    put_rule(call, bucket, rule("daily", destination))
    assert cos.keys(destination) == []
    job = cos.deliver_rule(bucket, "daily")
    assert (job["state"], job["periodic"]) == ("delivered", True)
    assert cos.deliver_rule(bucket, "daily")["state"] == "delivered"
    put_rule(call, bucket, rule("daily", destination, is_enabled=False))
    with pytest.raises(Exception, match="InvalidRequest"):
        cos.deliver_rule(bucket, "daily")


def test_a_prefix_of_any_spelling_has_one_place(cos, call, bucket, destination):
    for number, prefix in enumerate((None, "/", "a/", "/a")):
        submit(call, bucket, configuration(f"i{number}", destination, prefix=prefix))
    roots = {key.partition("/")[0] for key in cos.keys(destination)}
    assert roots == {"1250000000", "a"}
