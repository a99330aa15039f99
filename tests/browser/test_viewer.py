"""The viewer as people use it."""

import json
import re

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect
from pydantic import SecretStr

from app.routes.pages import STATIC_DIR
from app.settings import Settings
from db import documents
from db.engine import Database
from graphql_schema.persisted import read_documents
from tests.browser.conftest import ARGUMENTS, Watched, chromium, serious_violations, turns
from tests.client import PROJECT, Client, said

DEMO = "/?project=demo/agents"
KEY = "a-key-for-the-viewer"


@pytest.mark.usefixtures("demo")
async def test_the_list_shows_conversations_with_their_minimaps(page: Page) -> None:
    await page.goto("/")

    row = page.get_by_role("row").filter(has_text="Order 1042")
    await expect(row).to_contain_text("triage_agent, survey_agent")
    await expect(row.get_by_role("img")).to_have_accessible_name(re.compile(r"^17 spans, 8 model calls, .*1 error$"))
    marked = page.get_by_role("row").filter(has_text="conv-agents-1")
    assert await marked.locator(".marker-good").count() == 2
    assert await marked.locator(".error-mark").get_attribute("d") not in {None, ""}


@pytest.mark.usefixtures("demo")
async def test_order_and_filters_are_in_the_address_and_come_back_with_it(page: Page) -> None:
    await page.goto(DEMO)
    await page.get_by_role("combobox", name="Order", exact=True).select_option("COST")
    await page.get_by_role("button", name="Filter", exact=True).click()
    await page.get_by_role("combobox", name="Agent", exact=True).fill("triage_agent")

    names = page.locator(".row-link")
    await expect(names).to_have_text(["conv-agents-1", "conv-pydantic-1", "Order 1042 (Éloïse)"])
    assert "order=cost" in page.url
    assert "agent=triage_agent" in page.url
    await page.reload()
    await expect(names).to_have_text(["conv-agents-1", "conv-pydantic-1", "Order 1042 (Éloïse)"])

    await page.get_by_role("button", name="Agent: triage_agent").click()
    await page.get_by_role("combobox", name="Agent", exact=True).fill("nobody")
    await page.get_by_role("combobox", name="Agent", exact=True).press("Enter")
    await expect(page.get_by_role("heading", name="No conversation meets these filters")).to_be_visible()
    await page.locator(".note").get_by_role("button", name="Clear filters").click()
    await expect(names).to_have_count(7)


@pytest.mark.usefixtures("demo")
async def test_a_conversation_opens_with_its_messages_and_the_spans_of_the_turn_that_is_read(page: Page) -> None:
    await page.goto(DEMO)
    await page.get_by_role("link", name="Order 1042").click()

    await expect(page.get_by_role("heading", name="Turn 4", exact=True)).to_be_visible()
    await expect(page.get_by_text("How did we do?")).to_be_visible()
    await expect(page.get_by_role("complementary").get_by_role("link")).to_have_count(4)
    failed = page.get_by_role("article", name="lookup_order").filter(has_text="Failed")
    await expect(failed).to_contain_text("RuntimeError: order database is unreachable")

    await failed.get_by_role("link", name="Show its span").click()
    span = page.get_by_role("region", name="Span", exact=True)
    await expect(span).to_contain_text("call_7727ac1566d30cd9ad7f5829")
    await expect(page.get_by_role("complementary").locator("[aria-current=true]")).to_contain_text("lookup_order")
    await page.reload()
    await expect(span).to_contain_text("call_7727ac1566d30cd9ad7f5829")
    await page.keyboard.press("Escape")
    await expect(span).to_have_count(0)
    await page.go_back()
    await expect(span).to_be_visible()


@pytest.mark.usefixtures("demo")
async def test_a_turn_says_where_its_cost_comes_from(page: Page) -> None:
    await page.goto(f"{DEMO}&conversation=conv-weave-1")
    await page.get_by_role("region", name="Turn 4").locator("summary", has_text="tokens").click()

    amount = page.get_by_role("region", name="Turn 4").locator(".amount-body")
    await expect(amount).to_contain_text("2 model calls counted")
    await expect(amount).to_contain_text("gpt-5-mini: $0.25 in, $2 out a million, published")


