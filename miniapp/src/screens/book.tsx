// Đặt khám: what for, with whom, which day and time, and one look before it is sent.
import { type FormEvent, useState } from "react";
import { Problem, told } from "../api";
import { type App, useApp, useFresh } from "../app";
import type { Booking, Days, Place, Service, Times as Free } from "../contract";
import { Button, Card, Choice, Empty, Field, Foot, Loaded, Notice, Pill, Screen, Way } from "../parts/basic";
import { Icon } from "../parts/icon";
import { useWay } from "../router";
import { date, shortDate, t, time, today, weekday, when } from "../words";
import { passOf } from "./booking";
import { Birth, Choosing, iso, remembered } from "./sign_in";

const WEEK = 7;

/** Where she books: the hospital of the open record, else the one she chose. */
function placeOf(app: App): Place | null {
  return app.me?.facility ?? remembered(app.host.kept("place"));
}
const doors = (place: Place | null) => `/app/facilities/${place?.code}/services`;

export function Services(): React.JSX.Element {
  const app = useApp();
  const [chosen, setChosen] = useState<Place | null>(null);
  const place = chosen ?? placeOf(app);
  const [q, setQ] = useState("");
  const found = useFresh<{ services: Service[] }>(place && doors(place));
  const mine = useFresh<{ bookings: Booking[] }>(app.me?.record ? "/app/bookings" : null);
  if (!place) return <Choosing onChoose={(one) => (app.host.keep("place", JSON.stringify(one)), setChosen(one))} />;
  const ahead = mine.value?.bookings.filter((one) => one.day >= today() && one.state === "booked") ?? [];
  return (
    <Screen title={t("Đặt khám")} lead={place.name}>
      {ahead.length > 0 && (
        <section className="stack" aria-labelledby="ahead">
          <h2 id="ahead">{t("Lịch hẹn của bạn")}</h2>
          {ahead.map((one) => <Way key={one.code} to={`/lich-hen/${one.code}`} icon="clock" title={`${one.start ? time(one.start) : ""} ${when(one.day)}`} note={[one.service, one.doctor].filter(Boolean).join(" · ")} />)}
        </section>
      )}
      <h2 className={ahead.length ? "" : "unseen"}>{t("Khám gì?")}</h2>
      <Field label={t("Tìm chuyên khoa, bác sĩ")} type="search" value={q} onChange={(event) => setQ(event.target.value)} placeholder="tim, da liễu, bác sĩ Lâm" />
      <Loaded of={found}>
        {({ services }) => {
          const shown = services.filter((one) => fits(one, q));
          return (
            <div className="stack">
              {shown.map((one) => (
                <Way key={one.id} to={`/dat-kham/${one.id}`} icon="doctor" title={one.name}
                  note={one.doctors.length > 2 ? t("{n} bác sĩ", { n: one.doctors.length }) : one.doctors.map((doctor) => doctor.name).join(", ") || one.comment}
                  end={one.first ? <Pill tone="ok">{when(one.first)}</Pill> : <Pill>{t("hết chỗ")}</Pill>} />
              ))}
              {!shown.length && <Empty icon="search" title={t("Không tìm thấy")}><p>{t("Thử ít chữ hơn, không cần dấu. Không biết khám gì? Chọn khám tổng quát.")}</p></Empty>}
            </div>
          );
        }}
      </Loaded>
    </Screen>
  );
}

function fits(one: Service, q: string): boolean {
  const all = plain([one.name, one.comment, ...one.doctors.map((doctor) => doctor.name)].join(" "));
  return plain(q).split(" ").every((word) => all.includes(word));
}
/** Without accents and capitals. */
const plain = (text: string): string => text.normalize("NFD").replace(/\p{M}/gu, "").replace(/đ/gi, "d").toLowerCase().trim();

