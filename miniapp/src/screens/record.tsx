// Hồ sơ: visits by year, a visit, what was measured over the years, medicines by the time of the day.
import { useEffect, useState } from "react";
import { Problem } from "../api";
import { useApp, useFresh } from "../app";
import type { Allergy, Curve, Finding, Medicine, Medicines as Prescribed, Reminding, Vaccination, Visit, VisitLine } from "../contract";
import { Card, Empty, Loaded, Notice, Pill, Screen, Trouble, Way } from "../parts/basic";
import { CurveOf } from "../parts/curve";
import { Icon } from "../parts/icon";
import { PapersOf } from "../parts/papers";
import { FindingOf, Measured, MedicineOf, schedule } from "../parts/record";
import { Link, useWay } from "../router";
import { date, dayOf, shortDate, t, time, today, weekday, type Words } from "../words";

const PARTS: [string, Words][] = [["/ho-so", "Lượt khám"], ["/ho-so/ket-qua", "Kết quả"], ["/ho-so/thuoc", "Thuốc"], ["/ho-so/tiem-chung", "Tiêm, dị ứng"]];

function Parts(): React.JSX.Element {
  const { path } = useWay();
  return (
    <nav className="parts" aria-label={t("Các phần của hồ sơ")}>
      {PARTS.map(([to, label]) => <Link key={to} to={to} aria-current={to === path ? "page" : undefined}>{t(label)}</Link>)}
    </nav>
  );
}

export function Visits(): React.JSX.Element {
  const found = useFresh<{ visits: VisitLine[] }>("/app/visits");
  return (
    <Screen title={t("Các lượt khám")} quiet>
      <Parts />
      <Loaded of={found}>
        {({ visits }) => (
          <>
            {byYear(visits).map(([year, mine]) => (
              <section key={year} aria-labelledby={`y${year}`}>
                <h2 id={`y${year}`} className="year">{year}</h2>
                <ol className="stack list">
                  {mine.map((one) => (
                    <li key={one.id}>
                      <Link className="card way" to={`/ho-so/luot-kham/${one.id}`}>
                        <span className="when">{one.when && <><b>{shortDate(one.when)}</b><small>{weekday(one.when, true)}</small></>}</span>
                        <span className="fill"><b>{one.diagnosis || one.what || t("Lượt khám")}</b>{one.diagnosis && one.what && <span className="mute block">{one.what}</span>}{one.open && <Pill tone="ok">{t("chưa kết thúc")}</Pill>}</span>
                      </Link>
                    </li>
                  ))}
                </ol>
              </section>
            ))}
            {visits.length > 0 && <TakeAway />}
            {!visits.length && <Empty icon="record" title={t("Chưa có lượt khám nào")}><p>{t("Mỗi lần khám ở bệnh viện dùng hồ sơ này sẽ hiện ở đây, kèm kết quả và đơn thuốc.")}</p><Link className="button primary" to="/dat-kham">{t("Đặt khám")}</Link></Empty>}
          </>
        )}
      </Loaded>
    </Screen>
  );
}

/** The record is hers to take along; of whom she acts for, with the whole record. */
function TakeAway(): React.JSX.Element | null {
  const { me } = useApp();
  if (!me?.record?.parts.includes("chart")) return null;
  return (
    <section className="stack" aria-label={t("Mang hồ sơ đi")}>
      <Way to="/ho-so/chia-se" icon="share" title={t("Cho bác sĩ nơi khác xem")} note={t("Bằng mã QR, có hạn, bạn kết thúc lúc nào cũng được.")} />
      <Way to="/ho-so/tai-ve" icon="file" title={t("Tải toàn bộ hồ sơ")} note={t("Một tệp PDF để đọc, một tệp dữ liệu cho phần mềm.")} />
    </section>
  );
}

function byYear(visits: VisitLine[]): [string, VisitLine[]][] {
  const years = new Map<string, VisitLine[]>();
  for (const one of visits) {
    const year = one.when ? dayOf(one.when).slice(0, 4) : "";
    years.set(year, [...(years.get(year) ?? []), one]);
  }
  return [...years];
}

export function VisitScreen({ args: [id] }: { args: string[] }): React.JSX.Element {
  const { me } = useApp();
  const found = useFresh<Visit>(`/app/visits/${id}`);
  const one = found.value;
  return (
    <Screen title={one?.when ? t("Khám ngày {day}", { day: date(one.when) }) : t("Lượt khám")} lead={one && [one.place, one.doctor, one.reason].filter(Boolean).join(" · ")} back="/ho-so">
      <Loaded of={found}>{(visit) => <VisitOf visit={visit} />}</Loaded>
      {one && me?.record?.parts.includes("chart") && <Link className="button" to={`/toi/hoi-bac-si/moi?luot=${id}`}><Icon name="doctor" />{t("Hỏi bác sĩ về lượt khám này")}</Link>}
    </Screen>
  );
}

