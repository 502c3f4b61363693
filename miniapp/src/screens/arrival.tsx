// At the entrance: the code that is shown there now, and a number without the desk.
import { useState } from "react";
import { Offline, Problem, told } from "../api";
import { useApp, useFresh } from "../app";
import type { Booking, Ticket } from "../contract";
import { Refused } from "../host";
import { Button, Card, Choice, Empty, Loaded, Notice, Screen } from "../parts/basic";
import { Link, useWay } from "../router";
import { t, time, type Words } from "../words";

/** Priorities that she may declare; the age speaks for itself. */
const GROUPS: Record<string, Words> = {
  "": "Không", "khuyet-tat": "Người khuyết tật", "co-thai": "Phụ nữ có thai", "nguoi-co-cong": "Người có công",
};

/** Where the code at the entrance leads a telephone's own camera: her bookings of today. */
export function Arrived(): React.JSX.Element {
  const { query } = useWay();
  const mine = useFresh<{ bookings: Booking[] }>("/app/bookings", false);
  return (
    <Screen title={t("Tôi đã đến")} back="/">
      <Loaded of={mine}>{({ bookings }) => {
        const expected = bookings.filter((one) => one.today && one.state === "booked");
        if (!expected.length) return <NotToday />;
        return <div className="stack">{expected.map((one) => <Arrival key={one.code} booking={one} again={mine.again} shown={query.get("ma") ?? ""} />)}</div>;
      }}</Loaded>
    </Screen>
  );
}

function NotToday(): React.JSX.Element {
  return (
    <Empty icon="day" title={t("Hôm nay hồ sơ này không có lịch hẹn nào chờ khám")}>
      <p>{t("Đến quầy tiếp đón để lấy số, hoặc chọn hồ sơ khác.")}</p>
      <Link className="button primary" to="/chon">{t("Chọn hồ sơ khác")}</Link>
    </Empty>
  );
}

/** One booking of today. `shown`: the code that brought her here; without it the app's own camera reads it. */
export function Arrival({ booking, again, shown = "" }: { booking: Booking; again: () => Promise<void>; shown?: string }): React.JSX.Element {
  const app = useApp();
  const { go } = useWay();
  const [group, setGroup] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const { scan } = app.host;

  async function arrive(): Promise<void> {
    setBusy(true);
    setWrong("");
    try {
      const door = shown || codeOf(await scan!());
      await app.api.post<{ ticket: Ticket }>(`/app/bookings/${booking.code}/arrival`, { door, group });
      await again();
      go("/");
    } catch (trouble) {
      if (trouble instanceof Refused) setWrong(t("Chưa quét được mã. Cho phép máy ảnh rồi thử lại, hoặc đến quầy tiếp đón."));
      else if (trouble instanceof Offline) setWrong(t("Không có mạng. Đưa mã của bạn cho quầy tiếp đón."));
      else if (trouble instanceof Problem) setWrong(told(trouble));
      else throw trouble;
    } finally {
      setBusy(false);
    }
  }
  return (
    <Card>
      <h2>{shown ? [booking.start && time(booking.start), booking.service].filter(Boolean).join(" · ") : t("Đã đến bệnh viện?")}</h2>
      {shown && <p>{booking.name} · {booking.facility.name}</p>}
      {!shown && <p>{scan ? t("Quét mã QR ở cửa để lấy số ngay, không phải xếp hàng ở quầy.") : t("Mở máy ảnh của điện thoại, quét mã QR ở cửa để lấy số ngay, không phải xếp hàng ở quầy.")}</p>}
      {wrong && <Notice tone="bad">{wrong}</Notice>}
      {(shown || scan) && <Choice legend={t("Ưu tiên")} name={`group-${booking.code}`} value={group} className="pills" onChange={setGroup} options={Object.entries(GROUPS).map(([value, label]) => ({ value, label: t(label) }))} />}
      {(shown || scan) && <Button kind="primary" busy={busy} onClick={() => void arrive()}>{shown ? t("Lấy số ngay") : t("Quét mã ở cửa")}</Button>}
    </Card>
  );
}

/** What is scanned is the address of `Arrived`; what it shows is in it. */
function codeOf(scanned: string): string {
  return URL.canParse(scanned) ? (new URL(scanned).searchParams.get("ma") ?? "") : scanned;
}
