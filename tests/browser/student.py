"""A student in front of the page: what they do with mouse and keyboard, and what they read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Locator, Page, Request, Response

from tests.stack.conftest import LiveStack, Student

GIVE_UP_MS = 300_000.0
"""When a test stops waiting for what should have come long ago. No test asserts a time."""
SUM = "input()\nprint(sum(map(int, input().split())))\n"

POSITIONS = re.compile(r"Recorded\. (?:(\d+)(?:st|nd|rd|th)|(Next)) in line")
WATCH = """
window.seen = [];
new MutationObserver(() => {
  const text = [...document.querySelectorAll('[role=status]')].map((each) => each.textContent).join(' | ');
  if (window.seen.at(-1) !== text) window.seen.push(text);
}).observe(document, {subtree: true, childList: true, characterData: true});
"""


@dataclass
class Sitting:
    """The exam page of one student."""

    live: LiveStack
    page: Page
    student: Student
    requests: list[Request] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)

    @classmethod
    def begin(cls, live: LiveStack, page: Page, student: Student, question: str = "Sum") -> Sitting:
        """Signed in as an exam platform would do it, with ``question`` before them."""
        page.set_default_timeout(GIVE_UP_MS)
        page.add_init_script(WATCH)
        sitting = cls(live, page, student)
        page.on("request", lambda request: sitting.requests.append(request))
        page.on("response", lambda answer: sitting.answers.append(answer))
        page.goto(f"{live.stack.page_url}/#token={student.token}&attempt={student.attempt_id}")
        sitting.open(question)
        return sitting

    def open(self, question: str) -> None:
        self.page.get_by_role("navigation").get_by_role("button", name=re.compile(f"^{question}")).click()
        self.page.get_by_role("heading", name=question, exact=True).wait_for()
        self.editor.wait_for()

    @property
    def editor(self) -> Locator:
        return self.page.get_by_role("textbox", name=re.compile("^Code for"))

    def write(self, code: str) -> None:
        """As if it were pasted, for indentation is the editor's affair."""
        self.editor.click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.press("Delete")
        self.page.keyboard.insert_text(code)

    def code(self) -> str:
        return "\n".join(self.editor.locator(".cm-line").all_inner_texts()).replace("​", "")

    def choose(self, language: str) -> None:
        self.page.get_by_label("Language").select_option(language)
        self.editor.wait_for()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def reads(self, text: str | re.Pattern[str]) -> Locator:
        """Waits until that can be read in the outcome."""
        found = self.page.get_by_role("tabpanel").get_by_text(text).first
        found.wait_for()
        return found

    def posts(self) -> int:
        """How many times a submission was sent and taken: what is not answered is sent again."""
        return sum(each.request.method == "POST" and each.status in (200, 202) for each in self.answers)

    def submission(self) -> dict[str, Any]:
        """The newest of the attempt, as the service has it."""
        newest: dict[str, Any] = self.student.attempt()["submissions"][0]
        return newest

    def positions(self) -> list[int]:
        """Every place in line that could be read, in the order of time; without the first answer's, which knows
        nothing yet of those that came in the same moment.
        """
        seen: list[str] = self.page.evaluate("window.seen")
        found = (POSITIONS.search(text) for text in seen)
        return [int(each[1] or 1) for each in found if each is not None][1:]