function VisitOf({ visit }: { visit: Visit }): React.JSX.Element {
  const nothing = !visit.diagnoses.length && !visit.advice && !visit.results.length && !visit.findings.length && !visit.medicines.length;
  return (
    <div className="stack">
      {nothing && <Empty icon="clock" title={t("Chưa có gì để xem")}><p>{t("Kết luận hiện khi bác sĩ đã ký, kết quả hiện khi đã trả.")}</p></Empty>}
      {(visit.diagnoses.length > 0 || visit.advice || visit.outcomeName) && (
        <Card>
          <h2>{t("Kết luận của bác sĩ")}</h2>
          {visit.diagnoses.map((one, i) => <p key={one} className={i ? "" : "strong"}>{one}</p>)}
          {visit.advice && <p className="lines advice">{visit.advice}</p>}
          {visit.outcomeName && <p className="mute">{visit.outcomeName}</p>}
          {visit.addenda.map((one) => <p key={one} className="lines">{one}</p>)}
        </Card>
      )}
      {visit.medicines.length > 0 && <Card><h2>{t("Đơn thuốc")}</h2><ul className="list">{visit.medicines.map((one, i) => <MedicineOf key={i} medicine={one} />)}</ul></Card>}
      {visit.results.length > 0 && <h2>{t("Xét nghiệm")}</h2>}
      {visit.results.map((one) => <Measured key={one.last.code} curve={one} to={`/ho-so/ket-qua/${encodeURIComponent(one.last.code)}`} />)}
      {visit.findings.length > 0 && <h2>{t("Chẩn đoán hình ảnh, thăm dò")}</h2>}
      {visit.findings.map((one, i) => <FindingOf key={i} finding={one} />)}
      <PapersOf visit={visit} />
    </div>
  );
}

interface Reports { curves: Curve[]; findings: Finding[] }

export function Results(): React.JSX.Element {
  const found = useFresh<Reports>("/app/results");
  return (
    <Screen title={t("Kết quả")} quiet>
      <Parts />
      <Loaded of={found}>
        {({ curves, findings }) => (
          <div className="stack">
            {curves.length > 0 && <h2>{t("Xét nghiệm")}</h2>}
            {curves.length > 0 && <p className="mute">{t("Giá trị mới nhất của mỗi xét nghiệm. Vùng nhạt là khoảng bình thường.")}</p>}
            {curves.map((one) => <Measured key={one.last.code} curve={one} to={`/ho-so/ket-qua/${encodeURIComponent(one.last.code)}`} />)}
            {findings.length > 0 && <h2>{t("Chẩn đoán hình ảnh, thăm dò")}</h2>}
            {findings.length > 0 && !findings.some((one) => one.pictures?.length) && <p className="mute">{t("Chưa có ảnh trong hồ sơ: trình xem ảnh đến cùng khoa chẩn đoán hình ảnh. Kết luận đọc ở dưới.")}</p>}
            {findings.map((one, i) => <FindingOf key={i} finding={one} />)}
            {!curves.length && !findings.length && <Empty icon="flask" title={t("Chưa có kết quả nào")}><p>{t("Kết quả hiện ở đây ngay khi khoa xét nghiệm trả.")}</p></Empty>}
          </div>
        )}
      </Loaded>
    </Screen>
  );
}

export function ResultScreen({ args: [code] }: { args: string[] }): React.JSX.Element {
  const listed = useFresh<Reports>("/app/results");
  const found = useFresh<{ curve: Curve }>(`/app/results/${encodeURIComponent(code!)}`);
  const curve = found.value?.curve ?? listed.value?.curves.find((one) => one.last.code === code);
  return (
    <Screen title={curve?.last.name ?? t("Kết quả")} back="/ho-so/ket-qua">
      {curve ? <CurveInFull curve={curve} /> : <Loaded of={listed}>{() => <Empty icon="flask" title={t("Không còn kết quả này")} />}</Loaded>}
    </Screen>
  );
}