export function Times({ args: [id] }: { args: string[] }): React.JSX.Element {
  const app = useApp();
  const { go, query } = useWay();
  const place = placeOf(app);
  const moving = query.get("doi");
  const [doctor, setDoctor] = useState("");
  const [from, setFrom] = useState(today());
  const [day, setDay] = useState<string | null>(null);
  const [slot, setSlot] = useState<string | null>(null);
  const services = useFresh<{ services: Service[] }>(place && doors(place));
  const service = services.value?.services.find((one) => one.id === id);
  const days = useFresh<Days>(`${doors(place)}/${id}/days?from=${from}&doctor=${doctor}`);
  const shown = day ?? days.value?.days.find((one) => one.free > 0)?.day ?? null;
  const times = useFresh<Free>(shown && `${doors(place)}/${id}/times?day=${shown}&doctor=${doctor}`, false);
  const free = times.value?.times.find((one) => one.slot === slot);
  const turn = (weeks: number) => (setFrom(shift(from, weeks * WEEK)), setDay(null), setSlot(null));
  return (
    <Screen title={service?.name ?? t("Chọn giờ")} lead={moving ? t("Chọn giờ mới; giờ cũ được trả lại khi giờ mới đã giữ.") : place?.name} back={moving ? `/lich-hen/${moving}` : "/dat-kham"}>
      {service && service.doctors.length > 1 && (
        <Choice legend={t("Bác sĩ")} name="doctor" value={doctor} className="pills" onChange={(one) => (setDoctor(one), setDay(null), setSlot(null))}
          options={[{ value: "", label: t("Ai cũng được") }, ...service.doctors.map((one) => ({ value: one.schedule, label: one.name }))]} />
      )}
      <Loaded of={days}>
        {(found) => (
          <>
            <Choice legend={t("Ngày · số chỗ còn")} name="day" value={shown} className="days" onChange={(one) => (setDay(one), setSlot(null))}
              options={found.days.map((one) => ({
                value: one.day, off: one.free === 0, said: `${weekday(one.day)} ${date(one.day)}, ${one.free ? t("còn {n} chỗ", { n: one.free }) : t("hết chỗ")}`,
                label: <><span>{weekday(one.day, true)}</span><b>{one.day.slice(8)}</b><small>{one.free || "–"}</small></>,
              }))} />
            <div className="pair weeks">
              <Button kind="quiet" disabled={from <= today()} onClick={() => turn(-1)}>{t("Tuần trước")}</Button>
              <Button kind="quiet" disabled={shift(from, WEEK) > found.last} onClick={() => turn(1)}>{t("Tuần sau")}</Button>
            </div>
            {!shown && <Empty icon="clock" title={t("Tuần này hết chỗ")}><p>{t("Xem tuần sau, hoặc chọn bác sĩ khác.")}</p></Empty>}
          </>
        )}
      </Loaded>
      {shown && (
        <Loaded of={times}>
          {(found) => (
            <Choice legend={t("Giờ, {day}", { day: when(shown) })} name="slot" value={slot} className="times" onChange={setSlot}
              options={found.times.map((one) => ({ value: one.slot, label: <><b>{time(one.start)}</b>{!doctor && <small>{one.doctor}</small>}</> }))} />
          )}
        </Loaded>
      )}
      <Foot>
        <Button kind="primary" disabled={!free} onClick={() => free && go(`/dat-kham/${id}/${free.slot}?luc=${encodeURIComponent(free.start)}&bac-si=${encodeURIComponent(free.doctor)}${moving ? `&doi=${moving}` : ""}`)}>
          {free ? t("Tiếp tục: {at} {day}", { at: time(free.start), day: shortDate(free.start) }) : t("Chọn giờ")}
        </Button>
      </Foot>
    </Screen>
  );
}

function shift(day: string, days: number): string {
  return new Date(Date.parse(day) + days * 86_400_000).toISOString().slice(0, 10);
}

