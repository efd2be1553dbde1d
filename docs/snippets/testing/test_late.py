import pytest
from dags.bucket_size import the_dag

from airflow_provider_cosinv.emulator import Delivery, EmulatorSettings


@pytest.fixture
def cos_emulator_settings():
    return EmulatorSettings(delivery=Delivery(polls=2), post_rate=0)


def test_it_waits_for_a_report_that_is_late(cos):
    assert the_dag.test().state == "success"
