# SPDX-License-Identifier: Apache-2.0
"""What people see of the package in Airflow, in a real browser; make screenshots takes pictures of it for the docs."""

from __future__ import annotations

import importlib.metadata

import pytest

from airflow_provider_cosinv.emulator.cos_emulator import COSEmulator
from airflow_provider_cosinv.emulator.settings import Delivery, EmulatorSettings
from airflow_provider_cosinv.get_provider_info import get_provider_info
from tests.airflow.deployment import AirflowDeployment
from tests.system.chromedriver import ChromeDriver
from tests.system.conftest import EXAMPLES
from tests.system.web_interface import EXTRA, FormField, WebInterface

DAG = "cos_inventory_scheduled"
RUN = "by_hand"
CONNECTION = "cos_archive"
# Airflow 3.1 draws its form from the hook, 3.3 from the provider's description.
IS_OLD = importlib.metadata.version("apache-airflow-core").startswith("3.1.")
SUFFIX = "-airflow-3.1" if IS_OLD else ""

FIELDS = get_provider_info()["connection-types"][0]["conn-fields"]
# Airflow 3.1 shows what is typed into an extra field, whatever its format is.
HIDDEN = {name for name, field in FIELDS.items() if field["schema"].get("format") == "password" and not IS_OLD}

pytestmark = pytest.mark.timeout(600)  # a start of everything


@pytest.fixture(scope="module")
def cos():
    """A local COS with two buckets."""
    with COSEmulator(settings=EmulatorSettings(delivery=Delivery(polls=2), post_rate=0)) as emulator:
        emulator.create_bucket("examplebucket-1250000000", objects=1000)
        emulator.create_bucket("inventorybucket-1250000000")
        yield emulator


@pytest.fixture(scope="module")
def airflow(cos, tmp_path_factory):
    """An Airflow in which the scheduled example ran once."""
    environment = {
        "AIRFLOW_CONN_COS_DEFAULT": cos.connection_json,
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        # No daily run beside it.
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
    }
    home = tmp_path_factory.mktemp("airflow")
    with AirflowDeployment(home=home, dags_folder=EXAMPLES, environment=environment) as deployment:
        run_id = deployment.start_dag_run(DAG, run_id=RUN)
        deployment.client.wait_for_dag_run(DAG, run_id)
        yield deployment


@pytest.fixture(scope="module")
def chromedriver(tmp_path_factory):
    with ChromeDriver(folder=tmp_path_factory.mktemp("chromedriver")) as server:
        yield server


@pytest.fixture
def window():
    """Width and height of the browser's window, in pixels."""
    return 1280, 800


@pytest.fixture
def web(request, airflow, chromedriver, window):
    with chromedriver.browser(width=window[0], height=window[1]) as driver:
        screenshots = request.config.getoption("screenshots")
        interface = WebInterface(driver=driver, url=airflow.url, screenshots=screenshots, suffix=SUFFIX)
        interface.log_in()
        yield interface


def fill_connection(web, cos, *, secret_key):
    """Open the form, fill it in, and leave it at its first part."""
    web.open_connection_form("Tencent Cloud COS")
    web.fill(connection_id=CONNECTION, login=cos.connection["login"], password=secret_key, port="443")


def fill_extra_fields(web, cos):
    web.unfold_extra_fields()
    web.fill(**{EXTRA + name: value for name, value in cos.connection["extra"].items()})


@pytest.fixture
def save_and_test(web, airflow, cos):
    """Makes a connection with a SecretKey and presses its Test button; the connection is gone after the test."""

    def save_and_test(secret_key):
        fill_connection(web, cos, secret_key=secret_key)
        fill_extra_fields(web, cos)
        web.save_connection()
        return web.press_test(CONNECTION)

    yield save_and_test
    for connection in airflow.client.request("GET", "/api/v2/connections")["connections"]:
        airflow.client.request("DELETE", f"/api/v2/connections/{connection['connection_id']}")


@pytest.mark.parametrize("window", [(1000, 2450)])
def test_the_connection_form_has_labelled_fields_with_help_and_hides_secrets(web, cos):
    fill_connection(web, cos, secret_key=cos.connection["password"])
    assert web.field("login").label == "SecretId"
    assert web.field("password") == FormField(label="SecretKey", help="", kind="password")
    web.picture("connection-form", of="[role=dialog]")
    fill_extra_fields(web, cos)
    for name, field in FIELDS.items():
        seen = web.field(EXTRA + name)
        assert (seen.label, seen.help) == (field["label"], field["description"])
        assert (seen.kind == "password") is (name in HIDDEN)
    web.picture("connection-form-extra", of="[role=dialog]")


@pytest.mark.parametrize("window", [(1200, 660)])
def test_the_test_button_says_that_cos_accepts_the_credentials(web, cos, save_and_test):
    said = save_and_test(cos.connection["password"])
    web.picture("connection-test-accepted")
    assert "COS accepts these credentials. Buckets that they see in ap-guangzhou: 2." in said


@pytest.mark.parametrize("window", [(1200, 660)])
def test_the_test_button_says_what_is_wrong_with_the_credentials(web, save_and_test):
    said = save_and_test("another-key")
    web.picture("connection-test-refused")
    assert "SignatureDoesNotMatch" in said
    assert "another-key" not in said


@pytest.mark.parametrize("window", [(1280, 640)])
def test_a_run_is_shown_with_its_three_tasks(web):
    web.open(f"/dags/{DAG}/runs/{RUN}")
    for name in ("submit", "wait", "summarise"):
        web.see_text(name, tag="a")
    web.see_text("COSInventorySensor")
    web.picture("run")


@pytest.mark.parametrize("window", [(1280, 1040)])
def test_what_a_submission_returns_is_shown_key_by_key(web, airflow):
    web.open(f"/dags/{DAG}/runs/{RUN}/tasks/submit/xcom")
    web.see_text("inventory_id")
    web.see_text(airflow.client.xcom(DAG, RUN, "submit", "job_id"))
    web.picture("xcom")
