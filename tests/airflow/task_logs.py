# SPDX-License-Identifier: Apache-2.0
"""Airflow's task logs as text: Airflow writes one JSON object a line, in a folder for each task instance."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

NOISE = frozenset({"timestamp", "level", "event", "logger", "error_detail", "filename", "lineno", "ti_id",
                   "dag_id", "run_id", "task_id", "map_index", "try_number"})  # fmt: skip
"""Keys that are shown elsewhere in the line, or that every line of a task repeats."""


def task_log_files(
    folder: Path,
    dag_id: str,
    run_id: str,
    task_id: str,
    *,
    try_number: int | None = None,
    map_index: int = -1,
) -> list[Path]:
    """The log files of a task instance (all attempts if no `try_number`), the triggerer's after the worker's."""
    task = folder / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
    if map_index >= 0:
        task /= f"map_index={map_index}"
    files = {}
    for path in task.glob("attempt=*.log*"):
        match = re.match(r"attempt=(\d+)\.log(?:\.trigger\.(\d+)\.log)?$", path.name)
        if match and try_number in (None, int(match[1])):
            files[int(match[1]), int(match[2] or 0)] = path
    return [files[order] for order in sorted(files)]


def task_log_text(files: list[Path]) -> str:
    """The lines of these files as text, in the order of their times: a worker's and the triggerer's interleave."""
    lines: list[tuple[str, str]] = []
    for path in files:
        stamp = ""
        for line in path.read_text(errors="replace").splitlines():
            record = _record(line)
            stamp = str(record.get("timestamp") or stamp) if record else stamp
            lines.append((stamp, render(line)))
    return "\n".join(text for _, text in sorted(lines, key=lambda line: line[0]))


def render(line: str) -> str:
    """One line of a log for people; what is not JSON stays as it is."""
    record = _record(line)
    if record is None:
        return line
    words = [str(record.get(key, "")) for key in ("timestamp", "level", "event")]
    if record.get("logger"):
        words.append(f"[{record['logger']}]")
    words.extend(f"{key}={value}" for key, value in record.items() if key not in NOISE)
    return "\n".join([" ".join(words), *_tracebacks(record.get("error_detail") or [])])


def _record(line: str) -> dict[str, Any] | None:
    """The JSON object in a line, None if there is none."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _tracebacks(errors: list[dict[str, Any]]) -> list[str]:
    """The frames and the message of each exception in a chain."""
    lines: list[str] = []
    for error in errors:
        lines.extend(
            f"    {frame.get('filename')}:{frame.get('lineno')} in {frame.get('name')}"
            for frame in error.get("frames") or []
        )
        lines.append(f"  {error.get('exc_type')}: {error.get('exc_value')}")
    return lines