@pytest.mark.usefixtures("demo")
async def test_the_keyboard_alone_leads_through(page: Page) -> None:
    await page.goto(DEMO)
    await expect(page.locator(".row-link")).to_have_count(7)
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await expect(page.get_by_role("link", name="conv-agents-1")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Turn 6", exact=True)).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("heading", name="Conversations")).to_be_visible()
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox", name="Search messages")).to_be_focused()


@pytest.mark.usefixtures("demo")
async def test_keys_pressed_faster_than_the_page_is_rendered_all_count(page: Page) -> None:
    await page.goto(DEMO)
    await expect(page.locator(".row-link")).to_have_count(7)
    await page.evaluate(
        "for (const key of 'jjj') document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))"
    )
    await expect(page.locator("[data-row='2'] .row-link")).to_be_focused()


async def test_heads_of_columns_stand_above_them_where_scrollbars_take_room(site: str, client: Client) -> None:
    await client.send(*[sent for number in range(1, 41) for sent in turns(number, number, f"c{number}")])
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium(), args=ARGUMENTS, ignore_default_args=["--hide-scrollbars"]
        )
        page = await browser.new_page(base_url=site)
        await page.goto(f"/?project={PROJECT}")
        await expect(page.locator("[data-row='0']")).to_be_visible()
        bar, *edges = await page.evaluate(
            """() => {
                const box = document.querySelector('.list .scroll');
                const right = selector => document.querySelector(selector).getBoundingClientRect().right;
                return [
                    box.offsetWidth - box.clientWidth,
                    right(".row-head :last-child"),
                    right("[data-row='0'] .row-time"),
                ];
            }"""
        )
        await browser.close()
    assert bar > 0
    assert edges[0] == edges[1]


async def test_one_may_scroll_away_from_the_row_in_focus(page: Page, client: Client) -> None:
    await client.send(*[sent for number in range(1, 41) for sent in turns(number, number, f"c{number}")])
    await page.goto(f"/?project={PROJECT}")
    await expect(page.locator("[data-row='0']")).to_be_visible()
    await page.keyboard.press("j")
    await expect(page.locator("[data-row='0'] .row-link")).to_be_focused()
    scroller = page.locator(".scroll")
    await scroller.hover()
    await page.mouse.wheel(0, 1500)
    await expect(page.locator("[data-row='30']")).to_be_in_viewport()
    await page.keyboard.press("j")
    await expect(page.locator("[data-row='1'] .row-link")).to_be_focused()
    await expect(page.locator("[data-row='1'] .row-link")).to_be_in_viewport()


async def test_what_arrives_is_told_in_the_list_and_shown_in_the_chat(page: Page, client: Client) -> None:
    await client.send(*turns(1, 2))
    await page.goto(f"/?project={PROJECT}")
    await expect(page.locator(".row-link")).to_have_text(["c1"])
    await client.send(*turns(3, 3, conversation="c2"))

    await page.get_by_role("button", name="1 new").click()
    await expect(page.locator(".row-link")).to_have_text(["c2", "c1"])

    await page.get_by_role("link", name="c1").click()
    await expect(page.get_by_text("Question 2")).to_be_visible()
    await client.send(*turns(4, 4))
    await expect(page.get_by_text("Question 4")).to_be_in_viewport()


async def test_the_first_load_is_small_and_compressed(page: Page) -> None:
    async with page.expect_event("requestfinished", lambda request: request.url.endswith(".js")) as script:
        await page.goto("/")
    response = await (await script.value).response()
    assert response is not None
    assert (await response.all_headers())["content-encoding"] in {"br", "gzip"}
    manifest = json.loads((STATIC_DIR / "viewer" / "manifest.json").read_bytes())
    sizes = [(STATIC_DIR / "viewer" / f"{name}.gz").stat().st_size for name in manifest.values()]
    assert sum(sizes) < 100_000


async def test_an_empty_server_says_how_to_send_a_first_span_and_shows_it(
    page: Page, client: Client, site: str
) -> None:
    await page.goto("/")

    await expect(page.get_by_text(f"OTEL_EXPORTER_OTLP_ENDPOINT={site}")).to_be_visible()
    await client.send(*turns(1, 1))
    await expect(page.get_by_role("link", name="c1")).to_be_visible()


