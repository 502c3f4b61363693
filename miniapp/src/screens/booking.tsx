// A booking: the QR for the desk, and what can still be done with it.
import { useState } from "react";
import { Offline, Problem, told } from "../api";
import { type App, useApp, useFresh } from "../app";
import type { Booking, Ticket } from "../contract";
import { Refused } from "../host";
import { Button, Card, Choice, Foot, Loaded, Notice, Pill, Qr, Screen } from "../parts/basic";
import { useUndo } from "../parts/shell";
import { Link, useWay } from "../router";
import { date, t, time, weekday, type Words } from "../words";

/** Priorities that she may declare; the age speaks for itself. */
const GROUPS: Record<string, Words> = {
  "": "Không", "khuyet-tat": "Người khuyết tật", "co-thai": "Phụ nữ có thai", "nguoi-co-cong": "Người có công",
};

export function BookingScreen({ args: [code] }: { args: string[] }): React.JSX.Element {
  const app = useApp();
  const { pass, query } = passOf(app, code!);
  const booking = useFresh<Booking>(`/app/bookings/${code}${query}`, true, pass);
  return (
    <Screen title={t("Lịch hẹn")} back="/dat-kham">
      <Loaded of={booking}>{(one) => <BookingOf booking={one} again={booking.again} />}</Loaded>
    </Screen>
  );
}

/** What opens a booking that was made without a record, on the phone where it was made. */
export function passOf(app: App, code: string): { pass?: string; query: string } {
  const [facility, pass] = app.host.kept(`pass.${code}`)?.split(" ") ?? [];
  return pass ? { pass, query: `?facility=${facility}` } : { query: "" };
}

function BookingOf({ booking, again }: { booking: Booking; again: () => Promise<void> }): React.JSX.Element {
  const app = useApp();
  const undo = useUndo();
  const [going, setGoing] = useState(false);
  const [wrong, setWrong] = useState("");
  const stands = booking.state === "booked" && !going;

  function cancel(): void {
    setGoing(true);
    setWrong("");
    undo(t("Sẽ huỷ lịch hẹn {at}", { at: booking.start ? time(booking.start) : "" }), () => void cancelled(), () => setGoing(false));
  }
  async function cancelled(): Promise<void> {
    try {
      const { pass, query } = passOf(app, booking.code);
      await app.outbox.act(`/app/bookings/${booking.code}/cancel${query}`, { reason: "" }, t("Huỷ lịch hẹn {code}", { code: booking.code }), pass);
      await again();
    } catch (trouble) {
      setWrong(told(trouble));
      setGoing(false);
    }
  }
  return (
    <div className="stack">
      {wrong && <Notice tone="bad">{wrong}</Notice>}
      <Card className="booking">
        <div className="row">
          <p className="at">{booking.start ? time(booking.start) : ""} · {weekday(booking.day)} {date(booking.day)}</p>
          {booking.state !== "booked" && <Pill tone="warn">{booking.stateName}</Pill>}
        </div>
        {stands && <Qr code={booking.qr} label={t("Mã hẹn {code}", { code: booking.code })} />}
        {stands && <p className="centre">{t("Đưa mã này cho quầy tiếp đón hoặc máy lấy số.")}</p>}
        <dl>
          <div><dt>{t("Người khám")}</dt><dd>{booking.name}</dd></div>
          <div><dt>{t("Khám")}</dt><dd>{booking.service}</dd></div>
          {booking.doctor && <div><dt>{t("Bác sĩ")}</dt><dd>{booking.doctor}</dd></div>}
          {booking.room && <div><dt>{t("Phòng")}</dt><dd>{booking.room}</dd></div>}
          <div><dt>{t("Nơi khám")}</dt><dd>{booking.facility.name}</dd></div>
          {booking.reason && <div><dt>{t("Lý do khám")}</dt><dd>{booking.reason}</dd></div>}
        </dl>
      </Card>
      {stands && <Card><h2>{t("Mang theo")}</h2><p>{t("Căn cước hoặc VNeID, thẻ BHYT, giấy chuyển tuyến nếu có, đơn thuốc đang dùng.")}</p></Card>}
      {stands && booking.today && app.me?.record && app.host.scan && <Arrival booking={booking} again={again} />}
      {stands && booking.changeable && (
        <div className="pair">
          <Button kind="danger" onClick={cancel}>{t("Huỷ lịch")}</Button>
          <Link className="button" to={`/dat-kham/${booking.serviceId}?doi=${booking.code}`}>{t("Đổi giờ")}</Link>
        </div>
      )}
      {booking.state !== "booked" && <Foot><Link className="button primary" to="/dat-kham">{t("Đặt lịch khác")}</Link></Foot>}
    </div>
  );
}

/** At the door: the QR there, and a number without the desk. */
function Arrival({ booking, again }: { booking: Booking; again: () => Promise<void> }): React.JSX.Element {
  const app = useApp();
  const { go } = useWay();
  const [group, setGroup] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);

  async function arrive(): Promise<void> {
    setBusy(true);
    setWrong("");
    try {
      const door = await app.host.scan!();
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
      <h2>{t("Đã đến bệnh viện?")}</h2>
      <p>{t("Quét mã QR ở cửa để lấy số ngay, không phải xếp hàng ở quầy.")}</p>
      {wrong && <Notice tone="bad">{wrong}</Notice>}
      <Choice legend={t("Ưu tiên")} name="group" value={group} className="pills" onChange={setGroup} options={Object.entries(GROUPS).map(([value, label]) => ({ value, label: t(label) }))} />
      <Button kind="primary" busy={busy} onClick={() => void arrive()}>{t("Quét mã ở cửa")}</Button>
    </Card>
  );
}
