"""What a supervisor sees and does during an exam."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page

from functions import records
from functions.ports import Update
from infra.local import tokens
from tests.browser.student import GIVE_UP_MS
from tests.browser.test_gallery import violations
from tests.stack.conftest import LiveStack, wait_until

pytestmark = pytest.mark.stack


def opened(live: LiveStack, page: Page, token: str) -> Page:
    page.set_default_timeout(GIVE_UP_MS)
    page.goto(f"{live.stack.page_url}/staff/#token={token}")
    return page


def test_what_failed_is_judged_again_by_a_click(
    live: LiveStack, page: Page, picture: Callable[[Page, str], None]
) -> None:
    student = live.student("stella", exam_id="sample")
    sent = student.post("palindrome", "print('yes')").json()["submission_id"]
    student.wait(sent)
    path = records.submission_path(sent)
    ruined: dict[str, object] = {
        "status": "failed",
        "verdict": None,
        "score": None,
        "results": [],
        "failure": "the judge ended",
    }
    live.service().store.commit(Update(path, ruined))
    opened(live, page, tokens.mint(live.stack, "teacher", "instructor"))
    again = page.get_by_role("button", name="Judge again: stella, palindrome")
    again.wait_for()
    picture(page, "staff-page")
    again.click()
    wait_until(lambda: student.get(sent)["status"] == "completed")
    assert student.get(sent)["verdict"] == "wrong_answer"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_violation_on_the_real_pages(live: LiveStack, browser: Browser, theme: str) -> None:
    """The pages' own policy would keep axe's script out."""
    context = browser.new_context(bypass_csp=True, color_scheme="dark" if theme == "dark" else "light")
    page = context.new_page()
    opened(live, page, tokens.mint(live.stack, "teacher", "instructor"))
    page.get_by_role("heading", name="Slots").wait_for()
    found = {"staff": violations(page)}
    student = live.student(exam_id="sample")
    page.goto(f"{live.stack.page_url}/#token={student.token}&attempt={student.attempt_id}")
    page.get_by_role("textbox", name=re.compile("^Code for")).wait_for()
    found["exam"] = violations(page)
    page.goto(f"{live.stack.page_url}/staff/#token=")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in as an instructor").wait_for()
    found["sign-in"] = violations(page)
    context.close()
    assert not any(found.values()), found


def test_a_student_is_told_that_this_page_is_not_theirs(live: LiveStack, page: Page) -> None:
    student = live.student()
    opened(live, page, student.token)
    page.get_by_text("This page is for instructors").wait_for()
    assert "queue" not in page.get_by_role("main").inner_text().lower()