function CurveInFull({ curve }: { curve: Curve }): React.JSX.Element {
  const { last, values } = curve;
  return (
    <div className="stack">
      <Card className={`measured ${last.tone === "ok" ? "" : last.tone}`}>
        <div className="row"><p className="value big"><b>{last.value}</b> {last.unit}</p>{last.plain && <Pill tone={last.tone}>{last.plain}</Pill>}</div>
        <p className="mute">{weekday(last.when)} {date(last.when)}, {time(last.when)}</p>
        <CurveOf curve={curve} tall />
        {values.length > 1 && <p className="ends mute"><span>{date(values[0]!.when)}</span><span>{date(last.when)}</span></p>}
      </Card>
      {values.length > 1 && (
        <Card>
          <h2>{t("Các lần đo")}</h2>
          <dl className="times-list">
            {[...values].reverse().map((one) => <div key={one.when}><dt>{date(one.when)}{one.tone !== "ok" && one.plain && <span className="block"><Pill tone={one.tone}>{one.plain}</Pill></span>}</dt><dd><b>{one.value}</b> {one.unit}</dd></div>)}
          </dl>
        </Card>
      )}
      <Card>
        <h2>{t("Nghĩa là gì?")}</h2>
        <p>{inWords(curve)}</p>
        {last.tone === "bad" && <Notice tone="bad">{t("Hỏi bác sĩ ngay. Nếu khó thở, đau ngực, lơ mơ: gọi 115.")}</Notice>}
        <p className="mute">{t("Con số chỉ là một phần; bác sĩ xem cùng triệu chứng và thuốc đang dùng.")}</p>
      </Card>
    </div>
  );
}

/** The value, its range and where it went, as one would say it. */
function inWords({ last, values }: Curve): string {
  const said = [];
  if (last.plain) said.push(t("Lần này {plain}.", { plain: last.plain }));
  if (last.low !== null && last.high === null) said.push(t("Bình thường là từ {low} {unit} trở lên.", { low: figure(last.low), unit: last.unit }));
  else if (last.high !== null && last.low === null) said.push(t("Bình thường là không quá {high} {unit}.", { high: figure(last.high), unit: last.unit }));
  else if (last.range) said.push(t("Khoảng bình thường là {range} {unit}.", { range: last.range, unit: last.unit }));
  const [before, now] = values.slice(-2);
  if (before && now && before.number === now.number) said.push(t("Bằng lần trước."));
  else if (before && now) said.push(t(now.number! > before.number! ? "Cao hơn lần trước ({value})." : "Thấp hơn lần trước ({value}).", { value: before.value }));
  if (values.length > 2) {
    const ordered = [...values].sort((one, other) => one.number! - other.number!);
    said.push(t("Từ {day} đến nay: thấp nhất {low}, cao nhất {high}.", { day: date(values[0]!.when), low: ordered[0]!.value, high: ordered.at(-1)!.value }));
  }
  return said.join(" ");
}

const figure = (value: number): string => String(value).replace(".", ",");

export function Medicines(): React.JSX.Element {
  const found = useFresh<Prescribed>("/app/medicines");
  const allergies = useFresh<{ allergies: Allergy[] }>("/app/allergies");
  return (
    <Screen title={t("Thuốc")} quiet>
      <Parts />
      {allergies.value && allergies.value.allergies.length > 0 && (
        <Notice tone="bad"><b>{t("Dị ứng")}:</b> {allergies.value.allergies.map((one) => one.name).join(", ")}. {t("Luôn nói với bác sĩ và nhà thuốc.")}</Notice>
      )}
      <Loaded of={found}>
        {({ medicines, reminders }) => (
          <div className="stack">
            <Today medicines={medicines} />
            {reminders?.map((one) => <Reminder key={one.visit} of={one} first={medicines.find((medicine) => medicine.visit === one.visit)} again={found.again} />)}
            {medicines.length > 0 && <Card><h2>{t("Tất cả đơn thuốc")}</h2><ul className="list">{medicines.map((one, i) => <MedicineOf key={i} medicine={one} />)}</ul></Card>}
            {!medicines.length && <Empty icon="pill" title={t("Chưa có đơn thuốc nào")}><p>{t("Thuốc bác sĩ kê hiện ở đây, kèm giờ uống trong ngày.")}</p></Empty>}
          </div>
        )}
      </Loaded>
    </Screen>
  );
}

interface Taken { day: string; ticks: string[] }

