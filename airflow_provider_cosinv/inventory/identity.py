# SPDX-License-Identifier: Apache-2.0
"""
The inventory id that belongs to one task attempt, derived so that a retry asks for the same one.

COS takes an id once a day (436/46869), so the id is the key that makes a submission idempotent.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass

from airflow_provider_cosinv.inventory.configuration import InventoryConfiguration
from airflow_provider_cosinv.inventory.configuration_xml import post_body
from airflow_provider_cosinv.inventory.names import INVENTORY_ID_LENGTH

_UNUSABLE = re.compile(r"[^A-Za-z0-9_]+")
# 100 bits: a collision among a billion ids has a chance of about 1 in 10**12.
_DIGEST_LENGTH = 20


@dataclass(frozen=True, kw_only=True)
class TaskIdentity:
    """
    What makes one logical submission.

    :param dag_id: the DAG's id
    :param task_id: the task's id, with its groups
    :param run_id: the DAG run's id
    :param map_index: index of a mapped task, -1 of another
    :param run_started: when the DAG run started; tells apart the runs of two deployments, and a run that was made anew
    :param generation: changes when the task is cleared, not when it is retried
    """

    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    run_started: str
    generation: int


def derive_inventory_id(identity: TaskIdentity, *, bucket: str, configuration: InventoryConfiguration) -> str:
    """
    Return the inventory id of a submission: readable at the front, unique at the back, at most 64 characters.

    :param identity: the submission
    :param bucket: full name of the source bucket
    :param configuration: what is asked for; its own ``inventory_id`` does not count
    """
    # What COS reads is what counts: a release that knows more elements derives the same id from the same request.
    asked = post_body(dataclasses.replace(configuration, inventory_id="-")).decode()
    text = json.dumps([dataclasses.asdict(identity), bucket, asked], sort_keys=True)
    digest = base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()[:_DIGEST_LENGTH]
    front = f"{_slug(identity.dag_id)}.{_slug(identity.task_id)}"
    return f"{front[: INVENTORY_ID_LENGTH - _DIGEST_LENGTH - 1].rstrip('._-')}-{digest}"


def _slug(text: str) -> str:
    # A name in Chinese leaves nothing; the digest still tells the ids apart.
    return _UNUSABLE.sub("-", text).strip("-_") or "x"
