"""A consultation by video between two real browsers with cameras: straight, through a relay, and out of Zalo's webview.

Source: issue 5, item 7; shared/tried/video. What is seen really moves: frames are decoded and the picture changes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect
from pydantic import SecretStr
from starlette.applications import Starlette

from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.core.kit import clock
from benhan.hospital.remote.relay import password
from benhan.patient import miniapp
from benhan.simulator import House
from tests.browser import DESK, PATIENCE_MS, Axe, chromium
from tests.coturn import Relay, coturn
from tests.journeys.handheld import SMALL, Handheld, picture
from tests.journeys.in_zalo import zalo_browser, zalo_hosts
from tests.journeys.people import Person
from tests.journeys.test_miniapp import PHOTO
from tests.journeys.test_outpatient_visit import prescribes_and_signs
from tests.patient import telephones
from tests.standins.sms_gateway import GatewayStandIn

pytestmark = pytest.mark.timeout(280)
Client = Callable[..., Awaitable[httpx.AsyncClient]]
#: A camera that shows something moving, a microphone that beeps, and who asks for them gets them.
CAMERA: Final = (
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)  # fmt: skip
#: Keeps the connections that a page makes; what they carry, and by which way; what a picture looks like now.
WATCHING: Final = """
window.lines = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(ways) { super(ways); window.lines.push(this); }
};
window.carried = async () => {
  const all = await window.lines.at(-1).getStats(), found = { frames: 0 };
  for (const one of all.values()) {
    if (one.type === "inbound-rtp" && one.kind === "video") found.frames += one.framesDecoded ?? 0;
    if (one.type !== "transport" || !one.selectedCandidatePairId) continue;
    const pair = all.get(one.selectedCandidatePairId);
    found.way = all.get(pair.localCandidateId)?.candidateType;
  }
  return found;
};
window.picture = (which) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
  const drawing = canvas.getContext("2d");
  drawing.drawImage(document.querySelector(which), 0, 0, 64, 48);
  return drawing.getImageData(0, 0, 64, 48).data.reduce((sum, one, n) => (sum * 31 + one * (n % 7)) % 2147483647, 7);
};
"""
#: A machine that has a microphone alone.
NO_CAMERA: Final = """() => {
  const give = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    if (wanted.video) throw new DOMException("", "NotFoundError");
    return give(wanted);
  };
}"""
THEIRS_AT_DESK, THEIRS_ON_PHONE = "video[data-theirs]", "video.theirs"


class Stage:
    """Two browsers with cameras, each a program of its own."""

    def __init__(self, stack: AsyncExitStack, address: str, wrong: list[str]) -> None:
        self._stack, self._address, self._wrong = stack, address, wrong

    async def page(self, path: str, size: tuple[int, int], token: str = "") -> Page:
        """A page in a browser of its own; `token`: of who is signed in there."""
        browser = await self._stack.enter_async_context(chromium(*CAMERA))
        context = await browser.new_context(
            viewport={"width": size[0], "height": size[1]}, locale="vi-VN", timezone_id="Asia/Ho_Chi_Minh",
            reduced_motion="reduce", permissions=["camera", "microphone"],
        )  # fmt: skip
        await context.add_init_script(WATCHING)
        if token:
            await context.add_cookies([{"name": COOKIE, "value": token, "url": self._address}])
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self._wrong.append(str(error)))
        await page.goto(path if path.startswith("http") else f"{self._address}{path}")
        return page


@pytest_asyncio.fixture
async def stage(address: str) -> AsyncIterator[Stage]:
    """Browsers with cameras, closed in the end; no script of any page broke."""
    wrong: list[str] = []
    async with AsyncExitStack() as stack:
        yield Stage(stack, address, wrong)
    assert not wrong


@pytest_asyncio.fixture
async def number(database: Database, hospital: House) -> str:
    """The telephone of somebody who was here before."""
    phone = telephones.number()
    await telephones.patient(database, hospital, phone)
    return phone


@pytest_asyncio.fixture
async def in_zalo(app: Starlette, address: str, number: str) -> AsyncIterator[Page]:
    """The app inside Zalo, which gives nobody a camera."""
    with zalo_hosts(app, address, number) as (_there, port):
        async with zalo_browser(port) as page:
            yield page


async def signs_in(phone: Handheld, hospital: House, gateway: GatewayStandIn, number: str) -> None:
    """Her hospital, her telephone, the code, her birth date."""
    await phone.fills("Tìm bệnh viện", "song hong")
    await phone.taps(hospital.name)
    await phone.fills("Số điện thoại", number)
    await phone.taps("Gửi mã")
    await phone.sees("Mã gồm 6 chữ số")
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while not gateway.sent:  # noqa: ASYNC110 - the gateway has no event for it
            await asyncio.sleep(0.05)
    await phone.fills("Mã gồm 6 chữ số", gateway.code())
    await phone.taps("Tiếp tục")
    await phone.fills("Ngày sinh", "3/2/1956")
    await phone.taps("Mở hồ sơ")
    await phone.sees("của tôi · ")


async def asks_to_be_seen(phone: Handheld) -> str:
    """She agrees, tells what she has, and sends it; gives the request."""
    await phone.goes("Đặt khám")
    await phone.goes(re.compile("Khám từ xa"))
    await phone.sees("115")
    await phone.looks("remote")
    await phone.goes("Xin khám từ xa")
    await phone.sees("không ai ghi âm, ghi hình")
    await phone.looks("consent")
    await phone.taps("Tôi đã đọc và đồng ý")
    await phone.fills("Bạn bị sao?", "Huyết áp 150/90 hai hôm nay, hơi nhức đầu.")
    await phone.page.set_input_files("input[type=file]", PHOTO)
    await phone.sees("1 ảnh")
    await phone.looks("ask")
    await phone.taps("Gửi yêu cầu")
    await phone.sees("chờ bác sĩ trả lời")
    return phone.page.url.rpartition("/")[2]


async def moves(page: Page, theirs: str) -> str:
    """What comes from the other side moves: frames are decoded, and the picture is another; gives by which way."""
    before = await page.evaluate("carried()")
    await page.wait_for_function("async (n) => (await carried()).frames > n + 5", arg=before["frames"])
    shown = await page.evaluate("(which) => picture(which)", theirs)
    await page.wait_for_function("([which, was]) => picture(which) !== was", arg=[theirs, shown])
    found: str = (await page.evaluate("carried()"))["way"]
    return found


async def token_of(doctor: httpx.AsyncClient) -> str:
    """The session of a client, for a browser."""
    return doctor.cookies[COOKIE]


async def test_by_video_straight_without_zalo(
    stage: Stage, axe: Axe, app: Starlette, address: str, client: Client, hospital: House, number: str,
    shots: Path | None,
) -> None:  # fmt: skip
    with telephones.messages_to(app) as gateway:  # the app asks once whether the hospital sends codes
        phone = Handheld(await stage.page(f"{miniapp.MOUNT}/", SMALL), axe, shots, "video")
        await signs_in(phone, hospital, gateway, number)
    id_ = await asks_to_be_seen(phone)

    desk = await stage.page("/kham-tu-xa", DESK, await token_of(await client("doctor")))
    await expect(desk.locator("main")).to_contain_text("bác sĩ bất kỳ")
    assert await axe(desk) == []
    await picture(desk, shots, "video-desk")
    await desk.locator(f'a[href="/kham-tu-xa/{id_}"]').click()
    await expect(desk.locator("main")).to_contain_text("Huyết áp 150/90")
    assert await axe(desk) == []
    await picture(desk, shots, "video-request")
    await desk.get_by_role("button", name=re.compile("Nhận khám")).click()
    await phone.sees("đã hẹn")
    await phone.looks("accepted")
    await phone.taps("Vào phòng chờ")
    await phone.sees("Camera và micro dùng được.")
    await phone.looks("waiting-room")
    await phone.taps("Sẵn sàng")
    await phone.sees("Bác sĩ sẽ vào phòng")

    await desk.goto(f"{address}/kham-tu-xa")
    await expect(desk.locator("main")).to_contain_text("đang ở phòng chờ")
    await desk.get_by_role("button", name="Bắt đầu").click()
    await expect(desk.locator("[data-state]")).to_have_text("Đã nối.")
    await phone.sees("Đã nối với bác sĩ")
    assert await moves(desk, THEIRS_AT_DESK) == "host"
    assert await moves(phone.page, THEIRS_ON_PHONE) == "host"
    await phone.looks("call")
    await picture(desk, shots, "video-call")
    await goes_on_when_the_network_changes(desk, phone)
    await phone.taps("Tắt hình")
    await expect(desk.locator(THEIRS_AT_DESK)).to_be_hidden()

    await desk.get_by_role("button", name="Kết thúc cuộc gọi").click()
    await phone.sees("Phòng đã đóng")
    await phone.taps("Xong")
    await phone.sees("đã khám", "Hiện khi bác sĩ đã ký.")
    await is_signed(Person(desk, address))
    await phone.goes(re.compile("Phiếu khám, đơn thuốc"))
    await phone.sees("Paracetamol 500 mg")


async def goes_on_when_the_network_changes(desk: Page, phone: Handheld) -> None:
    """Her telephone is in another network: a new way for the same call, and the picture goes on."""
    ufrag = "/a=ice-ufrag:(.+)/.exec(lines.at(-1).currentLocalDescription.sdp)[1]"
    before, lines = await desk.evaluate(ufrag), await desk.evaluate("lines.length")
    await phone.page.evaluate("dispatchEvent(new Event('online'))")
    await desk.wait_for_function(f"(was) => {ufrag} !== was", arg=before)
    assert await desk.evaluate("lines.length") == lines
    await moves(desk, THEIRS_AT_DESK)
    await moves(phone.page, THEIRS_ON_PHONE)


async def is_signed(doctor: Person) -> None:
    """The ordinary consultation: examination, a diagnosis of the list, a prescription, the signature."""
    await doctor.is_at(r"/kham/[^/]+$")
    await doctor.sees("Huyết áp 150/90", place="body")
    await doctor.presses("4")
    await doctor.types("Tỉnh, nói rõ, không khó thở qua màn hình.")
    await doctor.presses("Escape", "d")
    await doctor.types("I10")
    await doctor.sees("I10", place="#chan-doan [role=listbox]")
    await doctor.presses("Enter")
    await doctor.sees("chính: I10", place="#chan-doan")
    await doctor.presses("Escape")
    await prescribes_and_signs(doctor)


@pytest_asyncio.fixture
async def relayed(app: Starlette, address: str, tmp_path: Path) -> AsyncIterator[Relay]:
    """Calls go through a relay alone."""
    before = app.state.settings
    async with coturn(tmp_path) as relay:
        said: dict[str, Any] = {
            "turn_urls": relay.url, "turn_secret": SecretStr(relay.secret), "turn_only": True, "public_url": address,
        }  # fmt: skip
        app.state.settings = before.model_copy(update=said)
        yield relay
        app.state.settings = before


async def test_out_of_zalo_where_it_refuses_the_camera_and_through_the_relay(
    stage: Stage, axe: Axe, client: Client, hospital: House, in_zalo: Page, relayed: Relay, shots: Path | None
) -> None:  # fmt: skip
    phone = Handheld(in_zalo, axe, shots, "video-zalo")
    await phone.taps(hospital.name)
    await phone.taps("Tiếp tục với Zalo")
    await phone.fills("Ngày sinh", "3/2/1956")
    await phone.taps("Mở hồ sơ")
    await phone.sees("của tôi · ")
    id_ = await asks_to_be_seen(phone)
    doctor = await client("doctor")
    page = await doctor.get(f"/kham-tu-xa/{id_}")
    day, hour = (re.findall(rf'name="{name}" value="([^"]+)"', page.text)[0] for name in ("ngay", "gio"))
    assert (await doctor.post(f"/kham-tu-xa/{id_}/nhan", data={"ngay": day, "gio": hour})).status_code == 303
    await phone.taps("Vào phòng chờ")
    await phone.sees("Ở đây không dùng được camera và micro")
    await phone.looks("refused")
    async with in_zalo.expect_response(re.compile("/link$")) as answered:
        await phone.taps("Mở bằng trình duyệt")
    link = (await (await answered.value).json())["link"]
    await in_zalo.wait_for_function("(link) => JSON.stringify(window.__ZALO_CALLS__).includes(link)", arg=link)

    outside = Handheld(await stage.page(link, SMALL), axe, shots, "video-outside")
    await outside.sees("mở phòng khám một lần")
    await outside.taps("Vào phòng chờ")
    await outside.sees("Camera và micro dùng được.")
    await outside.taps("Sẵn sàng")
    await outside.sees("Bác sĩ sẽ vào phòng")
    begun = await doctor.post(f"/kham-tu-xa/{id_}/bat-dau")
    desk = await stage.page(begun.headers["location"], DESK, await token_of(doctor))
    await outside.sees("Đã nối với bác sĩ")
    assert await moves(desk, THEIRS_AT_DESK) == "relay"
    assert await moves(outside.page, THEIRS_ON_PHONE) == "relay"
    name = f"{int(clock.now().timestamp()) - 1}:seat"  # the relay itself sees when a password is over
    assert not await relayed.lets_in(name, password(relayed.secret, name))
    await outside.taps("Rời phòng")
    await outside.sees("Cuộc gọi đã kết thúc")
    await expect(desk.locator("[data-state]")).to_have_text("Đợi người bệnh vào phòng.")
    again = await stage.page(link, SMALL)
    await again.evaluate(NO_CAMERA)
    await again.get_by_role("button", name="Vào phòng chờ").click()
    await expect(again.locator("#app")).to_contain_text("Không có camera: chỉ có tiếng.")
    await again.get_by_role("button", name="Sẵn sàng").click()
    await expect(again.locator("#app")).to_contain_text("Đường dẫn này đã dùng hoặc đã hết hạn.")
