"""A scene for a network of its own (`unshare -rn`): the way of live pictures is cut and comes back; if asked, then all.

Run by test_network_cut.py; says what people saw as JSON on its last line.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.e2e.conftest import CHROMIUM, FLAGS, sign_in
from tests.e2e.stack import Stack

SETTINGS = {"source": {"kind": "test"}, "width": 320, "height": 240, "fps": 10, "bitrate_kbit": 300, "chunk_s": 10}


def ip(words: str) -> None:
    """One change of this network."""
    subprocess.run(["ip", *words.split()], check=True)


def prepare() -> None:
    """Loopback, and an interface for WebRTC, which leaves loopback out; rules by protocol come before all routing."""
    for words in (
        "link set lo up", "link add cam0 type veth peer name cam1", "addr add 10.77.0.1/24 dev cam0",
        "link set cam0 up", "link set cam1 up", "rule add pref 10 lookup local", "rule del pref 0 lookup local",
    ):  # fmt: skip
        ip(words)


def words_of(page: Page) -> str:
    return page.locator("#stage [data-part=notice]").last.inner_text()


def scene(page: Page, stack: Stack, everything: bool) -> dict[str, str]:
    """What stood on the page."""
    stage = page.locator("#stage")
    page.goto(f"/cameras/{stack.camera_jid}/")
    expect(stage).to_have_attribute("data-live", "live", timeout=60_000)
    seen: dict[str, str] = {}
    ip("rule add pref 5 ipproto udp blackhole")
    expect(stage).to_have_attribute("data-live", "fallback", timeout=60_000)
    expect(stage).to_have_attribute("data-show", "past", timeout=60_000)
    expect(page.locator("#stage [data-part=notice]").last).to_contain_text("Live through storage", timeout=60_000)
    seen["cut"] = words_of(page)
    ip("rule del pref 5 ipproto udp blackhole")
    expect(stage).to_have_attribute("data-live", "live", timeout=90_000)
    expect(page.locator("#stage [data-part=notice]").last).to_be_hidden(timeout=10_000)
    seen["back"] = stage.get_attribute("data-show") or ""
    return seen | (all_cut(page) if everything else {})


def all_cut(page: Page) -> dict[str, str]:
    """The same when nothing at all gets through for a while."""
    seen: dict[str, str] = {}
    stage = page.locator("#stage")
    ip("link set lo down")
    connection = page.locator("#connection-words")
    expect(connection).to_be_visible(timeout=90_000)
    seen["away"] = connection.inner_text()
    ip("link set lo up")
    expect(page.locator("#connection")).to_be_hidden(timeout=90_000)
    expect(stage).to_have_attribute("data-live", "live", timeout=90_000)
    seen["all back"] = stage.get_attribute("data-show") or ""
    return seen


def main() -> None:
    prepare()
    with Stack(Path(sys.argv[1]), settings=SETTINGS) as stack, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = sign_in(browser, stack, "alice@example.com")
            print(json.dumps(scene(page, stack, "everything" in sys.argv)))
        finally:
            browser.close()


if __name__ == "__main__":
    main()
