# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time

import pytest
import requests

from airflow_provider_cosinv.emulator import COSEmulator
from airflow_provider_cosinv.emulator.storage.directory import DirectoryCatalogue

COMMAND = [sys.executable, "-m", "airflow_provider_cosinv.emulator"]


def test_it_announces_itself_and_stops_on_ctrl_c(tmp_path):
    ready = tmp_path / "ready.json"
    arguments = ["--port", "0", "--objects", "1234", "--ready-file", str(ready), "--report-timezone", "+08:00"]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "spool")}
    (tmp_path / "spool").mkdir()
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            facts = _wait_for(ready, process)
            state = requests.get(f"{facts['url']}/_emulator/state", timeout=5).json()
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == 0
    assert not ready.exists()
    assert list((tmp_path / "spool").iterdir()) == []
    assert [(one["name"], one["objects"]) for one in state["buckets"]] == [
        ("examplebucket-1250000000", 1234),
        ("inventorybucket-1250000000", 0),
    ]
    assert facts["buckets"] == state["buckets"]
    (line,) = [line for line in output.splitlines() if line.startswith("export")]
    name, _, value = shlex.split(line)[1].partition("=")
    assert name == "AIRFLOW_CONN_COS_DEFAULT"
    assert json.loads(value) == facts["connection"]
    assert facts["connection"]["extra"] == {"region": "ap-guangzhou", "endpoint_url": facts["url"]}
    assert facts["url"] in output


def _wait_for(path, process):
    deadline = time.monotonic() + 20
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return json.loads(path.read_text())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--deliver", "later"], "time of delivery"),
        (["--report-timezone", "Mars/Base"], "not a time zone"),
        (["--bucket", "noappid"], "InvalidBucketName"),
        (["--seed-dir", "/nowhere"], "not a directory"),
        (["--seed-dir", ".", "--objects", "5"], "name another"),
        (["--rows-per-file", "0"], "at least 1"),
        (["--tls", "/nowhere/certificate.pem", "/nowhere/key.pem"], "/nowhere/certificate.pem"),
    ],
)
def test_a_wrong_argument_is_explained(arguments, text, capsys, monkeypatch):
    from airflow_provider_cosinv.emulator.__main__ import main

    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as raised:
        main(["--port", "0", *arguments])
    assert raised.value.code == 2
    assert text in capsys.readouterr().err


def test_a_port_in_use_is_explained(capsys, monkeypatch):
    from airflow_provider_cosinv.emulator.__main__ import main

    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SystemExit):
            main(["--port", str(port := taken.getsockname()[1])])
    assert f": Port {port} is taken: choose another with --port.\n" in capsys.readouterr().err


def test_a_directory_becomes_a_bucket(tmp_path, cos, call):
    root = tmp_path / "root"
    (root / "子 目录").mkdir(parents=True)
    (root / "子 目录" / "a+b.txt").write_bytes(b"hello")
    (root / "big.bin").write_bytes(bytes(500_000))
    os.utime(root / "big.bin", (1_600_000_000, 1_600_000_000))
    (tmp_path / "secret").write_text("outside")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe")
    (root / os.fsdecode(b"\xff")).touch()
    skipped = cos.create_bucket("tree-1250000000", directory=root)
    assert skipped == 1
    assert cos.keys("tree-1250000000") == ["big.bin", "子 目录/a+b.txt"]
    assert call("GET", "tree-1250000000", "子 目录/a+b.txt").content == b"hello"
    big = call("GET", "tree-1250000000", "big.bin")
    assert big.headers["Last-Modified"] == "Sun, 13 Sep 2020 12:26:40 GMT"
    assert big.content == bytes(500_000)
    assert "x-cos-hash-crc64ecma" not in big.headers
    assert big.headers["ETag"].endswith('-1"')
    state = next(one for one in cos.state()["buckets"] if one["name"] == "tree-1250000000")
    assert (state["objects"], state["bytes"]) == (2, 500_005)
    (root / "big.bin").unlink()
    assert call("GET", "tree-1250000000", "big.bin").status_code == 500


def test_no_body_is_read_to_make_a_bucket(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    with (tmp_path / "a").open("rb"):
        catalogue = DirectoryCatalogue(tmp_path)
    (tmp_path / "a").unlink()
    assert catalogue.entry(0).size == 1


def test_the_package_is_cheap_to_import():
    program = (
        "import sys, airflow_provider_cosinv.emulator as e\n"
        "heavy = {'uvicorn', 'starlette', 'rich', 'anyio', 'qcloud_cos', 'airflow'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "e.COSEmulator\n"
        "assert not {'qcloud_cos', 'airflow', 'airflow_provider_cosinv.cos'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_fixture_can_be_used_by_others(tmp_path):
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["airflow_provider_cosinv.emulator.pytest_plugin"]\n')
    (tmp_path / "test_it.py").write_text(
        "def test_it(cos_emulator):\n"
        "    cos_emulator.create_bucket('b-1')\n"
        "    cos_emulator.put_object('b-1', 'k', b'1')\n"
        "    assert cos_emulator.get_object('b-1', 'k') == b'1'\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=_with_package())
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def _with_package():
    from pathlib import Path

    import airflow_provider_cosinv

    return {**os.environ, "PYTHONPATH": str(Path(airflow_provider_cosinv.__file__).parent.parent)}


def test_an_emulator_that_is_not_running_says_so():
    with pytest.raises(RuntimeError, match="not running"):
        COSEmulator().keys("a-1")


def test_a_secret_is_in_no_repr(cos):
    cos.add_credential(secret_id="AKIDrepr", secret_key="hidden-key", token="hidden-token")
    assert "hidden" not in repr(cos._emulation.credentials.find("AKIDrepr"))


def test_its_server_imports_no_library_of_websockets():
    code = (
        "import sys; from airflow_provider_cosinv.emulator import COSEmulator\n"
        "with COSEmulator(): print('websockets' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "False"
