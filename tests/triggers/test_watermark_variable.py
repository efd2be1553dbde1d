# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

import pytest
from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time.comms import GetVariable, PutVariable

from airflow_provider_cosinv.exceptions import COSInventoryTransientError
from airflow_provider_cosinv.inventory.report.watermark import Watermark
from airflow_provider_cosinv.triggers.watermark_variable import WatermarkVariable

NAME = "mine"
NO_ANSWERS = [ErrorType.API_SERVER_ERROR, ErrorType.VARIABLE_NOT_FOUND]
# From Airflow 3.3.
REFUSALS = [kind for kind in ErrorType if kind.name == "PERMISSION_DENIED"]
KEPT = Watermark(floor="20261101", announced=("20261102",))


def read():
    return asyncio.run(WatermarkVariable(name=NAME, description="").read())


def write(watermark):
    asyncio.run(WatermarkVariable(name=NAME, description="").write(watermark))


def is_read(request):
    return isinstance(request, GetVariable)


def is_write(request):
    return isinstance(request, PutVariable)


def first_read():
    """The first reading fails, and no other request does."""
    reads = []

    def fails(request):
        if is_read(request):
            reads.append(request)
        return is_read(request) and len(reads) == 1

    return fails


def test_what_was_written_is_read(supervisor):
    write(KEPT)
    assert read() == KEPT


def test_there_is_none_at_first_and_the_proof_leaves_nothing_behind(supervisor):
    assert read() is None
    assert supervisor.kept == {}


@pytest.mark.parametrize("failure", NO_ANSWERS)
def test_one_that_could_not_be_read_is_asked_for_again(supervisor, failure):
    write(KEPT)
    supervisor.fails, supervisor.failure = first_read(), failure
    assert read() == KEPT
    assert supervisor.failed == 1


@pytest.mark.parametrize("failure", [*NO_ANSWERS, *REFUSALS])
@pytest.mark.parametrize("kept", [{}, {NAME: KEPT.as_json()}], ids=["absent", "there"])
def test_it_is_not_missing_while_nothing_can_be_read(supervisor, kept, failure):
    supervisor.kept.update(kept)
    supervisor.fails, supervisor.failure = is_read, failure
    with pytest.raises(COSInventoryTransientError, match="Check Airflow's API server"):
        read()
    assert supervisor.kept.get(NAME) == kept.get(NAME)


def test_it_is_not_missing_while_nothing_can_be_written(supervisor):
    supervisor.fails = is_write
    with pytest.raises(COSInventoryTransientError, match="Check Airflow's API server"):
        read()


def test_a_write_that_failed_is_an_error_on_every_version(supervisor):
    write(KEPT)
    supervisor.fails = is_write
    with pytest.raises(COSInventoryTransientError, match=NAME):
        write(KEPT.with_announced(["20261103"]))
    assert read() == KEPT


def test_a_variable_that_another_secrets_backend_hides_is_an_error(supervisor, monkeypatch):
    monkeypatch.setenv("AIRFLOW_VAR_MINE", KEPT.as_json())
    assert read() == KEPT
    with pytest.raises(COSInventoryTransientError, match="delete it there"):
        write(KEPT.with_announced(["20261103"]))
