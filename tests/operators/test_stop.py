# SPDX-License-Identifier: Apache-2.0
"""SIGTERM while a task of the table works, handled as Airflow does: nothing is left behind."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from contextlib import contextmanager

import pytest

from airflow_provider_cosinv.cos.uploads import UploadCalls
from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.emulator.settings import EmulatorSettings
from airflow_provider_cosinv.hooks.airflow_errors import AirflowFailException
from airflow_provider_cosinv.operators.cos_inventory_diff import COSInventoryDiffOperator
from airflow_provider_cosinv.operators.cos_inventory_parquet import COSInventoryToParquetOperator
from airflow_provider_cosinv.operators.cos_inventory_query import COSInventoryQueryOperator
from airflow_provider_cosinv.operators.cos_inventory_selection import COSInventorySelectionOperator
from airflow_provider_cosinv.table.csv import parallel_reader as feed
from tests.conftest import DESTINATION, SOURCE
from tests.support.reports import take_report
from tests.support.tasks import make_context

OPERATORS = {
    COSInventoryToParquetOperator: {},
    COSInventoryQueryOperator: {"sql": "SELECT Key FROM inventory"},
    COSInventoryDiffOperator: {"previous": None},
    COSInventorySelectionOperator: {"where": "true", "inventory_id": "some"},
}

# A request that COS holds back for longer than any test takes.
HELD = 600

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.usefixtures("impatient_retries"),
    # A signal may arrive between the birth of a connection and the line that would close it.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def emulator():
    # One for all: its end waits for the requests that it holds back.
    with COSEmulator(settings=EmulatorSettings(post_rate=0)) as started:
        started.create_bucket(SOURCE)
        started.create_bucket(DESTINATION)
        started.put_object(SOURCE, "readme.txt", b"1234567")
        yield started
    # They were left waiting.
    for thread in threading.enumerate():
        if thread.name.startswith("cos-inventory-feed"):
            thread.join(10)
    gc.collect()


@pytest.fixture
def cos(emulator, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_COS_DEFAULT", emulator.connection_json)
    yield emulator
    emulator.clear_faults()


@pytest.fixture
def manifest(cos):
    return take_report()


@pytest.fixture
def folder(tmp_path):
    """Where the temporary folder is made."""
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary"


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    monkeypatch.setattr(feed, "_LAST_PATIENCE", 0)


@contextmanager
def on_term(operator, cos):
    """Send SIGTERM once COS holds a request back; Airflow's handler asks the operator to stop, and does no more."""

    def send():
        while not over.is_set() and not any(fault["happened"] for fault in cos.faults()):
            time.sleep(0.002)
        if not over.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    over = threading.Event()
    sender = threading.Thread(target=send)
    before = signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
    try:
        sender.start()
        yield
    finally:
        over.set()
        sender.join()
        signal.signal(signal.SIGTERM, before)


def unfinished(cos):
    return sum(bucket["uploads"] for bucket in cos.state()["buckets"])


@pytest.mark.parametrize("cls", OPERATORS, ids=lambda cls: cls.__name__)
def test_a_task_that_is_stopped_while_it_reads_removes_its_folder(cos, manifest, folder, cls):
    source = {"current": manifest} if cls is COSInventoryDiffOperator else {"manifest": manifest}
    operator = cls(task_id="work", temp_directory=str(folder), **source, **OPERATORS[cls])
    cos.fault(action="GetObject", key=r"\.csv\.gz$", delay=HELD, times=None)
    with on_term(operator, cos), pytest.raises(SystemExit, match="stopped"):
        operator.execute(make_context())
    assert list(folder.iterdir()) == []


def test_a_task_that_is_stopped_while_it_uploads_removes_the_parts_and_its_folder(cos, manifest, folder, monkeypatch):
    monkeypatch.setitem(UploadCalls.upload_file.__kwdefaults__, "threshold", 0)
    operator = COSInventoryToParquetOperator(task_id="work", manifest=manifest, temp_directory=str(folder))
    cos.fault(action="UploadPart", delay=HELD)
    with on_term(operator, cos), pytest.raises(SystemExit):
        operator.execute(make_context())
    assert cos.faults()[0]["happened"] == 1
    assert unfinished(cos) == 0
    assert list(folder.iterdir()) == []
    assert not [key for key in cos.keys(DESTINATION) if key.endswith(".parquet")]


def test_another_signal_does_not_break_off_the_removal(cos, manifest, folder, monkeypatch):
    monkeypatch.setitem(UploadCalls.upload_file.__kwdefaults__, "threshold", 0)
    operator = COSInventoryToParquetOperator(task_id="work", manifest=manifest, temp_directory=str(folder))
    abort = UploadCalls._abort

    def abort_under_fire(self, upload):
        os.kill(os.getpid(), signal.SIGTERM)
        abort(self, upload)

    monkeypatch.setattr(UploadCalls, "_abort", abort_under_fire)
    cos.fault(action="UploadPart", delay=HELD)
    with on_term(operator, cos), pytest.raises(SystemExit):
        operator.execute(make_context())
    assert unfinished(cos) == 0
    assert list(folder.iterdir()) == []


def test_outside_of_its_work_a_task_has_nothing_to_break_off(manifest, folder):
    operator = COSInventoryQueryOperator(
        task_id="work", sql="SELECT Key FROM inventory", manifest=manifest, temp_directory=str(folder)
    )
    # Airflow asks after a time-out, too, which has ended the work.
    operator.on_kill()
    operator.execute(make_context())
    operator.on_kill()
    operator.sql = "SELECT"
    with pytest.raises(AirflowFailException):
        operator.execute(make_context())
    operator.on_kill()
