"""What a page holds: connections, sockets, timers, pictures in memory, and the browser's own heap."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import BrowserContext, Page

COUNT = Path(__file__).with_name("held.js").read_text(encoding="utf-8")


def count(context: BrowserContext) -> None:
    """From the next page on this context's pages count what they hold."""
    context.add_init_script(COUNT)


class Tab:
    """A tab whose page counts what it holds."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._tools = page.context.new_cdp_session(page)
        self._tools.send("Performance.enable")

    def held(self) -> dict[str, int]:
        """By the page's own count: peers, sockets, intervals, timeouts, pictures."""
        found: dict[str, int] = self.page.evaluate("() => ({...window.held})")
        return found

    def heap(self) -> dict[str, float]:
        """By the browser, after it has collected garbage: kB of JavaScript, documents, nodes, listeners."""
        for _ in range(2):
            self._tools.send("HeapProfiler.collectGarbage")
        values = {one["name"]: one["value"] for one in self._tools.send("Performance.getMetrics")["metrics"]}
        return {
            "heap_kb": round(values["JSHeapUsedSize"] / 1024),
            "documents": values["Documents"],
            "nodes": values["Nodes"],
            "listeners": values["JSEventListeners"],
        }
