# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.table.engine import EngineSettings, open_engine
from tests.table.tables import some_rows, table_of

SMALL = EngineSettings(memory_limit="60MB", threads=1)


def test_settings_reach_duckdb(tmp_path: Path) -> None:
    settings = EngineSettings(memory_limit="123MiB", threads=1, temp_directory=str(tmp_path))
    with open_engine(settings) as engine:
        found = engine.connection.execute(
            "SELECT current_setting('memory_limit'), current_setting('threads'), current_setting('temp_directory')"
        ).fetchall()
        assert found == [("123.0 MiB", 1, str(engine.folder / "spill"))]
        assert engine.folder.parent == tmp_path


@pytest.mark.parametrize("fault", [None, RuntimeError("in the with"), KeyboardInterrupt()])
def test_the_folder_is_taken_away_in_the_end(tmp_path: Path, fault: BaseException | None) -> None:
    def use() -> None:
        with open_engine(EngineSettings(temp_directory=str(tmp_path))) as engine:
            (engine.folder / "left.parquet").write_bytes(b"x")
            if fault:
                raise fault

    if fault:
        with pytest.raises(type(fault)):
            use()
    else:
        use()
    assert list(tmp_path.iterdir()) == []


def test_what_memory_does_not_hold_is_spilled_and_taken_away(tmp_path: Path) -> None:
    settings = EngineSettings(memory_limit="60MB", threads=1, temp_directory=str(tmp_path))
    with open_engine(settings) as engine:
        found = engine.run("SELECT count(*) FROM (SELECT DISTINCT md5(range::VARCHAR) FROM range(1_500_000))")
        assert found == [(1_500_000,)]
        assert (engine.folder / "spill").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_too_little_memory_is_named(tmp_path: Path) -> None:
    with open_engine(SMALL) as engine:
        table = table_of(engine, [some_rows(10)], rows=10)
        with pytest.raises(COSInventoryConfigurationError, match="memory") as raised:
            table.fetch("SELECT length(string_agg(repeat('x', 10_000_000), '')) FROM range(20), inventory", max_rows=1)
        assert raised.value.parameter == "memory_limit"


@pytest.mark.parametrize(
    ("settings", "parameter"),
    [
        (EngineSettings(memory_limit="lots"), "memory_limit"),
        (EngineSettings(memory_limit="1'; DROP"), "memory_limit"),
        (EngineSettings(threads=-1), "threads"),
        (EngineSettings(threads=0), "threads"),
    ],
)
def test_a_wrong_setting_is_named(settings: EngineSettings, parameter: str) -> None:
    with pytest.raises(COSInventoryConfigurationError) as raised, open_engine(settings):
        pass
    assert raised.value.parameter == parameter


def test_a_temporary_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in ("nowhere", "file"):
        settings = EngineSettings(temp_directory=str(tmp_path / place))
        with pytest.raises(COSInventoryConfigurationError, match=place) as raised, open_engine(settings):
            pass
        assert raised.value.parameter == "temp_directory"


def test_without_duckdb_the_line_to_type_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "duckdb":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(COSInventoryConfigurationError) as raised, open_engine(EngineSettings()):
        pass
    assert "pip install 'airflow-provider-cosinv[table]'" in str(raised.value)


def test_duckdb_writes_nothing_elsewhere(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    program = """
from airflow_provider_cosinv.table.engine import EngineSettings, open_engine
from tests.table.tables import some_rows, table_of
with open_engine(EngineSettings()) as engine:
    table = table_of(engine, [some_rows(10)], rows=10)
    table.fetch("SELECT to_json(Key), now() FROM inventory", max_rows=10)
    table.save("FROM inventory", engine.folder / "x.parquet", options="FORMAT parquet")
"""
    root = Path(__file__).parents[2]
    work = tmp_path / "work"
    work.mkdir()
    environment = {**os.environ, "HOME": str(home), "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=work, check=True)

    assert list(home.iterdir()) == []
    assert list(work.iterdir()) == []


def test_no_extension_is_fetched() -> None:
    with open_engine(EngineSettings()) as engine:
        assert engine.run("SELECT current_setting('autoinstall_known_extensions')") == [(False,)]


def test_no_path_of_a_new_file_comes_twice() -> None:
    with open_engine(EngineSettings()) as engine:
        paths = {engine.new_file("a.parquet") for _ in range(10)}
        assert len(paths) == 10
        assert all(path.parent == engine.folder and path.name.endswith("a.parquet") for path in paths)
