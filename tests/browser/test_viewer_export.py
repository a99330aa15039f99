"""A conversation as a file, from the chat."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from pydantic import SecretStr

from app.settings import Settings
from tests.browser.conftest import Watched, serious_violations

CHAT = "/?project=demo/agents&conversation=conv-agents-1"
KEY = "a-key-for-the-viewer"

pytestmark = pytest.mark.usefixtures("demo")


async def saved(page: Page, label: str) -> tuple[str, str]:
    """The name and the text of the file behind a link of the menu."""
    await page.get_by_role("button", name="Export", exact=True).click()
    async with page.expect_download() as begun:
        await page.get_by_role("link", name=label).click()
    download = await begun.value
    text = Path(await download.path()).read_text(encoding="utf-8")
    await expect(page.get_by_role("list", name="Forms of export")).to_have_count(0)
    return download.suggested_filename, text


async def test_a_conversation_is_saved_in_each_form_under_the_servers_name(page: Page) -> None:
    await page.goto(CHAT)
    for label, suffix, begin in (
        ("All that is known (JSON Lines)", ".jsonl", "{"),
        ("Transcript (Markdown)", ".md", "# "),
        ("Spans as received (OTLP)", ".jsonl", '{"resourceSpans"'),
    ):
        name, text = await saved(page, label)
        assert name.startswith("conv-agents-1")
        assert name.endswith(suffix)
        assert text.startswith(begin)


async def test_the_menu_closes_by_escape_and_leaves_the_chat_open(page: Page, axe: str) -> None:
    await page.goto(CHAT)
    opener = page.get_by_role("button", name="Export", exact=True)
    await opener.click()
    forms = page.get_by_role("list", name="Forms of export")
    await expect(forms).to_be_visible()
    assert await serious_violations(page, axe) == []
    await page.keyboard.press("Tab")
    await page.keyboard.press("Escape")
    await expect(forms).to_have_count(0)
    await expect(opener).to_be_focused()
    assert page.url.endswith("conversation=conv-agents-1")


async def test_what_the_head_of_the_chat_opens_fits_a_small_screen(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(CHAT)
    for button, opened in (
        ("Export", page.locator(".menu")),
        ("Name and tags", page.get_by_role("form", name="Name and tags of the conversation")),
        ("More feedback on the conversation", page.get_by_role("form", name="Feedback on the conversation")),
    ):
        await page.get_by_role("button", name=button, exact=True).click()
        box = await opened.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


class TestWithKeys:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(api_key=SecretStr(KEY))

    async def test_the_key_of_the_tab_goes_along_and_what_is_refused_is_said(
        self, page: Page, watched: Watched
    ) -> None:
        await page.context.set_extra_http_headers({"wandb-api-key": KEY})
        await page.goto(CHAT)
        await expect(page.get_by_role("heading", name="Turn 6", exact=True)).to_be_visible()
        # In this order: the page asks for news by itself.
        await page.evaluate("key => sessionStorage.setItem('turngraph:key', key)", KEY)
        await page.context.set_extra_http_headers({})
        name, _ = await saved(page, "Transcript (Markdown)")
        assert name.endswith(".md")

        await page.evaluate("sessionStorage.setItem('turngraph:key', 'ended')")
        await page.get_by_role("button", name="Export", exact=True).click()
        await page.get_by_role("link", name="Transcript (Markdown)").click()
        await expect(page.get_by_role("alert").filter(has_text="Not exported: ")).to_be_visible()
        await page.close()
        assert all("401" in fault for fault in watched.faults)
        watched.faults.clear()
