"""Every component in every state, as the gallery shows it: axe finds nothing to object to, in light and in dark."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import ROOT, missing

GALLERY = ROOT / "frontend" / "dist-gallery"
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
STATES = (
    *("sending", "queued", "judge-away", "processing", "completed", "failed", "superseded", "cancelled"),
    *("rate-limited", "signed-out", "attempt-over", "offline"),
)
"""The faces that the exam page must have, as words of the stories' names."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    if not (GALLERY / "index.json").exists():
        missing("the gallery is not built: npm --prefix frontend run build:gallery (Node 20.19 or newer)")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(GALLERY))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def stories() -> list[str]:
    found = json.loads((GALLERY / "index.json").read_text())["entries"] if GALLERY.exists() else {}
    return sorted(name for name, entry in found.items() if entry["type"] == "story")


SHOW = """id => new Promise((shown, failed) => {
  const channel = window.__STORYBOOK_PREVIEW__.channel;
  channel.on("storyRendered", rendered => { if (rendered === id) shown(); });
  for (const event of ["storyThrewException", "storyErrored", "storyMissing"]) {
    channel.once(event, error => failed(new Error(`${id}: ${event} ${error}`)));
  }
  channel.emit("setCurrentStory", { storyId: id, viewMode: "story" });
})"""
"""Without loading the gallery anew for each: as its own list of stories does it."""


def violations(page: Page, *rules: str) -> list[str]:
    """What axe objects to by these rules, or by all; each with the first place of it."""
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=AXE)
    options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    found = page.evaluate("options => axe.run(options)", options)["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]} ({len(each['nodes'])})" for each in found]


def test_every_state_has_a_face() -> None:
    names = " ".join(stories())
    assert [state for state in STATES if state not in names] == []


def test_axe_finds_no_violation_in_any_state_light_or_dark(gallery: str, browser: Browser) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    first, *others = stories()
    page.goto(f"{gallery}/iframe.html?id={first}&viewMode=story&globals=theme:light")
    page.locator("#storybook-root > *").first.wait_for(state="attached")
    found = {}
    for story in (first, *others):
        if story != first:
            page.evaluate(SHOW, story)
        for theme, rules in (("light", ()), ("dark", ("color-contrast",))):  # only colours differ
            page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
            if objections := violations(page, *rules):
                found[story, theme] = objections
    context.close()
    assert found == {}