async def test_feedback_is_stored_and_shown(page: Page, client: Client) -> None:
    await client.send(*turns(1, 1))
    await page.goto(f"/?project={PROJECT}&conversation=c1")
    await page.get_by_role("button", name="Good: turn 1").click()
    turn = page.get_by_role("region", name="Turn 1")
    await expect(turn.get_by_role("list", name="Feedback")).to_contain_text("👍")

    await page.get_by_role("button", name="More feedback on the conversation").click()
    form = page.get_by_role("form", name="Feedback on the conversation")
    await form.get_by_role("button", name="🎉").click()
    await form.get_by_label("Tags").fill("resolved, quick")
    await form.get_by_label("Rating").fill("helpfulness")
    await form.get_by_label("Value").fill("0.9")
    await form.get_by_label("Comment").fill("Just right")
    await form.get_by_role("button", name="Give feedback").click()
    await expect(page.locator(".chat-head").get_by_role("list", name="Feedback")).to_contain_text("Just right")

    fields = "feedback { feedbackType tags ratings { name value } payload }"
    found = await client.in_project(
        f'conversation(id: "c1") {{ {fields} turns(first: 1) {{ edges {{ node {{ {fields} }} }} }} }}'
    )
    assert found["conversation"]["feedback"] == [
        {
            "feedbackType": "wandb.agent_user_feedback",
            "tags": ["🎉", "resolved", "quick"],
            "ratings": [{"name": "helpfulness", "value": 0.9}],
            "payload": {"comment": "Just right"},
        }
    ]
    [turn_feedback] = found["conversation"]["turns"]["edges"][0]["node"]["feedback"]
    assert turn_feedback["tags"] == ["👍"]


async def test_an_operator_names_and_tags_a_conversation(page: Page, client: Client) -> None:
    await client.send(*turns(1, 1))
    await page.goto(f"/?project={PROJECT}&conversation=c1")
    await page.get_by_role("button", name="Name and tags").click()
    form = page.get_by_role("form", name="Name and tags of the conversation")
    await expect(form.get_by_label("Name")).to_be_focused()
    await form.get_by_label("Name").fill("Refund of order 7")
    await form.get_by_label("Tags").fill("vip, follow up, vip")
    await form.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Refund of order 7")).to_be_visible()
    await expect(page.get_by_role("list", name="Tags").get_by_role("listitem")).to_have_text(["follow up", "vip"])

    await page.get_by_role("button", name="Name and tags").click()
    await form.get_by_label("Name").fill("")
    await form.get_by_label("Tags").fill("vip")
    await form.get_by_label("Tags").press("Enter")
    await expect(page.get_by_role("heading", name="c1", exact=True)).to_be_visible()
    await expect(page.get_by_role("list", name="Tags").get_by_role("listitem")).to_have_text(["vip"])
    await page.get_by_role("link", name="vip", exact=True).click()
    await expect(page.locator(".row-link")).to_have_text(["c1"])
    await expect(page.get_by_role("row").filter(has_text="c1")).to_contain_text("vip")
    assert "tag=vip" in page.url


async def test_texts_of_spans_run_nothing_and_load_nothing(page: Page, client: Client) -> None:
    text = (
        '<img src="https://example.com/x.png" onerror="document.title=1"> ![pic](https://example.com/y.png) '
        "[click](javascript:alert(1)) <script>document.title = 2</script> **bold**"
    )
    answer = json.dumps([{"role": "assistant", "content": text}])
    await client.send(said("1", answer))
    await page.goto(f"/?project={PROJECT}&conversation=c1")

    message = page.get_by_role("article").filter(has_text="onerror")
    await expect(message.locator("strong")).to_have_text("bold")
    assert await message.locator("img, script, a[href^=javascript]").count() == 0
    assert await page.title() == "c1 · Turngraph"


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nobody_is_kept_out_of_a_page(page: Page, axe: str, scheme: str) -> None:
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its literals
    await page.goto(DEMO)
    await expect(page.locator(".row-link")).to_have_count(7)
    found = {"list": await serious_violations(page, axe)}

    await page.get_by_role("button", name="Help and keys").click()
    found["help"] = await serious_violations(page, axe)
    await page.get_by_role("button", name="Close help").click()

    await page.get_by_role("link", name="Order 1042").click()
    await page.get_by_role("article", name="lookup_order").get_by_role("link", name="Show its span").last.click()
    await expect(page.get_by_role("region", name="Span", exact=True)).to_contain_text("Trace")
    await page.get_by_role("button", name="More feedback on the conversation").click()
    await page.get_by_role("button", name="Name and tags").click()
    found["chat"] = await serious_violations(page, axe)

    await page.goto("/?project=nobody/nothing")
    await expect(page.get_by_role("heading", name="No conversations here yet")).to_be_visible()
    found["empty"] = await serious_violations(page, axe)
    assert found == {"list": [], "help": [], "chat": [], "empty": []}


