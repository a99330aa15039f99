"""Reading a chat: its end, its past, and steps through its turns."""

import asyncio

from playwright.async_api import Page, expect

from tests.browser.conftest import turns
from tests.client import PROJECT, Client, trace_id


async def test_steps_through_turns_all_count_however_fast_they_come(page: Page, client: Client) -> None:
    await client.send(*turns(1, 9))
    await page.goto(f"/?project={PROJECT}&conversation=c1")
    await expect(page.get_by_text("Question 9")).to_be_in_viewport()
    await page.keyboard.press("Home")
    await expect(page.get_by_text("Question 1", exact=True)).to_be_in_viewport()

    for keys, turn in (("jj", 3), ("jjk", 4)):
        await page.evaluate(
            "keys => { for (const key of keys) "
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })) }",
            keys,
        )
        await expect(page.get_by_role("region", name=f"Turn {turn}", exact=True)).to_be_focused()
    await page.locator(".chat-scroll").hover()
    await page.mouse.wheel(0, -5000)
    await expect(page.get_by_text("Question 1", exact=True)).to_be_in_viewport()
    await page.keyboard.press("j")
    await expect(page.get_by_role("region", name="Turn 2", exact=True)).to_be_focused()


async def test_older_turns_come_as_one_scrolls_back_and_what_is_read_stays_in_place(page: Page, client: Client) -> None:
    await client.send(*turns(1, 60))
    await page.goto(f"/?project={PROJECT}&conversation=c1")
    await expect(page.get_by_text("Question 60")).to_be_in_viewport()
    headings = page.locator(".turn h2")
    await expect(page.get_by_role("heading", name="Turn 1", exact=True)).to_have_count(0)

    scroller = page.locator(".chat-scroll")
    read = page.get_by_text("Question 54", exact=True)
    while not await read.is_visible():
        await scroller.evaluate("box => { box.scrollTop -= 200 }")
        await asyncio.sleep(0.05)
    await read.evaluate("element => element.scrollIntoView({ block: 'center' })")
    before = await read.bounding_box()
    await expect(page.get_by_role("heading", name="Turn 31", exact=True)).to_be_attached()
    after = await read.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) <= 2

    while not await page.get_by_text("The conversation begins here").count():
        await scroller.evaluate("box => { box.scrollTop = 0 }")
        await asyncio.sleep(0.05)
    assert await headings.all_inner_texts() == [f"Turn {number}" for number in range(1, 61)]
    await page.keyboard.press("Home")
    await expect(page.get_by_text("Question 1", exact=True)).to_be_in_viewport()


SLOW_OBSERVERS = """
const Native = IntersectionObserver;
window.IntersectionObserver = class extends Native {
  constructor(callback, options) {
    let waiting = [];
    super((entries) => {
      if (waiting.length === 0) setTimeout(() => callback(waiting.splice(0), this), 300);
      waiting.push(...entries);
    }, options);
  }
};"""
"""As on a busy machine: what was seen, and what came into view again, is told at once and late."""


async def test_what_leaves_the_view_and_comes_back_at_once_is_there(page: Page, client: Client) -> None:
    await client.send(*turns(1, 20))
    await page.add_init_script(SLOW_OBSERVERS)
    await page.goto(f"/?project={PROJECT}&conversation=c1")
    await expect(page.get_by_text("Question 20", exact=True)).to_be_in_viewport()
    await page.wait_for_timeout(1000)
    await page.locator(".chat-scroll").evaluate("""async (box) => {
      const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      box.scrollTop = 0;
      await frame();
      box.scrollTop = box.scrollHeight;
      await frame();
    }""")
    await page.wait_for_timeout(1000)
    await expect(page.get_by_text("Question 20", exact=True)).to_be_in_viewport()


async def test_who_is_at_the_end_stays_there_when_it_grows_before_the_scroll_is_told(
    page: Page, client: Client
) -> None:
    await client.send(*turns(1, 20))
    await page.goto(f"/?project={PROJECT}&conversation=c1")
    await expect(page.get_by_text("Question 20", exact=True)).to_be_in_viewport()
    await page.wait_for_timeout(1000)
    rest = await page.locator(".chat-scroll").evaluate("""async (box) => {
      const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      box.scrollTop -= 30;
      await frame();
      await new Promise((done) => setTimeout(done)); // between two frames: the next one tells first of the scroll
      box.scrollTop = box.scrollHeight;
      box.querySelector('.turn:last-of-type').style.paddingBottom = '500px';
      await frame();
      await frame();
      return box.scrollHeight - box.scrollTop - box.clientHeight;
    }""")
    assert abs(rest) < 2


async def test_a_link_to_an_old_turn_opens_there(page: Page, client: Client) -> None:
    await client.send(*turns(1, 60))
    await page.goto(f"/?project={PROJECT}&conversation=c1&turn={trace_id('5')}")

    await expect(page.get_by_text("Question 5", exact=True)).to_be_in_viewport()
    await expect(page.get_by_role("complementary")).to_contain_text("Spans of turn 5")
