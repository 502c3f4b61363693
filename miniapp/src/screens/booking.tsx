// A booking: the QR for the desk, and what can still be done with it.
import { useState } from "react";
import { Offline, Problem, told } from "../api";
import { type App, useApp, useFresh } from "../app";
import type { Booking, Payment } from "../contract";
import { Button, Card, Foot, Loaded, Notice, Pill, Qr, Screen, Way } from "../parts/basic";
import { Icon } from "../parts/icon";
import { smaller } from "../parts/photo";
import { useUndo } from "../parts/shell";
import { Link } from "../router";
import { date, dong, t, time, weekday } from "../words";
import { Arrival } from "./arrival";

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
          {booking.package && <div><dt>{t("Gói")}</dt><dd>{booking.package}</dd></div>}
          <div><dt>{t("Khám")}</dt><dd>{booking.service}</dd></div>
          {booking.doctor && <div><dt>{t("Bác sĩ")}</dt><dd>{booking.doctor}</dd></div>}
          {booking.room && <div><dt>{t("Phòng")}</dt><dd>{booking.room}{booking.way && <span className="mute block">{booking.way}</span>}</dd></div>}
          <div><dt>{t("Nơi khám")}</dt><dd>{booking.facility.name}</dd></div>
          {booking.reason && <div><dt>{t("Lý do khám")}</dt><dd>{booking.reason}</dd></div>}
        </dl>
      </Card>
      {app.me?.record && !passOf(app, booking.code).pass && booking.start && <Paying code={booking.code} />}
      {stands && app.me?.record && !passOf(app, booking.code).pass && booking.start && <Papers code={booking.code} />}
      {stands && <Card><h2>{t("Mang theo")}</h2><p>{t("Căn cước hoặc VNeID, thẻ BHYT, giấy chuyển tuyến nếu có, đơn thuốc đang dùng.")}</p></Card>}
      {stands && booking.today && app.me?.record && <Arrival booking={booking} again={again} />}
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

/** A referral or an appointment slip as photos, seen at the desk and by the doctor. */
function Papers({ code }: { code: string }): React.JSX.Element {
  const app = useApp();
  const path = `/app/bookings/${code}/papers`;
  const found = useFresh<{ papers: number; most: number }>(path, false);
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const { papers, most } = found.value ?? { papers: 0, most: 0 };

  async function send(files: File[]): Promise<void> {
    setBusy(true);
    setWrong("");
    try {
      for (const file of files.slice(0, most - papers)) await app.api.post(path, { photos: [await smaller(file)] });
    } catch (trouble) {
      if (trouble instanceof Problem) setWrong(told(trouble));
      else if (trouble instanceof Offline) setWrong(t("Chưa gửi được ảnh: không có mạng."));
      else setWrong(t("Không đọc được ảnh này."));
    } finally {
      await found.again();
      setBusy(false);
    }
  }
  return (
    <Card>
      <h2>{t("Giấy chuyển, giấy hẹn")}</h2>
      <p>{papers ? t("Đã gửi {n} ảnh. Vẫn mang theo bản giấy.", { n: papers }) : t("Chụp gửi trước để quầy và bác sĩ xem; vẫn mang theo bản giấy.")}</p>
      {wrong && <Notice tone="bad">{wrong}</Notice>}
      {papers < most && (
        <label className="button" aria-busy={busy}>
          <Icon name="image" />{t("Gửi ảnh giấy tờ")}
          <input type="file" accept="image/*" multiple className="unseen" disabled={busy} onChange={(event) => void send([...(event.target.files ?? [])])} />
        </label>
      )}
    </Card>
  );
}

/** What it costs and whether it is paid; nothing where the facility takes no money in advance. */
function Paying({ code }: { code: string }): React.JSX.Element | null {
  const one = useFresh<Payment>(`/app/bookings/${code}/payment`, false).value;
  if (!one || !(one.state || one.ways.length)) return null;
  return <Way to={`/lich-hen/${code}/thanh-toan`} icon="card" title={one.state ? t("Tiền khám {amount}", { amount: dong(one.amount) }) : t("Trả trước tiền khám")} note={one.stateName || dong(one.amount)} />;
}
