# SPDX-License-Identifier: Apache-2.0
"""What Airflow does to values: each template field of each operator and of the sensor, with odd ones."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import (
    ErrorResponse,
    GetXComCount,
    XComCountResponse,
    XComSequenceIndexResult,
)
from airflow.sdk.execution_time.lazy_sequence import LazyXComSequence

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.hooks.airflow_errors import AirflowFailException
from airflow_provider_cosinv.hooks.templates import SQL_FIELDS, TEXT_FIELDS, TextFields
from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator
from airflow_provider_cosinv.operators.cos_inventory_diff import COSInventoryDiffOperator
from airflow_provider_cosinv.operators.cos_inventory_parquet import COSInventoryToParquetOperator
from airflow_provider_cosinv.operators.cos_inventory_query import COSInventoryQueryOperator
from airflow_provider_cosinv.operators.cos_inventory_rule import (
    COSInventoryDeleteRuleOperator,
    COSInventoryRuleOperator,
)
from airflow_provider_cosinv.operators.cos_inventory_selection import COSInventorySelectionOperator
from airflow_provider_cosinv.sensors.cos_inventory import COSInventorySensor
from tests.conftest import DESTINATION, SOURCE
from tests.support.tasks import TaskInstance, make_context, run_task

CLASSES = [
    COSInventoryOperator,
    COSInventoryRuleOperator,
    COSInventoryDeleteRuleOperator,
    COSInventorySensor,
    COSInventoryToParquetOperator,
    COSInventoryQueryOperator,
    COSInventoryDiffOperator,
    COSInventorySelectionOperator,
]
FILE = "ask.sql"
TEXTS = {
    "sql-file": FILE,
    "json-file": "a.json",
    "digits": "2026",
    "digits-zero": "007",
    "digits-underscore": "2026_01",
    "hexadecimal": "0x10",
    "float": "2026.10",
    "exponent": "1e5",
    "date": "2026-10-11",
    "date-digits": "20261011",
    "json-mapping": '{"a": 1}',
    "json-list": '["a"]',
    "json-null": "null",
    "python-list": "['a']",
    "boolean": "True",
    "quoted": "'a'",
    "braces": "a {{ b",
    "template": "{{ b }}",
    "empty": "",
    "spaces": " a ",
    "unicode": "图片/",
}
DATA: dict[str, Any] = {
    "mapping": {"name": FILE, "more": ["2026_01", "True"]},
    "list": [FILE, "0x10"],
    "text": '["ask.sql"]',
    "path": "/parts/ask.sql",
}

each_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
each_rendering = pytest.mark.parametrize("native", [False, True], ids=["text", "native"])


@pytest.fixture
def folder(tmp_path):
    """Where a DAG looks for files: there is one that each field could name."""
    (tmp_path / FILE).write_text("SELECT {{ params.v }}")
    return tmp_path


@pytest.fixture
def dag(folder, native):
    with DAG("odd", schedule=None, render_template_as_native_obj=native, template_searchpath=str(folder)) as made:
        yield made


def text_fields(cls):
    return [name for name in cls.template_fields if name in TEXT_FIELDS]


def data_fields(cls):
    return [name for name in cls.template_fields if name not in TEXT_FIELDS]


def rendered(task, value=None):
    """The task as a worker has it: its files are read when the DAG is parsed, its fields when it begins."""
    params = {"v": value}
    context = make_context(params=params, dag=task.dag, task=task, ti=TaskInstance(map_index=0))
    # Of a mapped task, Airflow makes the params anew.
    context["dag_run"].conf = params
    if isinstance(task, TextFields):
        task.resolve_template_files()
    task.render_template_fields(context)
    return context["task"]


def make(cls, task_id="odd", **given):
    """A task whose other template fields hold nothing."""
    return cls(task_id=task_id, **{**dict.fromkeys(cls.template_fields), **given})


@each_class
def test_each_field_is_text_or_is_shown_as_json(cls):
    assert issubclass(cls, TextFields)
    shown = {name for name, renderer in cls.template_fields_renderers.items() if renderer == "json"}
    assert shown == set(data_fields(cls))
    assert tuple(cls.template_ext) == ()


@each_rendering
@each_class
def test_text_of_a_template_stays_what_it_is(dag, cls):
    for number, text in enumerate(TEXTS.values()):
        fields = text_fields(cls)
        task = rendered(make(cls, f"odd{number}", **dict.fromkeys(fields, "{{ params.v }}")), text)
        assert {name: getattr(task, name) for name in fields} == dict.fromkeys(fields, text)


@each_rendering
@each_class
def test_text_of_a_literal_names_a_file_only_as_sql(dag, cls):
    texts = [text for text in TEXTS.values() if "{{" not in text]
    for number, text in enumerate(texts):
        fields = text_fields(cls)
        task = rendered(make(cls, f"odd{number}", **dict.fromkeys(fields, text)), 3)
        expected = {name: "SELECT 3" if text == FILE and name in SQL_FIELDS else text for name in fields}
        assert {name: getattr(task, name) for name in fields} == expected


@each_rendering
@each_class
def test_text_of_a_mapped_task_is_the_same(dag, cls):
    for number, name in enumerate(text_fields(cls)):
        others = {other: "" for other in cls.template_fields if other != name}
        mapped = cls.partial(task_id=f"odd{number}", **others).expand(**{name: ["{{ params.v }}"]})
        assert getattr(rendered(mapped, "0x10"), name) == "0x10"
        files = cls.partial(task_id=f"file{number}", **others).expand(**{name: [FILE]})
        assert getattr(rendered(files, 3), name) == ("SELECT 3" if name in SQL_FIELDS else FILE)


@each_rendering
@each_class
def test_data_names_no_file(dag, cls):
    if not data_fields(cls):
        return
    for key, value in DATA.items():
        task = rendered(make(cls, f"odd-{key}", **dict.fromkeys(data_fields(cls), value)))
        for name in data_fields(cls):
            # What looks like a list of Python is one in a DAG of native values.
            assert getattr(task, name) in (value, [FILE])


@pytest.mark.parametrize("native", [False], ids=["text"])
@each_class
def test_none_as_text_is_refused(dag, cls):
    for name in text_fields(cls):
        with pytest.raises(AirflowFailException, match=f"of {name} gives None") as raised:
            rendered(make(cls, f"odd-{name}", **{name: "{{ params.v }}"}))
        cause = raised.value.__cause__
        assert isinstance(cause, COSInventoryConfigurationError)
        assert cause.parameter == name


@pytest.mark.parametrize("native", [True], ids=["native"])
@each_class
def test_none_of_a_native_template_is_nothing(dag, cls):
    for name in text_fields(cls):
        assert getattr(rendered(make(cls, f"odd-{name}", **{name: "{{ params.v }}"})), name) is None


@each_rendering
def test_text_none_of_a_literal_is_kept(dag):
    assert rendered(make(COSInventoryOperator, prefix="None")).prefix == "None"


@pytest.mark.parametrize("native", [False], ids=["text"])
@pytest.mark.parametrize("name", ["sql", "where"])
def test_file_of_sql_that_is_missing_is_named_at_parse(dag, name):
    cls = {"sql": COSInventoryQueryOperator, "where": COSInventorySelectionOperator}[name]
    make(cls, **{name: "missing.sql"})
    with pytest.raises(COSInventoryConfigurationError, match=r"names the file 'missing\.sql'") as raised:
        dag.resolve_template_files()
    assert raised.value.parameter == name


@pytest.mark.parametrize("native", [False], ids=["text"])
def test_sql_of_several_lines_names_no_file(dag):
    sql = "SELECT 1 -- as in\n-- ask.sql"
    assert rendered(make(COSInventoryQueryOperator, sql=sql)).sql == sql


@pytest.mark.parametrize("name", ["prefix", "destination_prefix", "account_id", "inventory_id"])
def test_empty_text_asks_for_nothing(cos, name):
    asked = {"task_id": "submit", "bucket": SOURCE, "destination_bucket": DESTINATION, "destination_prefix": "inv"}
    first, second = (run(COSInventoryOperator(**{**asked, name: nothing})) for nothing in (None, ""))
    # What is asked for is in the id.
    assert (second["attached"], second["inventory_id"]) == (True, first["inventory_id"])


@pytest.mark.parametrize("native", [True], ids=["native"])
def test_tag_that_python_reads_as_a_number_reaches_cos(dag, cos):
    cos.put_object(SOURCE, "tagged", b"1", tags={"build": "2026_01"})
    asked = {"bucket": SOURCE, "destination_bucket": DESTINATION, "optional_fields": ["Tag"]}
    run(rendered(COSInventoryOperator(task_id="literal", **asked, tags={"build": "2026_01"})))
    run(rendered(COSInventoryOperator(task_id="json", **asked, tags="{{ params.v | tojson }}"), {"build": "2026_01"}))
    run(rendered(COSInventoryOperator(task_id="value", **asked, tags={"build": "{{ params.v }}"}), "2026_01"))
    # They ask for the same, and so are one submission.
    (job,) = cos.jobs()
    assert job["matched_objects"] == 1


@pytest.mark.parametrize("native", [True], ids=["native"])
def test_prefix_that_python_reads_as_a_number_reaches_cos(dag, cos):
    cos.put_object(SOURCE, "0x10/a", b"1")
    task = COSInventoryOperator(
        task_id="submit", bucket=SOURCE, destination_bucket=DESTINATION, prefix="{{ params.v }}"
    )
    run(rendered(task, "0x10"))
    assert cos.jobs()[0]["matched_objects"] == 1


@pytest.mark.parametrize("value", [1.10, True, None, ["a"]], ids=["float", "boolean", "none", "list"])
def test_tag_that_is_no_text_is_refused(cos, value):
    with pytest.raises(AirflowFailException, match="is not a mapping to strings"):
        run(
            COSInventoryOperator(
                task_id="submit", bucket=SOURCE, destination_bucket=DESTINATION, tags={"version": value}
            )
        )


class Comms:
    """The supervisor of a worker, played as far as the output of a mapped task goes."""

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values

    def send(self, msg: Any) -> Any:
        if isinstance(msg, GetXComCount):
            return XComCountResponse(len=len(self._values))
        if msg.offset < len(self._values):
            return XComSequenceIndexResult(root=self._values[msg.offset])
        return ErrorResponse(error=ErrorType.XCOM_NOT_FOUND)


@pytest.fixture
def lazy(monkeypatch):
    """Make the output of a mapped task, as Airflow hands it over."""

    def make_lazy(*values):
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Comms(values), raising=False)
        source = SimpleNamespace(dag_id="dag", task_id="mapped")
        return LazyXComSequence(
            xcom_arg=SimpleNamespace(operator=source, key="return_value"), ti=SimpleNamespace(run_id="run")
        )

    return make_lazy


def run(task):
    return run_task(lambda: task, make_context()).result


def test_lists_may_be_the_output_of_a_mapped_task(cos, lazy):
    asked = {"task_id": "submit", "bucket": SOURCE, "destination_bucket": DESTINATION}
    run(COSInventoryOperator(**asked, optional_fields=lazy("Size", "StorageClass")))
    run(COSInventoryOperator(**asked, storage_classes=lazy("STANDARD_IA")))
    assert sorted(job["matched_objects"] for job in cos.jobs()) == [1, 3]
