"""Debian's Chromium against the whole local stack: what a student does on the page, and what they see."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from infra.local import page as built
from tests.browser.student import GIVE_UP_MS, Sitting
from tests.conftest import ROOT, missing, our_process
from tests.faults.proxy import Proxy, proxy_of
from tests.stack.conftest import LiveStack, free_ports, plain_environment, running_stack

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
IMAGES = ROOT / "docs" / "images"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    if executable is None:
        missing("no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=FLAGS, timeout=GIVE_UP_MS)
        expect.set_options(timeout=GIVE_UP_MS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def judge() -> Iterator[Proxy]:
    """The local runner behind a proxy, so that a test can take it away."""
    with our_process("infra.local.judge0_runner") as url, proxy_of(url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def live(judge: Proxy) -> Iterator[LiveStack]:
    if not (built.BUILT / "index.html").exists():
        missing("the exam page is not built: make page (Node 20.19 or newer)")
    with running_stack(plain_environment() | free_ports() | {"JUDGE0_URL": judge.url}) as stack:
        yield stack


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    made.set_default_timeout(GIVE_UP_MS)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page on which nothing goes wrong unseen: no exception, no error in its console."""
    errors: list[str] = []
    opened = context.new_page()
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    assert errors == []


@pytest.fixture
def sitting(live: LiveStack, page: Page) -> Sitting:
    """A student of their own who sits the sample exam, signed in."""
    return Sitting.begin(live, page, live.student(exam_id="sample"))


@pytest.fixture
def picture() -> Callable[[Page, str], None]:
    """Keep a screenshot as docs/images/NAME.png, where SCREENSHOTS is set (`make screenshots`)."""

    def keep(page: Page, name: str) -> None:
        if os.environ.get("SCREENSHOTS"):
            page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")

    return keep