@pytest.mark.usefixtures("demo")
async def test_a_small_screen_shows_the_same(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(DEMO)
    await expect(page.get_by_role("row").filter(has_text="Order 1042")).to_contain_text("4 turns")
    await page.get_by_role("link", name="Order 1042").click()
    turn = page.get_by_role("region", name="Turn 4")
    await turn.get_by_role("button", name="4 spans").click()
    side = page.get_by_role("complementary")
    await side.get_by_role("link", name=re.compile("invoke_agent triage_agent")).click()
    await expect(page.get_by_role("region", name="Span", exact=True)).to_contain_text("Trace")
    await side.get_by_role("button", name="Close the spans").click()
    await expect(turn).to_be_visible()
    await page.get_by_role("button", name="Name and tags").click()
    form = await page.get_by_role("form", name="Name and tags of the conversation").bounding_box()
    assert form is not None
    assert form["x"] >= 0
    assert form["x"] + form["width"] <= 390
    for address in (DEMO, f"{DEMO}&conversation=conv-weave-1"):
        await page.goto(address)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.usefixtures("demo")
async def test_buttons_take_no_lines_of_their_own_where_one_points_with_fingers(browser: Browser, site: str) -> None:
    context = await browser.new_context(
        base_url=site, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = await context.new_page()
    await page.goto(f"{DEMO}&conversation=conv-weave-1")
    answer = page.locator(".message-assistant").last
    good = answer.get_by_role("button", name="Good: this answer")
    await expect(good).to_be_visible()
    last = answer.get_by_role("button").last
    parts = (answer.locator(".message-head"), good, last, answer.locator("time"))
    head, button, end, time = [box for box in [await part.bounding_box() for part in parts] if box is not None]
    assert min(button["width"], button["height"]) >= 24
    assert button["y"] + button["height"] / 2 < head["y"] + head["height"]
    assert end["x"] + end["width"] <= time["x"]
    await good.tap()
    await expect(answer.get_by_role("list", name="Feedback")).to_contain_text("👍")
    await context.close()


class TestWithRegisteredDocuments:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(documents="registered")

    @pytest.mark.usefixtures("demo")
    async def test_the_viewer_runs_once_its_documents_are_registered(
        self, page: Page, watched: Watched, database: Database, settings: Settings
    ) -> None:
        await page.goto(DEMO)
        await expect(page.get_by_role("heading", name="The server refused this")).to_be_visible()
        assert all("400" in fault for fault in watched.faults)
        watched.faults.clear()

        found = read_documents([STATIC_DIR / "viewer" / "documents.json"], settings.query_limits())
        async with database.write() as writer:
            assert await documents.register(writer, found) == len(found)
        await page.get_by_role("button", name="Try again").click()
        await page.get_by_role("link", name="Order 1042").click()
        await page.get_by_role("article", name="lookup_order").get_by_role("link", name="Show its span").last.click()
        await expect(page.get_by_role("region", name="Span", exact=True)).to_contain_text("Trace")
        await page.get_by_role("button", name="Good: this span").click()
        span = page.get_by_role("region", name="Span", exact=True)
        await expect(span.get_by_role("list", name="Feedback")).to_contain_text("👍")


class TestWithKeys:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(api_key=SecretStr(KEY))

    @pytest.mark.usefixtures("demo")
    async def test_the_key_that_the_browser_was_given_for_the_page_is_enough(
        self, browser: Browser, site: str, watched: Watched
    ) -> None:
        context = await browser.new_context(base_url=site, http_credentials={"username": "api", "password": KEY})
        page = await context.new_page()
        watched.watch(page)
        await page.goto(DEMO)
        await page.get_by_role("link", name="Order 1042").click()
        await expect(page.get_by_text("How did we do?")).to_be_visible()
        await context.close()
        assert watched.faults == []

    @pytest.mark.usefixtures("demo")
    async def test_a_key_that_does_not_hold_is_asked_for_anew_and_stays_in_the_tab(
        self, page: Page, watched: Watched
    ) -> None:
        await page.context.set_extra_http_headers({"wandb-api-key": KEY})  # for the page, as the browser's window does
        await page.goto(DEMO)
        link = page.get_by_role("link", name="Order 1042")
        await expect(link).to_be_visible()
        await page.context.set_extra_http_headers({})
        await page.evaluate("sessionStorage.setItem('turngraph:key', 'ended')")
        await link.click()

        await expect(page.get_by_role("heading", name="An API key is needed")).to_be_visible()
        await page.get_by_label("API key").fill(KEY)
        await page.get_by_role("button", name="Use this key").click()
        await expect(page.get_by_text("How did we do?")).to_be_visible()
        assert await page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
        assert all("401" in fault for fault in watched.faults)
        watched.faults.clear()
