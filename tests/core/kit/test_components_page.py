"""The components page as somebody at a desk or with a phone meets it: in a real browser."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Route, expect

from tests.browser import DESK, PHONE, Axe, OpenPage, looks


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_has_no_accessibility_violation(
    open_page: OpenPage, axe: Axe, kit_site: str, size: tuple[int, int]
) -> None:
    page = await open_page(f"{kit_site}/kit?toast=1", size=size)
    async for look in looks(page, (size, False), (size, True)):
        assert await axe(page) == [], look


async def test_fits_the_width_of_a_phone(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/kit", size=PHONE)
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


async def test_vietnamese_is_set_in_the_font_that_we_ship(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/kit")
    await page.evaluate("document.fonts.ready")
    assert await page.evaluate("document.fonts.check('14px \"Noto Sans Variable\"', 'Ẫ Ẳ Ỗ Đặng')")


async def test_rows_of_a_table_are_walked_with_j_and_k_and_opened_with_enter(
    open_page: OpenPage, kit_site: str
) -> None:
    page = await open_page(f"{kit_site}/kit")
    await page.keyboard.press("j")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("j")
    await page.keyboard.press("k")
    assert await page.evaluate("document.activeElement.textContent") == "Paracetamol 500 mg"
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{kit_site}/kit#m-09")


async def test_the_palette_finds_an_action_without_accents(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/kit")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("hop thoai")
    await page.keyboard.press("Enter")
    await page.locator("dialog#sample[open]").wait_for()
    await page.keyboard.press("Escape")
    assert await page.locator("dialog[open]").count() == 0


async def test_the_menu_of_preferences_and_the_palette_are_accessible(
    open_page: OpenPage, axe: Axe, kit_site: str
) -> None:
    page = await open_page(f"{kit_site}/kit")
    await page.locator("details.me summary").click()
    async for look in looks(page, (DESK, False), (DESK, True)):
        assert await axe(page) == [], look
    await page.keyboard.press("Escape")
    assert await page.locator("details.me[open]").count() == 0
    await page.keyboard.press("Control+k")
    async for look in looks(page, (DESK, True), (DESK, False)):
        assert await axe(page) == [], look


async def test_the_question_mark_lists_the_keys_of_this_page(open_page: OpenPage, axe: Axe, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/kit")
    await page.keyboard.press("?")
    text = await page.locator("dialog#keys").inner_text()
    assert "Hẹn tái khám" in text
    assert "Tiếp đón" in text
    assert await axe(page) == []


async def test_letters_do_nothing_while_somebody_types(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/kit")
    await page.keyboard.press("1")
    await page.keyboard.type("Hh?")
    assert await page.locator("dialog[open]").count() == 0
    assert await page.locator("#f-name").input_value() == "Hh?"
    await page.keyboard.press("Escape")
    await page.keyboard.press("h")
    assert await page.locator("dialog#sample[open]").count() == 1


async def test_two_keys_in_a_row_go_to_a_page(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/kit?toast=1")
    await page.keyboard.press("g")
    await page.keyboard.press("k")
    await page.wait_for_url(f"{kit_site}/kit")


async def test_the_search_field_answers_while_one_types(open_page: OpenPage, axe: Axe, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/kit")
    await page.keyboard.press("d")
    await page.keyboard.type("viem phoi")
    await page.locator("#s-q-list [role=option]").nth(2).wait_for()
    assert await axe(page) == []
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    assert await page.locator("#s-q").input_value() == "J15.9 Viêm phổi do vi khuẩn, không đặc hiệu"
    assert await page.locator("input[name=code]").input_value() == "J15.9"
    assert await page.locator("#s-q").get_attribute("aria-expanded") == "false"


async def test_an_answer_to_earlier_words_is_never_picked(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/kit")
    await page.fill("#s-q", "viem phoi")
    await page.locator("#s-q-list [role=option]").nth(2).wait_for()
    await page.locator("#s-q").press_sequentially(" x", delay=0)
    await page.keyboard.press("Enter")
    assert await page.locator("input[name=code]").input_value() == ""
    await page.get_by_text("Không tìm thấy").wait_for()


#: Fast fingers: while the answer to the first word comes in, another word and Enter are typed.
TYPED_ON = """() => document.addEventListener("htmx:beforeOnLoad", () => {
  const field = document.getElementById("s-q");
  field.value += " x";
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
}, { once: true })"""


async def test_an_answer_that_comes_after_more_was_typed_is_not_shown(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/kit")
    await page.evaluate(TYPED_ON)
    await page.fill("#s-q", "viem phoi")
    await page.get_by_text("Không tìm thấy").wait_for()
    assert await page.locator("input[name=code]").input_value() == ""


async def test_an_answer_does_not_open_its_list_again_where_one_has_left(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/kit")
    await page.evaluate("document.addEventListener('htmx:beforeOnLoad', () => document.activeElement.blur())")
    async with page.expect_response("**/kit?q=*"):
        await page.fill("#s-q", "viem phoi")
    await expect(page.locator("#s-q")).not_to_be_focused()
    assert await page.locator("#s-q-list [role=option]").count() == 0


async def test_the_palette_presses_what_was_drawn_again_meanwhile(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/kit")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("hop thoai")
    await page.evaluate(
        "document.querySelectorAll('[data-opens=sample]').forEach(one => one.outerHTML = one.outerHTML)"
    )
    await page.keyboard.press("Enter")
    await page.locator("dialog#sample[open]").wait_for()


async def test_nobody_sees_a_page_whose_keys_do_not_work_yet(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/healthz")
    seen = asyncio.Event()

    async def late(route: Route) -> None:
        await seen.wait()
        await route.continue_()

    await page.route("**/main*.js", late)
    await page.goto(f"{kit_site}/kit", wait_until="commit")
    await page.locator("#sample").wait_for(state="attached")
    await page.wait_for_timeout(300)  # the time in which it would be painted without its script
    seen.set()
    await page.wait_for_load_state()
    await page.wait_for_function("() => performance.getEntriesByName('first-paint').length")
    assert await page.evaluate(
        "performance.getEntriesByName('first-paint')[0].startTime"
        " > performance.getEntriesByType('resource').find(one => one.name.endsWith('.js')).responseEnd"
    )


async def test_the_top_bar_stays_while_the_page_is_scrolled(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/kit")
    await page.mouse.wheel(0, 700)
    await page.wait_for_function("() => scrollY > 500")
    assert await page.evaluate("document.querySelector('.top').getBoundingClientRect().top") == 0


async def test_the_same_search_works_without_javascript(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/kit", javascript=False)
    await page.fill("#s-q", "tang huyet ap")
    await page.press("#s-q", "Enter")
    assert await page.get_by_role("link", name="I10").count() == 1


async def test_a_wrong_form_says_where_and_keeps_what_was_typed(open_page: OpenPage, axe: Axe, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/kit", javascript=False)
    await page.fill("#f-name", "")
    await page.fill("#f-birth", "31/02/1980")
    await page.fill("#f-weight", "900")
    await page.get_by_role("button", name="Ký và kết thúc").click()
    summary = page.locator(".error-summary")
    assert "Nhập họ và tên" in await summary.inner_text()
    await summary.get_by_role("link").nth(1).click()
    assert page.url.endswith("#f-birth")
    assert await page.locator("#f-birth").input_value() == "31/02/1980"


async def test_the_error_page_is_accessible_too(open_page: OpenPage, axe: Axe, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/problem")
    assert await axe(page) == []
    assert "<b>trang</b>" in await page.locator("h1").inner_text()


async def test_the_print_sheet_is_alone_on_paper(open_page: OpenPage, axe: Axe, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/kit?sheet=1")
    assert await axe(page) == []
    await page.emulate_media(media="print")
    assert not await page.locator("header").is_visible()
    assert not await page.get_by_role("button", name="In", exact=True).is_visible()
    assert await page.locator(".ticket-number").is_visible()


async def test_theme_and_language_are_switched_without_javascript(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/kit", javascript=False)
    await page.locator("summary").click()
    await page.get_by_role("button", name="Tối", exact=True).click()
    assert await page.locator("html").get_attribute("data-theme") == "dark"
    await page.locator("summary").click()
    await page.get_by_role("button", name="English").click()
    assert await page.locator("html").get_attribute("lang") == "en"
    assert await page.get_by_role("link", name="Reception").count() == 1
