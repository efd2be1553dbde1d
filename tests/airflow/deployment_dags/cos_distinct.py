# SPDX-License-Identifier: Apache-2.0
"""Many submissions for one bucket: of mapped tasks, of two DAGs, of thirty runs."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.sdk import dag

from airflow_provider_cosinv.operators.cos_inventory import COSInventoryOperator


@dag(schedule=None)
def cos_mapped() -> None:
    """Five inventories that differ in nothing but the index of their task."""
    COSInventoryOperator.partial(task_id="submit", bucket="mapped-1250000000").expand(prefix=["logs/"] * 5)


@dag(schedule=None, params={"bucket": "shared-1250000000"})
def cos_twin_one() -> None:
    """Asks for the same as ``cos_twin_two``."""
    COSInventoryOperator(task_id="submit", bucket="{{ params.bucket }}")


@dag(schedule=None, params={"bucket": "shared-1250000000"})
def cos_twin_two() -> None:
    """Asks for the same as ``cos_twin_one``."""
    COSInventoryOperator(task_id="submit", bucket="{{ params.bucket }}")


# Over since January: the scheduler makes no run of its own.
@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    end_date=datetime(2026, 1, 30, tzinfo=timezone.utc),
    catchup=False,
)
def cos_with_a_name_that_is_far_too_long_to_fit_into_an_inventory_id_of_sixty_four_characters() -> None:
    """An inventory for each of thirty days."""
    COSInventoryOperator(task_id="submit_the_inventory_of_the_day", bucket="backfilled-1250000000")


cos_mapped()
cos_twin_one()
cos_twin_two()
cos_with_a_name_that_is_far_too_long_to_fit_into_an_inventory_id_of_sixty_four_characters()
