# SPDX-License-Identifier: Apache-2.0
"""What a person reads of a wait: one line for each change of state, and one at its end."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from airflow_provider_cosinv.exceptions import COSInventoryError, quoted, shown
from airflow_provider_cosinv.inventory.report.manifest import Manifest, filter_warnings
from airflow_provider_cosinv.inventory.report.search import ReportSearch, Sighting
from airflow_provider_cosinv.processing.logger import Logger, warn

#: In Airflow's task state store: what was seen last, for a sensor that is a new process at each look.
SEEN_KEY = "cos_inventory_seen"

_ABSENT = "not there yet"
_STATES = {
    "absent": _ABSENT,
    "older": "not there yet; the one that is there is older than the job",
    "incomplete": "being written: the checksum is there, the manifest is not",
    "unverified": "being written: manifest and checksum do not agree yet",
    "ready": "there and verified",
}
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


class StateLog:
    """
    Logs a wait: one line for each change of state, and one when the report is there.

    :param search: what is waited for
    :param log: where to
    :param begun: Unix time, in seconds, at which the wait began
    :param last: what was logged last, by another process that waited before
    """

    def __init__(self, *, search: ReportSearch, log: Logger, begun: float, last: str = "") -> None:
        self.search = search
        self.log = log
        self.begun = begun
        self.last = last

    @property
    def waited(self) -> str:
        """How long the wait has taken up to now."""
        return describe_duration(time.time() - self.begun)

    def seen(self, sighting: Sighting) -> None:
        """Log what a look showed, where it is news; of a report that is ready :meth:`ready` tells more."""
        state = _STATES[sighting.state]
        if sighting.state == "older":
            state = f"{state}: {shown(sighting.manifest_key)}"
        if self._is_news(state) and not sighting.ready:
            self.log.info("Report %s: %s (waited %s)", shown(self.search), self.last, self.waited)
        else:
            self.log.debug("Report %s: still %s", shown(self.search), self.last)

    def failed(self, error: COSInventoryError) -> None:
        """Log a fault that may pass, where it is news."""
        if self._is_news(f"no answer: {error.message}"):
            self.log.warning(
                "Report %s: COS could not be asked, trying again (waited %s): %s",
                shown(self.search),
                self.waited,
                error,
            )

    def renewed(self, cos_conn_id: str) -> None:
        """Log that the wait goes on with other credentials."""
        self.log.info("Connection %s was edited; waiting goes on with it", shown(cos_conn_id))

    def ready(self, manifest: Manifest) -> None:
        """Log the end of the wait: how long it took and what the report holds."""
        self.log.info("Report ready (waited %s): %s", self.waited, describe_manifest(manifest))
        warn(self.log, filter_warnings(manifest))

    def recall(self, context: Mapping[str, Any]) -> None:
        """Take up what an earlier process of this attempt wrote down with :meth:`remember`."""
        store = context.get("task_state_store")
        if store is None:
            # Airflow before 3.3 has no state store: assume "not there yet", which is almost always right.
            self.last = _ABSENT
            return
        try:
            kept = store.get(SEEN_KEY) or {}
            if kept.get("try_number") == context["ti"].try_number:
                self.last = str(kept.get("seen", ""))
        except Exception as error:  # noqa: BLE001  the store's backend is the user's choice, and this is but a log line
            self.log.debug("The task state store cannot be read: %s", quoted(error))

    def remember(self, context: Mapping[str, Any]) -> None:
        """Write down what was logged last, for the next process of this attempt."""
        store = context.get("task_state_store")
        if store is None:
            return
        try:
            store.set(SEEN_KEY, {"try_number": context["ti"].try_number, "seen": self.last})
        except Exception as error:  # noqa: BLE001  the same
            self.log.debug("The task state store cannot be written: %s", quoted(error))

    def _is_news(self, state: str) -> bool:
        changed, self.last = state != self.last, state
        return changed


def describe_duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as ``2 h 5 min``."""
    left = max(0, round(seconds))
    parts = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        parts.append((count, unit))
    first = next((place for place, (count, _) in enumerate(parts) if count), len(parts) - 1)
    shown = [f"{count} {unit}" for count, unit in parts[first : first + 2] if count]
    return " ".join(shown) or "0 s"


def describe_manifest(manifest: Manifest, *, stored: Collection[int] | None = None) -> str:
    """
    Return the counts of a report in one line of log; what is billed is the number of objects listed.

    :param stored: sizes of the data files, if the manifest was read without them
    """
    sizes = [file.size for file in manifest.files] if stored is None else stored
    return (
        f"{shown(f'cos://{manifest.bucket}/{manifest.manifest_key}')}: {_count(manifest.matched_objects)} objects of "
        f"{_count(manifest.matched_bytes)} bytes, out of {_count(manifest.listed_objects)} listed (the number that is "
        f"billed); data files: {len(sizes)}, of {sum(sizes):,} bytes"
    )


def _count(number: int | None) -> str:
    # A manifest of the first generation has no counts.
    return "an unknown number" if number is None else f"{number:,}"
