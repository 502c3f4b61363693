// Đặt khám: what for, with whom, which day and time, and one look before it is sent.
import { type FormEvent, useState } from "react";
import { Problem, told } from "../api";
import { type App, useApp, useFresh } from "../app";
import type { Booking, Days, Offer, Place, Service, Services as Offered, Times as Free } from "../contract";
import { Button, Card, Choice, Empty, Field, Foot, Loaded, Notice, Pill, Screen, Way } from "../parts/basic";
import { Call115, heard } from "../parts/emergency";
import { Icon } from "../parts/icon";
import { useWay } from "../router";
import { date, dong, shortDate, t, time, today, weekday, when } from "../words";
import { passOf } from "./booking";
import { InsuranceCheck } from "./insurance";
import { Birth, Choosing, iso, remembered } from "./sign_in";

const WEEK = 7;

/** Where she books: the hospital of the open record, else the one she chose. */
function placeOf(app: App): Place | null {
  return app.me?.facility ?? remembered(app.host.kept("place"));
}
/** The packages of the house; the one that the address names. */
function useOffers(place: Place | null): { offers: Offer[]; chosen: Offer | undefined; along: string } {
  const { query } = useWay();
  const found = useFresh<{ packages: Offer[] }>(place && `/app/facilities/${place.code}/packages`);
  const offers = found.value?.packages ?? [];
  const id = query.get("goi");
  return { offers, chosen: offers.find((one) => one.id === id), along: id ? `&goi=${encodeURIComponent(id)}` : "" };
}
const doors = (place: Place | null) => `/app/facilities/${place?.code}/services`;

export function Services(): React.JSX.Element {
  const app = useApp();
  const [chosen, setChosen] = useState<Place | null>(null);
  const place = chosen ?? placeOf(app);
  const [q, setQ] = useState("");
  const found = useFresh<Offered>(place && doors(place));
  const { offers } = useOffers(place);
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
      {app.me?.record && <Way to="/kham-tu-xa" icon="video" title={t("Khám từ xa")} note={t("Gặp bác sĩ qua video, không phải đến nơi.")} />}
      <h2 className={ahead.length ? "" : "unseen"}>{t("Khám gì?")}</h2>
      <Field label={t("Tìm chuyên khoa, bác sĩ")} hint={t("hoặc nói chỗ khó chịu: đau họng, ù tai…")} type="search" value={q} onChange={(event) => setQ(event.target.value)} placeholder="tim, da liễu, bác sĩ Lâm" />
      <Loaded of={found}>
        {({ services, emergency }) => {
          const meant = new Map(services.map((one) => [one.id, said(q, one.symptoms)]));
          const suggested = services.filter((one) => meant.get(one.id)).sort((a, b) => meant.get(a.id)!.at - meant.get(b.id)!.at);
          const shown = [...suggested, ...services.filter((one) => fits(one, q) && !suggested.includes(one))];
          return (
            <div className="stack">
              {heard(q, emergency) && <Call115 />}
              {suggested.length > 0 && <Notice>{t("Gợi ý theo điều bạn nói, không phải chẩn đoán. Không chắc thì chọn khám tổng quát.")}</Notice>}
              {shown.map((one) => (
                <Way key={one.id} to={`/dat-kham/${one.id}`} icon="doctor" title={one.name}
                  note={one.doctors.length > 2 ? t("{n} bác sĩ", { n: one.doctors.length }) : one.doctors.map((doctor) => doctor.name).join(", ") || one.comment}
                  end={meant.get(one.id) ? <Pill tone="warn">{t("gợi ý: {word}", { word: meant.get(one.id)!.word })}</Pill> : one.first ? <Pill tone="ok">{when(one.first)}</Pill> : <Pill>{t("hết chỗ")}</Pill>} />
              ))}
              {!shown.length && <Empty icon="search" title={t("Không tìm thấy")}><p>{t("Thử ít chữ hơn, không cần dấu. Không biết khám gì? Chọn khám tổng quát.")}</p></Empty>}
            </div>
          );
        }}
      </Loaded>
      {offers.some((one) => plain(one.name).includes(plain(q))) && (
        <section className="stack" aria-labelledby="offers">
          <h2 id="offers">{t("Gói khám")}</h2>
          {offers.filter((one) => plain(one.name).includes(plain(q))).map((one) => (
            <Way key={one.id} to={`/dat-kham/${one.service}?goi=${one.id}`} icon="flask" title={one.name} note={[one.serviceName, t("{n} dịch vụ", { n: one.items.length }), one.price !== null && dong(one.price)].filter(Boolean).join(" · ")} />
          ))}
        </section>
      )}
    </Screen>
  );
}

