# SPDX-License-Identifier: Apache-2.0
"""JSON that is nested a hundred thousand levels deep, or has numbers of 5,000 digits, raises no error of Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.hooks.airflow_errors import AirflowFailException
from airflow_provider_cosinv.operators._table_operator import rendered
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from airflow_provider_cosinv.table.json_values import jsonable
from tests.conftest import SOURCE
from tests.support.tasks import make_context

DEEP, LONG = "[" * 100_000, "[" + "9" * 5000 + "]"
CONTEXT: Any = make_context()
CALLS: dict[str, Callable[[str], Any]] = {
    "job of a sensor": lambda text: COSInventorySensor(task_id="wait", job=text).execute(CONTEXT),
    "tags of an operator": lambda text: COSInventoryOperator(task_id="submit", bucket=SOURCE, tags=text).execute(
        CONTEXT
    ),
    "manifest of a query": lambda text: rendered(text, "manifest"),
}


@pytest.mark.usefixtures("cos")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("text", [DEEP, LONG], ids=["deep", "long"])
def test_json_of_a_parameter_is_refused_by_name(call: Callable[[str], Any], text: str) -> None:
    with pytest.raises((COSInventoryConfigurationError, AirflowFailException), match=r"not JSON|parameter: tags"):
        call(text)


def test_nested_value_of_a_result_that_python_cannot_read_stays_text() -> None:
    deep = "[" * 201 + "]" * 201
    assert jsonable(deep, "JSON") == deep
    wide = ", ".join(["[1]"] * 300 + ['"' + "[" * 300 + '"'])
    assert jsonable(f"[{wide}]", "JSON") == [[1]] * 300 + ["[" * 300]
    assert jsonable(LONG, "JSON") == ["9" * 5000]
    assert jsonable("[18446744073709551616, 7]", "JSON") == ["18446744073709551616", 7]
