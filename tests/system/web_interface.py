# SPDX-License-Identifier: Apache-2.0
"""Airflow's web interface, as a person at a browser uses it."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PIL import Image
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Remote
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.airflow.wait import wait_until

EXTRA = "element_"
"""What the names of the inputs for extra fields begin with."""

FIELD = "./ancestor::*[@role='group' and .//label][1]"
"""From an input to the row that it is in, with label and help text."""

TOAST = "[data-scope=toast][data-part=root]"
PATIENCE = 60.0
"""Seconds for a page to show what it should."""

STILL = 1.0
"""Seconds without change, after which nothing moves any more."""

Found = TypeVar("Found")


@dataclass(frozen=True)
class FormField:
    """
    A row of the connection form.

    :param label: beside the input
    :param help: below it
    :param kind: the input's type, such as ``password``
    """

    label: str
    help: str
    kind: str


class WebInterface:
    """
    A browser that shows an Airflow.

    :param driver: the browser
    :param url: the API server's
    :param screenshots: folder for pictures; None for none
    :param suffix: what the names of pictures end with
    """

    def __init__(self, *, driver: Remote, url: str, screenshots: Path | None, suffix: str) -> None:
        self.driver = driver
        self.url = url
        self.screenshots = screenshots
        self.suffix = suffix

    def log_in(self) -> None:
        """Let Airflow know the browser: the first page that it is asked for, 3.1 forgets on the way."""
        self.open("/")
        self.see_text("Admin")

    def open(self, path: str) -> None:
        """Go to a page."""
        self.driver.get(self.url + path)

    def see(self, css: str) -> WebElement:
        """Wait for an element that people see."""

        def visible(driver: Remote) -> WebElement | None:
            return next((element for element in driver.find_elements(By.CSS_SELECTOR, css) if shown(element)), None)

        return self._wait(visible, css)

    def see_text(self, text: str, *, tag: str = "*") -> WebElement:
        """Wait for the innermost element with this text in it that people see."""
        path = (
            f"//{tag}[contains(normalize-space(), '{text}') and not(.//{tag}[contains(normalize-space(), '{text}')])]"
        )

        def visible(driver: Remote) -> WebElement | None:
            return next((element for element in driver.find_elements(By.XPATH, path) if shown(element)), None)

        return self._wait(visible, text)

    def open_connection_form(self, type_name: str) -> None:
        """Open the form for a new connection of a type."""
        self.open("/connections")
        self.see_text("Add Connection", tag="button").click()
        choice = self.see("[role=dialog] input[role=combobox]")
        choice.send_keys(type_name)
        self.see("[role=option]")
        choice.send_keys(Keys.ENTER)
        self.see("input[name=login]")

    def unfold_extra_fields(self) -> None:
        """Unfold the form's second part, which folds up the first."""
        self.see_text("Extra Fields", tag="button").click()
        self.see(f"input[name^={EXTRA}]")

    def field(self, name: str) -> FormField:
        """Return what the form shows of a field."""
        # Switches and lists draw something else over their inputs, and some have none.
        field = self.driver.find_element(By.CSS_SELECTOR, f"[role=dialog] :is([name='{name}'], [id$=':{name}'])")
        row = field.find_element(By.XPATH, FIELD)
        described = row.find_elements(By.CSS_SELECTOR, "[id$=helper-text]")
        return FormField(
            label=row.find_element(By.TAG_NAME, "label").text.strip(" *"),
            help=" ".join(element.text for element in described),
            kind=field.get_attribute("type") or "",
        )

    def fill(self, **values: str) -> None:
        """Type into fields of the form, by the names of their inputs."""
        for name, value in values.items():
            self.see(f"[role=dialog] [name={name}]").send_keys(value)

    def save_connection(self) -> None:
        """Save the form, and wait until it has gone."""
        self.see_text("Save", tag="button").click()
        wait_until(lambda: not self.driver.find_elements(By.CSS_SELECTOR, "[role=dialog]"), what="the form closes")
        self.open("/connections")

    def press_test(self, conn_id: str) -> str:
        """Press the Test button of a connection, and return what Airflow says to it."""
        row = self.see_text(conn_id, tag="tr")
        row.find_element(By.CSS_SELECTOR, "button[aria-label='Test Connection']").click()
        return self.see(TOAST).text

    def picture(self, name: str, *, of: str | None = None) -> None:
        """Write a picture, once nothing moves any more, of the window or of one element."""
        if self.screenshots is None:
            return
        self.driver.execute_script("document.activeElement.blur()")
        taken = self._still(self.see(of) if of else None)
        # Few colours are enough for a page, and make a third of the bytes.
        image = (
            Image.open(io.BytesIO(taken))
            .convert("RGB")
            .quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        )
        self.screenshots.mkdir(parents=True, exist_ok=True)
        image.save(self.screenshots / f"{name}{self.suffix}.png", optimize=True)

    def _still(self, element: WebElement | None) -> bytes:
        def take() -> bytes:
            return element.screenshot_as_png if element else self.driver.get_screenshot_as_png()

        before = b""
        for _ in range(20):
            taken = take()
            if taken == before:
                break
            before = taken
            time.sleep(STILL)
        return taken

    def _wait(self, find: Callable[[Remote], Found | None], what: str) -> Found:
        ignored = (NoSuchElementException, StaleElementReferenceException)
        found = WebDriverWait(self.driver, PATIENCE, ignored_exceptions=ignored).until(find, f"not seen: {what}")
        assert found
        return found


def shown(element: WebElement) -> bool:
    """Whether people see an element; one that has gone meanwhile is not seen."""
    try:
        return element.is_displayed()
    except StaleElementReferenceException:
        return False