/** The first of these words that stands in what she says, or begins with it, and its place among them: a suggestion. */
function said(q: string, words: string[]): { word: string; at: number } | null {
  const spoken = plain(q).replace(/[^\p{L}\p{N}]+/gu, " ").trim();
  const at = words.findIndex((word) => ` ${spoken} `.includes(` ${plain(word)} `) || (spoken.length >= 3 && plain(word).startsWith(spoken)));
  return at < 0 ? null : { word: words[at]!, at };
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
  const { chosen, along } = useOffers(place);
  const [doctor, setDoctor] = useState("");
  const [from, setFrom] = useState(today());
  const [day, setDay] = useState<string | null>(null);
  const [slot, setSlot] = useState<string | null>(null);
  const services = useFresh<Offered>(place && doors(place));
  const service = services.value?.services.find((one) => one.id === id);
  const days = useFresh<Days>(`${doors(place)}/${id}/days?from=${from}&doctor=${doctor}`);
  const shown = day ?? days.value?.days.find((one) => one.free > 0)?.day ?? null;
  const times = useFresh<Free>(shown && `${doors(place)}/${id}/times?day=${shown}&doctor=${doctor}`, false);
  const free = times.value?.times.find((one) => one.slot === slot);
  const turn = (weeks: number) => (setFrom(shift(from, weeks * WEEK)), setDay(null), setSlot(null));
  return (
    <Screen title={chosen?.name ?? service?.name ?? t("Chọn giờ")} lead={moving ? t("Chọn giờ mới; giờ cũ được trả lại khi giờ mới đã giữ.") : place?.name} back={moving ? `/lich-hen/${moving}` : "/dat-kham"}>
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
        <Button kind="primary" disabled={!free} onClick={() => free && go(`/dat-kham/${id}/${free.slot}?luc=${encodeURIComponent(free.start)}&bac-si=${encodeURIComponent(free.doctor)}${moving ? `&doi=${moving}` : ""}${along}`)}>
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
  const { chosen, along } = useOffers(place);
  const start = query.get("luc") ?? "";
  const own = app.me?.record ?? null;
  const services = useFresh<Offered>(place && doors(place));
  const service = services.value?.services.find((one) => one.id === id)?.name ?? "";
  const [given, setGiven] = useState({ reason: "", name: "", birth: "", phone: "", gender: "", cccd: "", payer: "" });
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
      const [path, body] = moving ? [`/app/bookings/${moving}/move${guests}`, { slot }] : [`/app/facilities/${place?.code}/bookings`, { slot, reason: given.reason, payer: given.payer, package: query.get("goi") ?? "", guest }];
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
    <Screen title={moving ? t("Đổi giờ") : t("Xem lại và đặt")} back={`/dat-kham/${id}?${moving ? `doi=${moving}` : ""}${along}`}>
      <form onSubmit={(event) => void send(event)} noValidate>
        {wrong && !fields.includes(wrong.where) && <Notice tone="bad">{told(wrong)}</Notice>}
        <Card className="sum">
          <p className="at">{time(start)} · {weekday(start)} {date(start)}</p>
          <dl>
            {chosen && <div><dt>{t("Gói")}</dt><dd>{chosen.name}</dd></div>}
            {chosen && chosen.price !== null && <div><dt>{t("Giá trọn gói")}</dt><dd>{dong(chosen.price)}</dd></div>}
            <div><dt>{t("Khám")}</dt><dd>{service}</dd></div>
            <div><dt>{t("Bác sĩ")}</dt><dd>{query.get("bac-si")}</dd></div>
            <div><dt>{t("Nơi khám")}</dt><dd>{place?.name}</dd></div>
            {own && <div><dt>{t("Cho")}</dt><dd>{own.name}</dd></div>}
          </dl>
        </Card>
        {chosen && (
          <Card>
            <h2>{t("Gói gồm")}</h2>
            {chosen.note && <p>{chosen.note}</p>}
            <ul>{chosen.items.map((item) => <li key={item}>{item}</li>)}</ul>
          </Card>
        )}
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
        {!moving && (
          <Choice legend={t("Ai trả tiền khám?")} name="payer" value={given.payer} className="pills" onChange={(payer) => setGiven({ ...given, payer })}
            options={[{ value: "insurance", label: t("BHYT") }, { value: "self", label: t("Tự trả") }]} />
        )}
        {own && given.payer === "insurance" && <InsuranceCheck />}
        {!moving && <Field label={t("Lý do khám")} hint={t("không bắt buộc; bác sĩ đọc trước")} wrong={at("reason")} value={given.reason} onChange={put("reason")} maxLength={200} />}
        {heard(given.reason, services.value?.emergency ?? []) && <Call115 />}
        <p className="mute row"><Icon name="clock" />{t("Đổi hoặc huỷ được đến 30 phút trước giờ hẹn.")}</p>
        <Foot><Button type="submit" kind="primary" busy={busy}>{moving ? t("Đổi sang giờ này") : t("Đặt lịch")}</Button></Foot>
      </form>
    </Screen>
  );
}