/** The last look: what is booked, for whom, and the button. */
export function Confirm({ args: [id, slot] }: { args: string[] }): React.JSX.Element {
  const app = useApp();
  const { go, query } = useWay();
  const place = placeOf(app);
  const moving = query.get("doi");
  const start = query.get("luc") ?? "";
  const own = app.me?.record ?? null;
  const services = useFresh<{ services: Service[] }>(place && doors(place));
  const service = services.value?.services.find((one) => one.id === id)?.name ?? "";
  const [given, setGiven] = useState({ reason: "", name: "", birth: "", phone: "", gender: "", cccd: "" });
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<Problem | null>(null);
  const [waits, setWaits] = useState(false);
  const put = (name: keyof typeof given) => (event: React.ChangeEvent<HTMLInputElement>) => setGiven({ ...given, [name]: event.target.value });
  const at = (...where: string[]) => (wrong && where.includes(wrong.where) ? told(wrong) : undefined);
  const fields = ["name", "birthDate", "phone", "gender", "cccd", "reason"];

  async function send(event: FormEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setWrong(null);
    const label = t("Đặt {service}, {at} {day}", { service, at: time(start), day: shortDate(start) });
    const guest = own ? null : { name: given.name, birthDate: iso(given.birth), phone: given.phone, gender: given.gender, cccd: given.cccd };
    try {
      const { pass, query: guests } = moving ? passOf(app, moving) : { pass: undefined, query: "" };
      const [path, body] = moving ? [`/app/bookings/${moving}/move${guests}`, { slot }] : [`/app/facilities/${place?.code}/bookings`, { slot, reason: given.reason, guest }];
      const made = await app.outbox.act<Booking>(path, body, label, pass);
      if (!made) return setWaits(true);
      if (made.pass) app.host.keep(`pass.${made.code}`, `${place?.code} ${made.pass}`);
      go(`/lich-hen/${made.code}`, true);
    } catch (trouble) {
      if (!(trouble instanceof Problem)) throw trouble;
      setWrong(trouble);
    } finally {
      setBusy(false);
    }
  }

  if (waits)
    return (
      <Screen title={t("Chờ có mạng")}>
        <Empty icon="offline" title={t("Chưa giữ được chỗ")}>
          <p>{t("Yêu cầu được gửi ngay khi có mạng, một lần. Nếu giờ này đã có người đặt, ứng dụng sẽ báo để chọn giờ khác.")}</p>
        </Empty>
        <Foot><Button kind="primary" onClick={() => go("/")}>{t("Về hôm nay")}</Button></Foot>
      </Screen>
    );
  return (
    <Screen title={moving ? t("Đổi giờ") : t("Xem lại và đặt")} back={`/dat-kham/${id}${moving ? `?doi=${moving}` : ""}`}>
      <form onSubmit={(event) => void send(event)} noValidate>
        {wrong && !fields.includes(wrong.where) && <Notice tone="bad">{told(wrong)}</Notice>}
        <Card className="sum">
          <p className="at">{time(start)} · {weekday(start)} {date(start)}</p>
          <dl>
            <div><dt>{t("Khám")}</dt><dd>{service}</dd></div>
            <div><dt>{t("Bác sĩ")}</dt><dd>{query.get("bac-si")}</dd></div>
            <div><dt>{t("Nơi khám")}</dt><dd>{place?.name}</dd></div>
            {own && <div><dt>{t("Cho")}</dt><dd>{own.name}</dd></div>}
          </dl>
        </Card>
        {!own && !moving && (
          <>
            <Field label={t("Họ và tên người khám")} wrong={at("name", "guest.name")} value={given.name} onChange={put("name")} autoComplete="name" required />
            <Birth value={given.birth} onChange={put("birth")} wrong={at("birthDate")} />
            <Choice legend={t("Giới tính")} name="gender" value={given.gender} className="pills" onChange={(gender) => setGiven({ ...given, gender })}
              options={[{ value: "female", label: t("Nữ") }, { value: "male", label: t("Nam") }]} />
            {at("gender") && <Notice tone="bad">{at("gender")}</Notice>}
            <Field label={t("Số điện thoại")} wrong={at("phone")} type="tel" inputMode="tel" autoComplete="tel" value={given.phone} onChange={put("phone")} required />
            <Field label={t("Số căn cước")} hint={t("không bắt buộc; giúp quầy tìm hồ sơ nhanh hơn")} wrong={at("cccd")} inputMode="numeric" value={given.cccd} onChange={put("cccd")} />
          </>
        )}
        {!moving && <Field label={t("Lý do khám")} hint={t("không bắt buộc; bác sĩ đọc trước")} wrong={at("reason")} value={given.reason} onChange={put("reason")} maxLength={200} />}
        <p className="mute row"><Icon name="clock" />{t("Đổi hoặc huỷ được đến 30 phút trước giờ hẹn.")}</p>
        <Foot><Button type="submit" kind="primary" busy={busy}>{moving ? t("Đổi sang giờ này") : t("Đặt lịch")}</Button></Foot>
      </form>
    </Screen>
  );
}
