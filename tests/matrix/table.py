# SPDX-License-Identifier: Apache-2.0
"""The table of the README, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.matrix.releases import PYTHONS, Release
from tests.matrix.row import Outcome, Row

UNSUPPORTED = "–"


def as_markdown(releases: Iterable[Release], outcomes: Mapping[Row, Outcome]) -> str:
    """
    Return a line for each Airflow, a column for each Python, and below it why a row failed or did not run.

    :param outcomes: by row; a row that is missing was not asked for
    """
    lines = [_line(["Airflow", *(f"Python {python}" for python in PYTHONS)]), _line(["---"] * (len(PYTHONS) + 1))]
    notes = []
    without: dict[tuple[str, str], list[str]] = {}
    for release in releases:
        rows = [Row(release=release, python=python) for python in PYTHONS]
        lines.append(_line([release.title, *(_cell(row, outcomes) for row in rows)]))
        notes += [
            f"- Airflow {release.title}, Python {row.python}, {outcomes[row].word}: {outcomes[row].reason}."
            for row in rows
            if row in outcomes and outcomes[row].reason
        ]
        for one in release.left_out:
            on = "" if set(release.pythons) <= set(one.pythons) else f" (Python {', '.join(one.pythons)})"
            without.setdefault((one.test, one.why), []).append(f"{release.title.partition(',')[0]}{on}")
    notes += [
        f"- Without `{test}` on Airflow {', '.join(dict.fromkeys(where))}: {why}."
        for (test, why), where in without.items()
    ]
    return "\n".join([*lines, *(["", *notes] if notes else [])])


def _cell(row: Row, outcomes: Mapping[Row, Outcome]) -> str:
    if row.python not in row.release.pythons:
        return UNSUPPORTED
    return outcomes[row].word if row in outcomes else "not asked for"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |" if cells[0] != "---" else "|" + "---|" * len(cells)