/** Today by its times, each to be ticked. The ticks stay on this phone, sealed: they are nobody else's business. */
function Today({ medicines }: { medicines: Medicine[] }): React.JSX.Element | null {
  const app = useApp();
  const place = `${app.me?.record?.key ?? ""} taken`;
  const [ticks, setTicks] = useState<string[]>([]);
  const day = today();
  useEffect(() => {
    void app.vault.get<Taken>(place).then((kept) => setTicks(kept?.value.day === day ? kept.value.ticks : []));
  }, [app, place, day]);
  function tick(one: string): void {
    const next = ticks.includes(one) ? ticks.filter((other) => other !== one) : [...ticks, one];
    setTicks(next);
    void app.vault.put(place, { day, ticks: next });
  }
  const hours = schedule(medicines);
  if (!hours.length) return null;
  return (
    <Card>
      <h2>{t("Hôm nay uống gì")}</h2>
      {hours.map((hour) => (
        <fieldset key={hour.time} className="taking">
          <legend>{hour.name}</legend>
          {hour.take.map((one) => {
            const id = `${hour.time} ${one.title}`;
            return (
              <label key={id}>
                <input type="checkbox" checked={ticks.includes(id)} onChange={() => tick(id)} />
                <span><span className="what">{one.title}</span> <b>{one.dose}</b>{one.note && <span className="mute block">{one.note}</span>}</span>
              </label>
            );
          })}
        </fieldset>
      ))}
      <p className="mute">{t("Dấu đã uống chỉ nằm trên máy này.")}</p>
    </Card>
  );
}

/** One switch for each prescription that is taken by the clock. */
function Reminder({ of, first, again }: { of: Reminding; first?: Medicine; again: () => Promise<void> }): React.JSX.Element {
  const app = useApp();
  const [wrong, setWrong] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  async function turn(on: boolean): Promise<void> {
    setBusy(true);
    setWrong(null);
    try {
      await app.api.post("/app/medicines/reminders", { visit: of.visit, on });
      await again();
    } catch (error) {
      setWrong(error instanceof Problem ? error : new Problem(0, "", t("Chưa đổi được: không có mạng."), "", ""));
    } finally {
      setBusy(false);
    }
  }
  return (
    <Card>
      <label className="switch">
        <span><b>{t("Nhắc giờ dùng thuốc")}</b><span className="mute block">{[first && t("đơn có {title}", { title: first.title }), of.times.join(", "), t("đến {day}", { day: date(of.until) })].filter(Boolean).join(" · ")}</span></span>
        <input type="checkbox" role="switch" checked={of.on} disabled={busy} onChange={(event) => void turn(event.target.checked)} />
      </label>
      <Trouble of={wrong} />
      <p className="mute">{t("Tin nhắn chỉ nói đến giờ, không nêu tên thuốc.")}</p>
    </Card>
  );
}

/** Tiêm, dị ứng: what she was vaccinated with, and what she does not bear. */
export function Protection(): React.JSX.Element {
  const found = useFresh<{ immunizations: Vaccination[] }>("/app/immunizations");
  const allergies = useFresh<{ allergies: Allergy[] }>("/app/allergies");
  return (
    <Screen title={t("Tiêm, dị ứng")} quiet>
      <Parts />
      <div className="stack">
        <h2>{t("Dị ứng")}</h2>
        <Loaded of={allergies}>
          {({ allergies: all }) => all.length ? (
            <Card><ul className="list">{all.map((one) => <li key={one.name} className="row"><b>{one.name}</b>{one.severe && <Pill tone="bad">{t("có thể nguy hiểm")}</Pill>}</li>)}</ul><p className="mute">{t("Luôn nói với bác sĩ và nhà thuốc.")}</p></Card>
          ) : <Empty icon="shield" title={t("Chưa ghi dị ứng nào")}><p>{t("Từng bị ngứa, khó thở, sưng mặt sau khi dùng thuốc hay ăn gì: nói với điều dưỡng khi đo huyết áp để ghi vào hồ sơ.")}</p></Empty>}
        </Loaded>
        <h2>{t("Tiêm chủng")}</h2>
        <Loaded of={found}>
          {({ immunizations }) => immunizations.length ? (
            <Card>
              <ul className="list">
                {immunizations.map((one, i) => (
                  <li key={i} className="medicine">
                    <div className="row"><h3>{one.name}</h3>{one.dose > 0 && <Pill>{t("mũi {n}", { n: one.dose })}</Pill>}</div>
                    <p className="mute">{[one.day && date(one.day), one.place, one.lot && t("lô {lot}", { lot: one.lot }), one.told && t("theo sổ, lời kể")].filter(Boolean).join(" · ")}</p>
                  </li>
                ))}
              </ul>
            </Card>
          ) : <Empty icon="needle" title={t("Chưa ghi mũi tiêm nào")}><p>{t("Mang sổ tiêm chủng khi đi khám: điều dưỡng ghi vào đây, cả mũi tiêm ở nơi khác.")}</p></Empty>}
        </Loaded>
      </div>
    </Screen>
  );
}
