// Hôm nay: her number and how long it takes, the way through the day, what it brought, what comes next.
import { useEffect, useState } from "react";
import { useApp, useFresh, useWaiting } from "../app";
import type { Day, Next, Queue, Ticket } from "../contract";
import { listen } from "../live";
import { Button, Card, Empty, Loaded, Notice, Qr, Screen, Way } from "../parts/basic";
import { Icon } from "../parts/icon";
import { Link } from "../router";
import { shortDate, t, time, when } from "../words";

export function Today(): React.JSX.Element {
  const app = useApp();
  const day = useFresh<Day>("/app/day");
  const [moved, setMoved] = useState<{ ticket: Ticket | null; place: Queue | null } | null>(null);
  const open = day.value?.visit?.open ?? false;
  const { again } = day;
  useEffect(() => setMoved(null), [day.value]);
  useEffect(() => {
    if (!open || !app.online) return;
    return listen(app.api, (event) => {
      if (event === "place") void app.api.get<{ ticket: Ticket | null; place: Queue | null }>("/app/place").then(setMoved, () => undefined);
      else void again();
    });
  }, [app, app.online, app.api.token, open, again]);
  return (
    <Screen title={t("Hôm nay")} quiet>
      <Waiting />
      <Loaded of={day}>{(value) => <DayOf day={{ ...value, ...moved }} />}</Loaded>
    </Screen>
  );
}

function DayOf({ day }: { day: Day }): React.JSX.Element {
  const { visit, ticket } = day;
  const results = visit ? visit.results.length + visit.findings.length : 0;
  return (
    <div className="stack">
      {day.emergencies > 0 && (
        <Notice tone="warn">
          {t("Hồ sơ đã được mở khẩn cấp {n} lần trong 30 ngày.", { n: day.emergencies })} <Link to="/toi/ai-da-mo">{t("Xem ai và vì sao")}</Link>
        </Notice>
      )}
      {!visit && !day.next && (
        <Empty icon="day" title={t("Hôm nay không có lượt khám")}>
          <p>{t("Đặt khám trước để không phải xếp hàng. Số thứ tự và từng bước trong ngày sẽ hiện ở đây.")}</p>
          <Link className="button primary" to="/dat-kham">{t("Đặt khám")}</Link>
        </Empty>
      )}
      {ticket && <TicketOf ticket={ticket} place={day.place} person={day.person} />}
      {visit && (
        <Card>
          <h2>{visit.open ? t("Các bước hôm nay") : t("Đã khám xong")}</h2>
          <ol className="steps">
            {day.steps.map((one, i) => (
              <li key={i} className={one.state || "todo"} aria-current={one.state === "on" ? "step" : undefined}>
                <span className="dot">{one.state === "done" && <Icon name="check" />}</span>
                <span>{one.text}{one.way && <span className="way-to">{one.way}</span>}<span className="unseen">{one.state === "done" ? t(", xong") : one.state === "" ? t(", sắp tới") : ""}</span></span>
              </li>
            ))}
          </ol>
        </Card>
      )}
      {visit && (results > 0 || visit.medicines.length > 0 || visit.advice || visit.diagnoses.length > 0) && (
        <Way to={`/ho-so/luot-kham/${visit.id}`} icon="flask" title={t("Đã có kết quả")} note={[
          results > 0 && t("{n} kết quả", { n: results }),
          visit.medicines.length > 0 && t("{n} thuốc", { n: visit.medicines.length }),
          visit.diagnoses[0],
        ].filter(Boolean).join(" · ")} />
      )}
      {visit && <Way to="/chi-phi" icon="card" title={t("Chi phí tạm tính")} note={t("khám, xét nghiệm, phần BHYT trả")} />}
      {visit && !visit.open && <Way to="/toi/khao-sat" icon="pen" title={t("Lượt khám vừa rồi thế nào?")} note={t("Năm câu ngắn, không ghi tên.")} />}
      {day.next && <NextOf next={day.next} person={day.person} />}
      {(visit || day.next) && <Way to="/ho-so/thuoc" icon="pill" title={t("Thuốc trong ngày")} note={t("Sáng, trưa, chiều, tối uống gì")} />}
    </div>
  );
}

/** The number, live: how many before her, and what to do now. */
function TicketOf({ ticket, place, person }: { ticket: Ticket; place: Queue | null; person: Day["person"] }): React.JSX.Element {
  const app = useApp();
  return (
    <section className={`card ticket ${ticket.state}`} aria-label={t("Số thứ tự {number}", { number: ticket.number })}>
      <div>
        <p className="mute">{[t("Số của bạn"), ticket.room].filter(Boolean).join(" · ")}</p>
        <p className="number">{ticket.number}</p>
        <div aria-live="polite">
          {ticket.state === "called" && <p className="call">{t("Mời vào {room}", { room: ticket.room })}</p>}
          {ticket.state === "serving" && <p className="ahead">{t("Đang khám")}</p>}
          {ticket.state === "skipped" && <p className="ahead">{t("Đã gọi mà chưa thấy bạn: đến cửa phòng và báo nhân viên.")}</p>}
          {ticket.state === "waiting" && place && (
            <p className="ahead">{place.ahead === 0 ? t("Bạn là người tiếp theo") : t("còn {n} người, khoảng {m} phút", { n: place.ahead, m: place.minutes })}</p>
          )}
        </div>
        {ticket.way && <p className="way-to"><Icon name="pin" />{ticket.way}</p>}
        {ticket.state === "waiting" && (
          <p className="mute">
            {[place?.inside && t("Đang khám {number}", { number: place.inside }), app.online && t("cập nhật trực tiếp")].filter(Boolean).join(" · ")}
          </p>
        )}
      </div>
      <Qr code={person.qr} label={t("Mã người bệnh {number}", { number: person.number })} />
    </section>
  );
}

function NextOf({ next, person }: { next: Next; person: Day["person"] }): React.JSX.Element {
  const shown = next.qr ?? person.qr;
  return (
    <Card className="next">
      <div>
        <h2>{t("Lịch hẹn tới")}</h2>
        <p className="at">{next.start ? `${time(next.start)} ` : ""}{when(next.day)}</p>
        <p>{[next.what, ...next.where].filter(Boolean).join(" · ")}</p>
        {!next.start && <p className="mute">{t("Bác sĩ hẹn ngày này, chưa có giờ. Đặt giờ để không phải chờ.")}</p>}
        {next.code ? <Link className="button" to={`/lich-hen/${next.code}`}>{t("Xem, đổi hoặc huỷ")}</Link> : <Link className="button" to="/dat-kham">{t("Đặt giờ")}</Link>}
      </div>
      {shown && <Qr code={shown} label={t("Mã hẹn {code}", { code: shown.text })} />}
    </Card>
  );
}

/** What waits for a connection, or was refused when it was sent. */
function Waiting(): React.JSX.Element | null {
  const app = useApp();
  const actions = useWaiting();
  if (!actions.length) return null;
  return (
    <ul className="waiting">
      {actions.map((one) => (
        <li key={one.key} className="card">
          <div><b>{one.label}</b><span className={one.refused ? "wrong block" : "mute block"}>{one.refused || t("Chờ có mạng để gửi, từ {at} {day}", { at: time(one.at), day: shortDate(one.at) })}</span></div>
          <Button kind="quiet" onClick={() => void app.outbox.drop(one.key)}>{one.refused ? t("Đã hiểu") : t("Bỏ")}</Button>
        </li>
      ))}
    </ul>
  );
}
