"""What a student lives through on the exam page, with the service, its line and its judge behind it."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from functions import records
from functions.domain.submission import RunType
from functions.ports import Update
from infra.local import tokens
from tests.browser.student import GIVE_UP_MS, POSITIONS, SUM, Sitting
from tests.faults.proxy import Answer, Exchange, Proxy, pass_on
from tests.stack.conftest import LiveStack

pytestmark = pytest.mark.stack

SLOW = "import time\ntime.sleep(1.2)\n" + SUM
WRONG = "print('none')\n"
MOST_JAVASCRIPT = 250_000

Picture = Callable[[Page, str], None]


def test_a_run_is_accepted_and_says_that_it_does_not_count(sitting: Sitting, picture: Picture) -> None:
    sitting.write(SUM)
    sitting.button("Run").click()
    sitting.reads("Accepted.")
    sitting.reads(re.compile("does not count towards your score"))
    assert sitting.submission()["run_type"] == "run"
    picture(sitting.page, "exam-page")


def test_a_run_on_ones_own_input_shows_the_output_and_compares_nothing(sitting: Sitting) -> None:
    sitting.write(SUM)
    sitting.page.get_by_text("Run on my own input").click()
    sitting.page.get_by_label("Your input").fill("3\n40 1 1\n")
    sitting.button("Run").click()
    sitting.reads("Ran to its end.")
    sitting.reads("42")


def test_a_wrong_submit_shows_the_difference_and_nothing_of_hidden_tests(sitting: Sitting, picture: Picture) -> None:
    sitting.write(WRONG)
    sitting.button("Submit").click()
    sitting.reads(re.compile("Wrong answer: 0 of 100 points"))
    sitting.reads("Difference")
    judged = sitting.submission()
    assert (judged["verdict"], judged["score"]) == ("wrong_answer", 0)
    hidden = sitting.page.get_by_role("tabpanel").get_by_text(re.compile(r"Test \d+ \(hidden\)"))
    assert hidden.count() == sum(test["hidden"] for test in judged["tests"]) > 0
    sitting.reads("Difference").scroll_into_view_if_needed()
    picture(sitting.page, "wrong-answer")


def test_a_compile_error_is_shown_at_its_line(sitting: Sitting, picture: Picture) -> None:
    sitting.choose("cpp")
    sitting.write("#include <iostream>\nint main() {\n  int x = unknown;\n  std::cout << x;\n}\n")
    sitting.button("Submit").click()
    sitting.reads(re.compile("Compile error"))
    sitting.page.get_by_role("button", name="Line 3").first.click()
    expect(sitting.page.locator(".cm-activeLine")).to_contain_text("int x = unknown")
    sitting.page.locator(".cm-lint-marker-error").first.wait_for()
    picture(sitting.page, "compile-error")


def test_a_program_that_does_not_end_is_told_the_time_limit(sitting: Sitting) -> None:
    sitting.write("while True:\n    pass\n")
    sitting.button("Submit").click()
    sitting.reads(re.compile("Time limit exceeded: 0 of 100 points"))
    assert sitting.submission()["verdict"] == "time_limit_exceeded"


def test_twelve_students_submit_at_once_and_each_page_counts_down_to_its_own_verdict(
    browser: Browser, live: LiveStack
) -> None:
    contexts = [browser.new_context() for _ in range(12)]
    sittings = [Sitting.begin(live, each.new_page(), live.student(exam_id="sample")) for each in contexts]
    right = [number % 3 != 0 for number in range(12)]
    for sitting, accepted in zip(sittings, right, strict=True):
        sitting.write(SLOW if accepted else SLOW.replace("print(", "print(1.5, "))
    with live.paused(RunType.SUBMIT):
        for sitting in sittings:
            sitting.button("Submit").click()
        for sitting in sittings:
            sitting.reads(POSITIONS)
    for sitting, accepted in zip(sittings, right, strict=True):
        sitting.reads(re.compile(r"Accepted: 100 of 100" if accepted else r"Wrong answer: 0 of 100"))
        judged = sitting.submission()
        assert judged["verdict"] == ("accepted" if accepted else "wrong_answer")
        assert sitting.posts() == 1
    positions = [sitting.positions() for sitting in sittings]
    assert all(seen == sorted(seen, reverse=True) for seen in positions), positions
    assert max(max(seen, default=0) for seen in positions) > 3, positions
    for context in contexts:
        context.close()


@contextmanager
def held_at(judge: Proxy) -> Iterator[None]:
    """What the judge has is not done before this ends."""

    def hold(exchange: Exchange) -> None:
        answer = exchange.forward()
        if "tokens=" in exchange.path:
            content = json.loads(answer.body)
            for item in filter(None, content["submissions"]):
                item.update(status_id=2, stdout=None, time=None, memory=None)
            answer = Answer(answer.status, json.dumps(content).encode(), answer.headers)
        exchange.answer(answer)

    judge.rule = hold
    try:
        yield
    finally:
        judge.rule = pass_on


def test_a_reload_in_the_middle_comes_back_to_the_same_submission(sitting: Sitting, judge: Proxy) -> None:
    sitting.write(SLOW)
    with held_at(judge):
        sitting.button("Submit").click()
        sitting.reads("Being judged.")
        before = sitting.submission()["submission_id"]
        sitting.page.reload()
        sitting.editor.wait_for()
        sitting.reads("Being judged.")
    sitting.reads(re.compile("Accepted: 100 of 100 points"))
    assert sitting.submission()["submission_id"] == before
    assert (sitting.posts(), len(sitting.student.attempt()["submissions"])) == (1, 1)
    assert sitting.code().strip() == SLOW.strip()


def test_ten_seconds_offline_while_it_is_judged_cost_nothing(
    sitting: Sitting, context: BrowserContext, judge: Proxy
) -> None:
    sitting.write(SLOW)
    with held_at(judge):
        sitting.button("Submit").click()
        sitting.reads("Being judged.")
        context.set_offline(True)
    sitting.page.get_by_text(re.compile("^You are offline")).first.wait_for()
    asked = len(sitting.requests)
    sitting.page.wait_for_timeout(10_000)
    assert len(sitting.requests) == asked
    context.set_offline(False)
    sitting.reads(re.compile("Accepted: 100 of 100 points"))
    assert sitting.posts() == 1


def test_what_is_pressed_offline_is_sent_once_online(sitting: Sitting, context: BrowserContext) -> None:
    sitting.write(SUM)
    context.set_offline(True)
    sitting.button("Submit").click()
    sitting.reads("You are offline: not sent yet")
    assert sitting.student.attempt()["submissions"] == []
    sitting.page.wait_for_timeout(500)
    context.set_offline(False)
    sitting.reads(re.compile("Accepted: 100 of 100 points"))
    assert len(sitting.student.attempt()["submissions"]) == 1


def test_a_double_click_sends_one(sitting: Sitting) -> None:
    sitting.write(SUM)
    sitting.button("Submit").dblclick()
    sitting.reads(re.compile("Accepted: 100 of 100 points"))
    assert (sitting.posts(), len(sitting.student.attempt()["submissions"])) == (1, 1)


def test_two_tabs_share_one_submission(sitting: Sitting, context: BrowserContext, judge: Proxy) -> None:
    sitting.write(SLOW)
    with held_at(judge):
        sitting.button("Submit").click()
        sitting.reads("Being judged.")
        other = Sitting.begin(sitting.live, context.new_page(), sitting.student)
        other.page.get_by_role("tab", name="Submit").click()
        other.reads("Being judged.")
    for tab in (sitting, other):
        tab.reads(re.compile("Accepted: 100 of 100 points"))
        assert tab.code().strip() == SLOW.strip()
    assert (sitting.posts(), other.posts(), len(sitting.student.attempt()["submissions"])) == (1, 0, 1)


def test_while_the_judge_is_away_the_student_reads_that_it_is_safe(
    sitting: Sitting, judge: Proxy, picture: Picture
) -> None:
    def away(exchange: Exchange) -> None:
        exchange.answer(Answer(502))

    judge.rule = away
    try:
        sitting.write(SUM)
        sitting.button("Submit").click()
        sitting.reads(re.compile("The judge is away"))
        sitting.reads(re.compile("Your submission is safe"))
        picture(sitting.page, "judge-away")
    finally:
        judge.rule = pass_on
    sitting.reads(re.compile("Accepted: 100 of 100 points"))


def test_all_of_it_by_keyboard_alone(sitting: Sitting) -> None:
    page = sitting.page
    page.reload()  # so that the focus begins where the page does
    sitting.editor.wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the editor"
    page.keyboard.press("Enter")
    for _ in range(10):
        if page.evaluate("document.activeElement.classList.contains('cm-content')"):
            break
        page.keyboard.press("Tab")
    page.keyboard.type("input()")
    page.keyboard.press("Enter")
    page.keyboard.type("print(sum(map(int, input().split(")
    page.keyboard.press("ControlOrMeta+Enter")
    sitting.reads("Accepted.")
    assert page.evaluate("document.activeElement.classList.contains('cm-content')"), "the focus stays where one writes"
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    reached = [page.evaluate("document.activeElement.textContent")]
    while reached[-1] != "Submit" and len(reached) < 10:
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent"))
    assert reached[-1] == "Submit", reached
    page.keyboard.press("Enter")
    sitting.reads(re.compile("Accepted: 100 of 100 points"))
    assert page.evaluate("document.activeElement.textContent") == "Submit"


def test_another_students_attempt_and_submissions_are_not_shown(
    sitting: Sitting, live: LiveStack, context: BrowserContext
) -> None:
    sitting.write(SUM + "# mine alone\n")
    sitting.button("Submit").click()
    sitting.reads(re.compile("Accepted"))
    other = live.student(exam_id="sample")
    page = context.new_page()  # the same browser: what is kept in it is another student's
    page.goto(f"{live.stack.page_url}/#token={other.token}&attempt={sitting.student.attempt_id}")
    page.get_by_text("This attempt is another student’s").wait_for()
    page.goto("about:blank")
    page.goto(f"{live.stack.page_url}/#token={other.token}&attempt={other.attempt_id}")
    page.get_by_role("textbox", name=re.compile("^Code for")).wait_for()
    assert "mine alone" not in page.content()
    page.get_by_role("tab", name="Submit").click()
    expect(page.get_by_text(re.compile("^Not submitted yet"))).to_be_visible()


def test_a_run_too_many_says_when_it_is_sent_and_is_sent_then(sitting: Sitting) -> None:
    for number in range(6):
        answer = sitting.student.post("sum", f"{SUM}# {number}")
        assert answer.status_code == 202
    sitting.write(SUM)
    sitting.button("Submit").click()
    sitting.reads(re.compile("^Too many in one minute"))
    sitting.reads(re.compile("sent by itself in"))
    sitting.button("Cancel the waiting Submit").click()
    sitting.button("Submit").wait_for()
    assert len(sitting.student.attempt()["submissions"]) == 6


def test_a_token_that_ends_in_the_middle_loses_nothing(sitting: Sitting) -> None:
    page = sitting.page
    sitting.write(SUM)
    good = sitting.student.token
    subject = jwt.decode(good, options={"verify_signature": False})["sub"]

    def expired(route: Route) -> None:
        if route.request.headers.get("authorization") != f"Bearer {good}":
            route.continue_()
            return
        route.fulfill(
            status=401,
            content_type="application/problem+json",
            body='{"detail": "The token has expired."}',
            headers={"Access-Control-Allow-Origin": sitting.live.stack.page_url},
        )

    page.route(re.compile(f"^{re.escape(sitting.live.url)}/submissions"), expired)
    sitting.button("Submit").click()
    sitting.reads("You are signed out: not sent yet")
    fresh = tokens.mint(sitting.live.stack, subject, hours=5)
    page.get_by_role("textbox", name="Token").fill(fresh)
    sitting.button("Go on").click()
    sitting.reads(re.compile("Accepted: 100 of 100 points"))
    assert len(sitting.student.attempt()["submissions"]) == 1


def test_the_first_load_with_its_editor_is_under_250_kb_of_javascript(live: LiveStack, page: Page) -> None:
    """Of a question without formulas, as the first one is; what typesets them comes with the first that has any."""
    sitting = Sitting.begin(live, page, live.student(exam_id="sample"), "Palindromes")
    sitting.page.wait_for_load_state("networkidle")
    scripts = {answer.url: answer for answer in sitting.answers if answer.request.resource_type == "script"}
    sizes = {url.rpartition("/")[2]: len(gzip.compress(answer.body(), 9)) for url, answer in scripts.items()}
    print(f"first load: {sum(sizes.values()) / 1000:.0f} KB of JavaScript, gzipped: {sizes}")
    assert 0 < sum(sizes.values()) < MOST_JAVASCRIPT, sizes
    assert not any(name.startswith("formulas") for name in sizes)


def test_the_time_left_is_shown_and_an_exam_that_is_over_says_what_counts(
    live: LiveStack, page: Page, picture: Picture
) -> None:
    student = live.student(exam_id="sample")
    sitting = Sitting.begin(live, page, student)
    expect(page.get_by_text("Time left")).to_be_visible()
    past = datetime.now(UTC) - timedelta(minutes=1)
    live.service().store.commit(Update(f"{records.ATTEMPTS}/{student.attempt_id}", {"closes_at": past}))
    sitting.write(SUM)
    sitting.button("Submit").click()
    sitting.reads(re.compile("does not count"))
    page.get_by_text("The exam is over").first.wait_for(timeout=GIVE_UP_MS)
