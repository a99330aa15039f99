"""A real browser in front of a real server: Debian's Chromium, or the one that CHROMIUM names.

These tests are not part of `make test`; `make test-browser` runs them, and fails where there is no browser.
"""

import json
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from httpx import AsyncClient
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright, expect

from app.demo import load_demo
from app.main import create_app
from app.routes.pages import STATIC_DIR
from app.settings import Settings
from db.engine import Database
from tests.client import Client, Sent, said
from tests.listening import listening

HERE = Path(__file__).parent
ARGUMENTS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
"""As root, which CI is, Chromium runs without its sandbox or not at all. It finds no host but this one."""

NAMES = ("chromium", "chromium-browser", "google-chrome")

expect.set_options(timeout=15_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


def chromium() -> str:
    """The browser's path."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "No Chromium: `apt-get install chromium`, or name one in CHROMIUM."
    return found


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    assert (STATIC_DIR / "viewer" / "manifest.json").exists(), "The pages are not built: `make install`."
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield browser
        await browser.close()


@dataclass
class Watched:
    """What pages did that they must not do."""

    site: str
    faults: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", self._look)

    def _look(self, request: Request) -> None:
        if (
            not request.url.startswith(("data:", "blob:"))
            and urlsplit(request.url).netloc != urlsplit(self.site).netloc
        ):
            self.faults.append(f"asked {request.url}")


@pytest.fixture
async def site(settings: Settings, database: Database) -> AsyncIterator[str]:
    """A server on a port; its address."""
    async with listening(create_app(settings, database), settings) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def demo(database: Database) -> None:
    await load_demo(database)


@pytest.fixture
async def client(site: str) -> AsyncIterator[Client]:
    async with AsyncClient(base_url=site) as http:
        yield Client(http)


@pytest.fixture
async def watched(site: str) -> Watched:
    return Watched(site)


@pytest.fixture
async def context(browser: Browser, site: str) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(base_url=site, viewport={"width": 1280, "height": 800})
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext, watched: Watched) -> AsyncIterator[Page]:
    """A page that may ask nobody but the server, and may not fail."""
    page = await context.new_page()
    watched.watch(page)
    yield page
    assert watched.faults == []


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, which looks for what keeps people out."""
    return (STATIC_DIR.parent.parent / "web" / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


async def serious_violations(page: Page, axe: str) -> list[str]:
    """What axe-core finds wrong on a page as it is shown, beyond the minor."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(axe)
    found = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{violation['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]


def turns(first: int, last: int, conversation: str = "c1") -> list[Sent]:
    """Turns of a question and an answer, a minute apart."""
    return [
        said(
            f"{number:x}",
            json.dumps([{"role": "assistant", "content": f"Answer {number}. " * 40}]),
            conversation=conversation,
            trace=f"{number:x}",
            start=number * 60_000,
            end=number * 60_000 + 100,
            attributes={"gen_ai.input.messages": json.dumps([{"role": "user", "content": f"Question {number}"}])},
        )
        for number in range(first, last + 1)
    ]
