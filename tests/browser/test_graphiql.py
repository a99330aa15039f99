"""GraphiQL as people use it."""

import asyncio
import re
from typing import Literal

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import serious_violations

pytestmark = pytest.mark.usefixtures("demo")


async def run(page: Page, expected: str) -> None:
    """Run the query of the open tab until its answer is there: the editor takes clicks before it can run anything."""
    button = page.get_by_role("button", name=re.compile("Execute query"))
    async with asyncio.timeout(60):
        while expected not in await page.locator(".graphiql-response").inner_text():
            if await button.is_visible():
                await button.click()
            await asyncio.sleep(1)


async def test_it_says_what_the_last_query_cost(page: Page) -> None:
    await page.goto("/graphql")
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("NewestConversations")
    await run(page, "conv-weave-1")

    await expect(page.locator(".cost")).to_have_text(re.compile(r"^Cost: [1-9][\d,]* of 2,000,000 points$"))
    assert "extensions" not in await page.locator(".graphiql-response").inner_text()


async def test_a_key_in_the_headers_is_sent_and_stored_nowhere(page: Page) -> None:
    await page.goto("/graphql")
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("NewestConversations")
    await page.get_by_role("button", name="Headers").click()
    await page.locator(".graphiql-editor-tool .graphiql-editor:not(.hidden)").click()
    await page.keyboard.press("Control+A")
    await page.keyboard.insert_text('{"Authorization": "Bearer a-secret-key"}')
    async with page.expect_request(lambda request: "a-secret-key" in request.headers.get("authorization", "")):
        await run(page, "conv-weave-1")
    await page.wait_for_timeout(1500)  # what is stored is stored after a pause

    stored = await page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])")
    assert "NewestConversations" in stored
    assert "a-secret-key" not in stored
    await page.reload()
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("NewestConversations")
    assert "a-secret-key" not in await page.content()


async def test_graphiql_opens_with_questions_and_each_opens_one_tab(page: Page) -> None:
    await page.goto("/graphql")
    panel = page.get_by_role("region", name="Questions")
    await expect(panel.get_by_role("button")).to_have_count(10)
    tabs = page.get_by_role("list", name="Select active operation").get_by_role("listitem")
    await expect(tabs).to_have_count(4)
    await expect(page.get_by_role("button", name=re.compile("Execute query"))).to_be_visible()
    asked = panel.get_by_role("button", name="Which tool fails most, and how slow is it?")
    await asked.click()
    await expect(tabs).to_have_count(5)
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("query Tools")
    await expect(page.locator(".graphiql-editor-tool")).to_contain_text("demo/agents")
    await run(page, "lookup_order")
    await tabs.first.click()
    await asked.click()
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("query Tools")
    await expect(tabs).to_have_count(5)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nobody_is_kept_out_of_graphiql(page: Page, axe: str, scheme: Literal["light", "dark"]) -> None:
    await page.emulate_media(color_scheme=scheme)
    await page.goto("/graphql")
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("NewestConversations")
    await run(page, "conv-weave-1")
    found = {"answer": await serious_violations(page, axe)}

    tabs = page.get_by_role("list", name="Select active operation").get_by_role("listitem")
    await expect(tabs.first).to_have_attribute("aria-current", "true")
    await page.get_by_role("button", name="SpanMinimap", exact=True).click()
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("query SpanMinimap")
    await expect(tabs.nth(2)).to_have_attribute("aria-current", "true")
    panes = {
        "GraphiQL Explorer": page.get_by_role("combobox", name="New operation"),
        "History": page.get_by_role("button", name="NewestConversations").nth(1),
        "Documentation Explorer": page.get_by_role("link", name="Project", exact=True),
    }
    for name, shown in panes.items():
        await page.get_by_role("button", name=f"Show {name}").click()
        await expect(shown.first).to_be_visible()
        found[name] = await serious_violations(page, axe)
    await panes["Documentation Explorer"].click()
    await expect(page.locator(".graphiql-doc-explorer-title")).to_have_text("Project")
    found["a type"] = await serious_violations(page, axe)
    for dialog in ("short keys", "settings"):
        await page.get_by_role("button", name=f"Open {dialog} dialog").click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        found[dialog] = await serious_violations(page, axe)
        await page.keyboard.press("Escape")

    assert not any(found.values()), found


async def test_on_a_small_screen_the_query_has_the_room(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 800})
    await page.goto("/graphql")
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("NewestConversations")
    await expect(page.get_by_role("region", name="Questions")).to_have_count(0)
    await run(page, "conv-weave-1")
    query = await page.locator(".graphiql-editors").bounding_box()
    answer = await page.locator(".graphiql-response").bounding_box()
    assert query is not None
    assert answer is not None
    assert min(query["width"], answer["width"]) > 290
    assert query["y"] + query["height"] <= answer["y"] + 1
    await page.get_by_role("button", name="Show Questions").click()
    await expect(page.get_by_role("region", name="Questions").get_by_role("button")).to_have_count(10)
