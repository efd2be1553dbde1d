# SPDX-License-Identifier: Apache-2.0
"""
``python -m benchmarks.table``: a report of 5,000,000 rows becomes a table, by this package and by others.

Each run is a process of its own, on the same two cores; the rivals take turns, and the figures are medians. Reading a
file for the first time is not measured: the report lies in the page cache. Before a figure is printed, all rivals'
results were found equal. What each of them does not do stands at the top of its module in ``benchmarks/table_rivals``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.table_data import ReportFolder
from benchmarks.table_rivals.figures import Result, Results, as_markdown, goals
from benchmarks.table_rivals.measure import Measurement, measure
from benchmarks.table_rivals.task import Task
from benchmarks.table_rivals.works import RIVALS, WORKS

_NEEDED = ("duckdb", "isal", "numpy", "pandas", "polars", "pyarrow")


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """
    Measures.

    :param folder: of the reports, which are made where they are not there
    :param rows: of the first report
    :param files: data files of a report
    :param runs: of each rival at each work
    :param rivals: by the names of their modules
    :param say: told what is going on
    """

    folder: Path
    rows: int
    files: int
    runs: int
    rivals: tuple[str, ...]
    say: Callable[[str], None]

    def run(self, works: list[str], *, with_tenfold: bool = False) -> Results:
        """
        Measure.

        :param works: by name
        :param with_tenfold: let this package read ten times the rows once, too
        :raises ValueError: where the rivals' results are not equal
        """
        reports = ReportFolder(path=self.folder, rows=self.rows, files=self.files)
        self.say(f"Making or finding {self.rows:,} rows in {self.folder}.")
        reports.make()
        if any(WORKS[work].reads_parquet for work in works):
            self._make_parquet(reports)
        task = self._task(reports, "first")
        results = {work: self._measured(work, task) for work in works}
        if with_tenfold:
            tenfold = self._task(reports, "tenfold")
            for work in ("parquet", "aggregate"):
                results[f"{work} tenfold"] = {
                    "this_package": Result(tenfold.rows, [self._once(work, "this_package", tenfold)])
                }
        return results

    def _task(self, reports: ReportFolder, report: str) -> Task:
        manifest = reports.manifest(report)
        return Task(
            folder=str(self.folder),
            files=self.files,
            rows=manifest.matched_objects or 0,
            report=report,
            paths=[str(self.folder / file.key) for file in manifest.files],
            columns=list(manifest.columns),
            parquet=str(self.folder / "first.parquet"),
            second_parquet=str(self.folder / "second.parquet"),
            output="",
        )

    def _make_parquet(self, reports: ReportFolder) -> None:
        for report in ("first", "second"):
            self.say(f"Making Parquet of the {report} report.")
            with self._output() as output:
                measure("this_package", "parquet", replace(self._task(reports, report), output=output))
                Path(output, "inventory.parquet").replace(self.folder / f"{report}.parquet")

    def _measured(self, work: str, task: Task) -> dict[str, Result]:
        results = {rival: Result(task.rows) for rival in WORKS[work].rivals if rival in self.rivals}
        for number in range(self.runs):
            for rival, result in results.items():
                result.runs.append(self._once(work, rival, task, is_described=number == 0))
            _check(work, {rival: result.runs[-1].answer for rival, result in results.items()})
        return results

    def _once(self, work: str, rival: str, task: Task, *, is_described: bool = True) -> Measurement:
        with self._output() as output:
            given = replace(task, output=output)
            measured = measure(rival, work, given)
            self.say(f"{work}, {task.rows:,} rows: {rival} took {measured.wall:.2f} s.")
            if WORKS[work].writes and is_described and any(Path(output).iterdir()):
                described = measure("verdict", "describe", given).answer
                if described["rows"] != str(task.rows):
                    raise ValueError(f"{rival} wrote {described['rows']} rows of {task.rows}.")
                measured = replace(measured, answer=described)
        return measured

    @contextmanager
    def _output(self) -> Iterator[str]:
        with tempfile.TemporaryDirectory(dir=self.folder) as output:
            yield output


def _check(work: str, answers: dict[str, Any]) -> None:
    known = [(rival, answer) for rival, answer in answers.items() if answer is not None]
    for rival, answer in known:
        for other, expected in known:
            if not _agree(answer, expected):
                raise ValueError(f"{work}: {rival} found {answer}, {other} found {expected}.")


def _agree(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        # Tags that are text are not described one by one.
        return all(one[name] == other[name] for name in one.keys() & other.keys())
    return bool(one == other)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--files", type=int, default=10)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", action="append", choices=list(WORKS), help="a work; may be given again")
    parser.add_argument("--rivals", nargs="+", choices=list(RIVALS), default=list(RIVALS))
    parser.add_argument("--folder", type=Path, help="where to keep the reports; by default they are thrown away")
    parser.add_argument("--fifty", action="store_true", help="let this package read ten times the rows, too")
    options = parser.parse_args()
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        sys.exit(f"Missing: {', '.join(missing)}. Type: pip install 'airflow-provider-cosinv[table,benchmark]'")
    with tempfile.TemporaryDirectory() as temporary:
        benchmark = Benchmark(
            folder=options.folder or Path(temporary),
            rows=options.rows,
            files=options.files,
            runs=options.runs,
            rivals=tuple(options.rivals),
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
        results = benchmark.run(options.only or list(WORKS), with_tenfold=options.fifty)
    print(f"{options.rows:,} rows in {options.files} files, medians of {options.runs}.\n")
    print(as_markdown(results))
    print("\n| goal | wanted | measured |\n|---|---|---:|")
    for goal in goals(results):
        print(goal)


if __name__ == "__main__":
    main()
