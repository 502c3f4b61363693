"""Saving by itself, being refused, living parts, undo: what the scripts add to a page."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser import OpenPage


async def test_a_note_saves_itself_and_says_so(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/note")
    version = int(await page.locator("[name=version]").input_value())
    await page.fill("#text", "Ho khan ba ngày")
    await page.get_by_text("đã lưu").wait_for()
    assert await page.locator("[name=version]").input_value() == str(version + 1)
    await page.reload()
    assert await page.locator("#text").input_value() == "Ho khan ba ngày"


async def test_a_note_that_somebody_else_changed_is_not_overwritten(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/note")
    await page.fill("#text", "khoa")
    await page.get_by_text("BS Hạnh vừa sửa bệnh án này").wait_for()
    assert await page.locator("[data-saved-state]").inner_text() == "người khác vừa sửa, đã dừng lưu"
    assert await page.locator("#text").input_value() == "khoa"
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    await page.locator("#text").press_sequentially(" thêm")
    await page.wait_for_timeout(1200)
    assert sent == []


async def test_saved_is_never_said_of_words_that_are_not(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/note")
    await page.fill("#text", "Ho khan")
    await expect(page.locator("[data-saved-state]")).to_have_attribute("data-state", "saved")
    await page.context.set_offline(True)
    await page.fill("#text", "Ho khan, sốt")
    assert await page.locator("[data-saved-state]").get_attribute("data-state") != "saved"


async def test_a_note_is_kept_while_the_server_is_away_and_saved_when_it_is_back(
    open_page: OpenPage, kit_site: str
) -> None:
    page = await open_page(f"{kit_site}/note")
    await page.context.set_offline(True)
    await page.fill("#text", "Sốt về chiều")
    await page.get_by_text("chưa lưu được, sẽ thử lại").wait_for()
    await page.context.set_offline(False)
    await page.get_by_text("đã lưu").wait_for()


async def test_a_refusal_is_told_and_leaves_the_page_as_it_was(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/note")
    await page.locator("#text").focus()
    await page.keyboard.press("Shift+Enter")
    await page.locator("#problems").get_by_text("Bạn không có quyền ký").wait_for()
    assert await page.locator("#part").inner_text() == "còn nguyên"


async def test_a_living_part_follows_the_change_feed(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/note")
    await page.locator("#queue").get_by_text("N-048").wait_for()


async def test_undo_counts_down_and_goes_away(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/note")
    assert "Hoàn tác" in await (await page.context.request.get(f"{kit_site}/note")).text()
    await page.locator("[data-toast]").wait_for(state="detached")


async def test_undo_is_a_form_without_javascript(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/note", javascript=False)
    await page.get_by_role("button", name="Hoàn tác").click()
    assert await page.locator("h1").inner_text() == "Bạn không có quyền ký"


async def test_enter_in_an_empty_field_presses_the_button_of_the_page(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/note")
    await page.locator("#scan").focus()
    await page.keyboard.press("Enter")
    assert await page.locator("dialog#palette[open]").count() == 1


async def test_enter_in_a_filled_field_sends_its_form(open_page: OpenPage, kit_site: str) -> None:
    page = await open_page(f"{kit_site}/note")
    await page.fill("#scan", "001185012345|Tâm")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/problem?scan=*")
