# SPDX-License-Identifier: Apache-2.0
"""What came out of the soak: each inventory judged by itself, and the figures."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from benchmarks.soak_faults import InventoryPlan


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """
    What is known of one inventory at the end.

    :param plan: what was asked for
    :param jobs: that COS accepted for its bucket, as the emulator describes them
    :param submitted: result of the submission; None where there is none
    :param manifest: result of the sensor
    :param rows: result of the reading task: key, size, ETag and storage class of each record
    :param states: of its task instances, by task
    """

    plan: InventoryPlan
    jobs: Sequence[Mapping[str, Any]]
    submitted: Mapping[str, Any] | None
    manifest: Mapping[str, Any] | None
    rows: Sequence[Sequence[Any]] | None
    states: Mapping[str, str | None]

    @property
    def verified(self) -> bool:
        """The sensor found the report of the only job, and its rows are what the bucket holds."""
        return not any((*self._wrong_report(), *self._wrong_rows()))

    def wrong(self) -> list[str]:
        """Return what is wrong, one sentence each; nothing where all is well."""
        return [*self._wrong_submission(), *self._wrong_report(), *self._wrong_rows(), *self._wrong_states()]

    def _wrong_submission(self) -> Iterable[str]:
        if len(self.jobs) != 1:
            yield f"COS accepted {len(self.jobs)} inventories: {[job['inventory_id'] for job in self.jobs]}"
        if self.submitted is None:
            yield "the submission has no result"
            return
        accepted = {(job["inventory_id"], job["job_id"]) for job in self.jobs}
        told = (self.submitted["inventory_id"], self.submitted["job_id"])
        if told[0] not in {inventory_id for inventory_id, _ in accepted}:
            yield f"the submission tells inventory {told[0]}, which COS has not"
        elif told[1] is not None and told not in accepted:
            yield f"the submission tells JobId {told[1]}, COS gave another"

    def _wrong_report(self) -> Iterable[str]:
        if self.manifest is None:
            yield "the sensor has no result"
            return
        folders = [f"{job['report_prefix']}/" for job in self.jobs]
        if not any(self.manifest["manifest_key"].startswith(folder) for folder in folders):
            yield f"the sensor found {self.manifest['manifest_key']}, which is not the report"
        if self.manifest["matched_objects"] != len(self.plan.objects):
            yield f"the manifest says {self.manifest['matched_objects']} objects of {len(self.plan.objects)}"

    def _wrong_rows(self) -> Iterable[str]:
        if self.rows is None:
            yield "no rows were read"
            return
        expected = Counter(
            (one.key, one.size, hashlib.md5(b"x" * one.size, usedforsecurity=False).hexdigest(), one.storage_class)
            for one in self.plan.objects
        )
        found = Counter(map(tuple, self.rows))
        if found != expected:
            yield f"rows that the bucket has not: {list(found - expected)}, that are missing: {list(expected - found)}"

    def _wrong_states(self) -> Iterable[str]:
        for task_id, state in self.states.items():
            if state != "success":
                yield f"task {task_id} is {state}"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """
    The whole soak.

    :param outcomes: of each inventory
    :param task_instances: of the run, as Airflow's REST API describes them
    :param killed: tasks that were killed, by task
    :param killed_with_supervisor: those among them whose supervisor was killed, too
    :param killed_after_acceptance: those whose submission COS had accepted
    :param triggerer_restarts: how often
    :param faults: that happened, by kind
    :param posts: submissions that COS saw
    :param seconds: from the start of the run to its end
    """

    outcomes: Sequence[Outcome]
    task_instances: Sequence[Mapping[str, Any]]
    killed: Mapping[str, int]
    killed_with_supervisor: int
    killed_after_acceptance: int
    triggerer_restarts: int
    faults: Mapping[str, int]
    posts: int
    seconds: float

    def wrong(self) -> list[str]:
        """Return what is wrong, one line each, beginning with the map index."""
        return [
            f"{index} ({outcome.plan.bucket}): {sentence}"
            for index, outcome in enumerate(self.outcomes)
            for sentence in outcome.wrong()
        ]

    @property
    def accepted(self) -> int:
        """One-time inventories that COS accepted."""
        return sum(len(outcome.jobs) for outcome in self.outcomes)

    @property
    def verified(self) -> int:
        """Inventories whose rows were read and are right."""
        return sum(outcome.verified for outcome in self.outcomes)

    @property
    def attempts(self) -> int:
        """Attempts of all task instances."""
        return sum(task["try_number"] for task in self.task_instances)

    def table(self) -> Table:
        """Return the figures."""
        submitted = [outcome.submitted for outcome in self.outcomes if outcome.submitted]
        known = sum(job["job_id"] is not None for job in submitted)
        attached = [job for job in submitted if job["attached"]]
        failed = sum(task["state"] != "success" for task in self.task_instances)
        table = Table(title=f"{len(self.outcomes)} inventories in {self.seconds:.0f} s")
        table.add_column("what")
        table.add_column("figure", justify="right")
        for what, figure in (
            ("inventories accepted", self.accepted),
            ("verified, rows equal the bucket", self.verified),
            ("accepted twice", sum(len(outcome.jobs) > 1 for outcome in self.outcomes)),
            ("lost", sum(not outcome.jobs for outcome in self.outcomes)),
            ("JobId known, None", f"{known}, {len(submitted) - known}"),
            ("attached, of them with JobId", f"{len(attached)}, {sum(job['job_id'] is not None for job in attached)}"),
            ("POSTs seen", self.posts),
            ("task instances, not successful", f"{len(self.task_instances)}, {failed}"),
            ("task attempts, retries", f"{self.attempts}, {self.attempts - len(self.task_instances)}"),
            ("tasks killed", f"{sum(self.killed.values())} ({_listed(self.killed)})"),
            ("of them with their supervisor", self.killed_with_supervisor),
            ("of them in submit, accepted by COS", self.killed_after_acceptance),
            ("triggerer killed and restarted", self.triggerer_restarts),
            ("faults that happened", sum(self.faults.values())),
        ):
            table.add_row(what, str(figure))
        table.add_section()
        for kind, times in self.faults.items():
            table.add_row(kind, str(times))
        return table


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
