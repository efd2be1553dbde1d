# SPDX-License-Identifier: Apache-2.0
"""The figures, and how they are printed."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.table_rivals.measure import Measurement
from benchmarks.table_rivals.works import RIVALS, title_of

_MIB = 1024 * 1024
_FAST = ("bare_duckdb", "with_polars", "with_pyarrow")
_SLOW = ("with_pandas", "csv_loop")


@dataclass(frozen=True)
class Result:
    """
    What the runs of one rival took.

    :param rows: of the report
    :param runs: all of them
    """

    rows: int
    runs: list[Measurement] = field(default_factory=list)

    @property
    def wall(self) -> float:
        """Seconds, median."""
        return statistics.median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        """Seconds of all cores, median."""
        return statistics.median(run.cpu for run in self.runs)

    @property
    def peak_mib(self) -> float:
        """Most memory of any run."""
        return max(run.peak for run in self.runs) / _MIB


#: By work and rival.
Results = dict[str, dict[str, Result]]


def as_markdown(results: Results) -> str:
    """Return a table for each work; its last column is the time in this package's times."""
    lines = []
    for work, measured in results.items():
        base = measured.get("this_package")
        lines += ["", f"**{title_of(work)}**", ""]
        lines += ["| | wall s | CPU s | peak MiB | rows/s | × time |", "|---|---:|---:|---:|---:|---:|"]
        for rival, result in measured.items():
            ratio = f"{result.wall / base.wall:.2f}" if base else ""
            lines.append(
                f"| {RIVALS[rival]} | {result.wall:.2f} | {result.cpu:.2f} | {result.peak_mib:.0f}"
                f" | {result.rows / result.wall:,.0f} | {ratio} |"
            )
    return "\n".join(lines[1:])


@dataclass(frozen=True)
class Goal:
    """
    What is aimed at.

    :param what: is counted
    :param wanted: the bound
    :param is_upper: whether less is better
    :param measured: the figure
    """

    what: str
    wanted: float
    is_upper: bool
    measured: float

    @property
    def is_met(self) -> bool:
        """Whether it is reached."""
        return self.measured < self.wanted if self.is_upper else self.measured >= self.wanted

    def __str__(self) -> str:
        """Return a row of a table of Markdown."""
        bound = f"{'under' if self.is_upper else 'at least'} {self.wanted:g}"
        return f"| {self.what} | {bound} | {self.measured:.2f}{'' if self.is_met else ', **not met**'} |"


def goals(results: Results) -> Iterator[Goal]:
    """Return the goals, as far as they were measured."""
    yield from _beside(results, "parquet", "Parquet: time of the fastest of DuckDB, polars and pyarrow", _FAST, 1)
    yield from _beside(results, "parquet", "Parquet: time of the faster of pandas and the csv loop", _SLOW, 4)
    yield from _beside(results, "aggregate", "Sums from csv.gz: time of the fastest other", (*_FAST, *_SLOW), 1)
    yield from _within(results, "aggregate_parquet", "aggregate", "Sums from Parquet, in sums from csv.gz", 0.15)
    yield from _beside(results, "records", "Records: time of the csv loop", ("csv_loop",), 2)
    yield from _within(results, "diff", "aggregate_parquet", "Diff, in sums from one Parquet", 3)
    for work, measured in results.items():
        if "this_package" in measured:
            yield Goal(f"Peak MiB: {title_of(work)}", 600, is_upper=True, measured=measured["this_package"].peak_mib)


def _beside(results: Results, work: str, what: str, rivals: tuple[str, ...], wanted: float) -> Iterator[Goal]:
    measured = results.get(work, {})
    others = [measured[rival].wall for rival in rivals if rival in measured]
    if others and "this_package" in measured:
        yield Goal(what, wanted, is_upper=False, measured=min(others) / measured["this_package"].wall)


def _within(results: Results, work: str, base: str, what: str, wanted: float) -> Iterator[Goal]:
    ours = [results.get(name, {}).get("this_package") for name in (work, base)]
    if ours[0] and ours[1]:
        yield Goal(what, wanted, is_upper=True, measured=ours[0].wall / ours[1].wall)
