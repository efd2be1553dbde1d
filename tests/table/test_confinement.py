# SPDX-License-Identifier: Apache-2.0
"""SQL reads its inputs, writes to its own folder, and changes nothing of DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.table.engine import Engine, EngineSettings, open_engine
from airflow_provider_cosinv.table.parquet.parts_table import PartsTable
from airflow_provider_cosinv.table.relation import Relation
from tests.table.tables import some_rows, table_of

SECRET = "secret-of-the-worker"

# {outside} is a folder with a file secret.csv; {inside} is the engine's.
READINGS = {
    "environment": "FROM read_blob('/proc/self/environ')",
    "text": "FROM read_text('{outside}/secret.csv')",
    "csv": "FROM read_csv('{outside}/secret.csv')",
    "replacement": "FROM '{outside}/secret.csv'",
    "names": "FROM glob('{outside}/*')",
    "dots": "FROM read_text('{inside}/../{parent}/secret.csv')",
    "pattern": "FROM read_text('{inside}/*/../../{parent}/*')",
    "link": "FROM read_text('{inside}/link')",
    "url": "FROM read_csv('http://127.0.0.1:1/secret.csv')",
    "bucket": "FROM read_text('cos://reports-1250000000/secret.csv')",
    "query": "FROM query('FROM read_text(''{outside}/secret.csv'')')",
    "log": "FROM enable_logging(storage = 'file', storage_path = '{outside}/log')",
    "log-in-query": "FROM query('FROM enable_logging(storage = ''stdout'')')",
    "log-serialized": "FROM json_execute_serialized_sql(json_serialize_sql('FROM enable_logging(storage=''stdout'')'))",
    "subquery": "SELECT Key FROM inventory WHERE Key IN (SELECT content FROM read_text('{outside}/secret.csv'))",
}
STATEMENTS = {
    "copy": "COPY (SELECT 1) TO '{outside}/new.csv'",
    "export": "EXPORT DATABASE '{outside}/new'",
    "attach": "ATTACH '{outside}/new.db'",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "unlock": "SET lock_configuration = false",
    "open": "SET enable_external_access = true",
    "allow": "SET allowed_paths = ['{outside}/secret.csv']",
    "memory": "SET memory_limit = '90GB'",
    "reset": "RESET memory_limit",
    "pragma": "PRAGMA threads = 2",
}


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.csv").write_text(f"text\n{SECRET}\n")
    return folder


@pytest.fixture
def engine(tmp_path: Path, outside: Path) -> Iterator[Engine]:
    with open_engine(EngineSettings(threads=1, temp_directory=str(tmp_path))) as opened:
        (opened.folder / "link").symlink_to(outside / "secret.csv")
        yield opened


def written(sql: str, engine: Engine, outside: Path) -> str:
    return sql.format(outside=outside, inside=engine.folder, parent=outside.name)


def table(engine: Engine) -> Relation:
    return table_of(engine, [some_rows(10)], rows=10)


@pytest.mark.parametrize("sql", READINGS.values(), ids=READINGS)
def test_sql_reads_nothing_but_its_inputs(engine: Engine, outside: Path, sql: str) -> None:
    with pytest.raises(COSInventoryConfigurationError, match="SQL may not") as raised:
        table(engine).fetch(written(sql, engine, outside), max_rows=9)
    assert raised.value.parameter == "sql"
    assert "allow_external_access=True" in str(raised.value)
    assert SECRET not in str(raised.value)
    assert [path.name for path in outside.iterdir()] == ["secret.csv"]


@pytest.mark.parametrize("sql", STATEMENTS.values(), ids=STATEMENTS)
def test_statement_reaches_nothing_outside(engine: Engine, outside: Path, sql: str) -> None:
    with pytest.raises(duckdb.Error, match=r"disabled|locked"):
        engine.connection.execute(written(sql, engine, outside))
    assert [path.name for path in outside.iterdir()] == ["secret.csv"]


def test_no_setting_shows_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://user:{SECRET}@proxy:3128")
    with open_engine(EngineSettings(threads=1)) as engine:
        settings = table(engine).fetch("FROM duckdb_settings()", max_rows=1000).rows
    assert settings
    assert SECRET not in str(settings)


def test_external_access_is_open_to_sql_if_it_is_allowed(outside: Path) -> None:
    with open_engine(EngineSettings(threads=1, allow_external_access=True)) as engine:
        engine.connection.execute("SET threads = 2")
        rows = table(engine).fetch(f"FROM read_csv('{outside}/secret.csv')", max_rows=9).rows
    assert rows == [{"text": SECRET}]


@pytest.mark.parametrize("value", ["false", "True", 1, None])
def test_external_access_is_true_or_false(value: Any) -> None:
    with pytest.raises(COSInventoryConfigurationError) as raised:
        EngineSettings(allow_external_access=value)
    assert raised.value.parameter == "allow_external_access"


@pytest.mark.parametrize(
    "spelling", ["{}/secret.csv", "secret.csv", "./secret.csv", "{}/../outside/secret.csv", "file://{}/secret.csv"]
)
def test_input_is_read_however_its_path_is_spelled(
    outside: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    (outside / "other.csv").write_text("text\nx\n")
    monkeypatch.chdir(outside)
    path = spelling.format(outside)
    with open_engine(EngineSettings(threads=1), inputs=[path]) as engine:
        assert table(engine).fetch(f"FROM read_csv('{path}')", max_rows=9).rows == [{"text": SECRET}]
        for other in ("other.csv", f"{outside}/*.csv"):
            with pytest.raises(COSInventoryConfigurationError, match="SQL may not"):
                table(engine).fetch(f"FROM read_csv('{other}')", max_rows=9)


def test_input_is_not_overwritten(outside: Path) -> None:
    path = f"{outside}/secret.csv"
    with open_engine(EngineSettings(threads=1), inputs=[path]) as engine, pytest.raises(duckdb.Error):
        engine.connection.execute(f"COPY (SELECT 1) TO '{path}'")
    assert SECRET in Path(path).read_text()


@pytest.mark.parametrize("path", ["file://elsewhere/part.parquet", "nowhere\0.parquet", "/" * 5000])
def test_path_that_is_none_is_an_error_of_the_package(path: str) -> None:
    with (
        pytest.raises(COSInventoryConfigurationError) as raised,
        open_engine(EngineSettings(), inputs=[path]) as engine,
    ):
        PartsTable(engine=engine, paths=[path]).open()
    assert raised.value.parameter in ("parts", "sql")
