"""axe-core in a page: what of WCAG 2.2 AA is broken."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.e2e.stack import ROOT

AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
RUN_AXE = """async () => (await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}))
  .violations.filter(({impact}) => impact === 'serious' || impact === 'critical')
  .map(({id, nodes}) => `${id}: ${nodes.map(({html}) => html.slice(0, 160)).join(' | ')}`)"""


def serious(page: Page) -> list[str]:
    """Serious and critical findings, with what they are about."""
    page.evaluate(f"() => {{ {AXE} }}")
    found: list[str] = page.evaluate(RUN_AXE)
    return found
