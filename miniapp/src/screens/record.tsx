// Hồ sơ: visits by year, a visit, what was measured over the years, medicines by the time of the day.
import { useFresh } from "../app";
import type { Allergy, Curve, Finding, Medicine, Visit, VisitLine } from "../contract";
import { Card, Empty, Loaded, Notice, Pill, Screen } from "../parts/basic";
import { CurveOf } from "../parts/curve";
import { FindingOf, Measured, MedicineOf, schedule } from "../parts/record";
import { Link, useWay } from "../router";
import { date, dayOf, shortDate, t, time, weekday, type Words } from "../words";

const PARTS: [string, Words][] = [["/ho-so", "Lượt khám"], ["/ho-so/ket-qua", "Kết quả"], ["/ho-so/thuoc", "Thuốc"]];

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
            {!visits.length && <Empty icon="record" title={t("Chưa có lượt khám nào")}><p>{t("Mỗi lần khám ở bệnh viện dùng hồ sơ này sẽ hiện ở đây, kèm kết quả và đơn thuốc.")}</p><Link className="button primary" to="/dat-kham">{t("Đặt khám")}</Link></Empty>}
          </>
        )}
      </Loaded>
    </Screen>
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
  const found = useFresh<Visit>(`/app/visits/${id}`);
  const one = found.value;
  return (
    <Screen title={one?.when ? t("Khám ngày {day}", { day: date(one.when) }) : t("Lượt khám")} lead={one && [one.place, one.doctor, one.reason].filter(Boolean).join(" · ")} back="/ho-so">
      <Loaded of={found}>{(visit) => <VisitOf visit={visit} />}</Loaded>
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
            {findings.map((one, i) => <FindingOf key={i} finding={one} />)}
            {!curves.length && !findings.length && <Empty icon="flask" title={t("Chưa có kết quả nào")}><p>{t("Kết quả hiện ở đây ngay khi khoa xét nghiệm trả.")}</p></Empty>}
          </div>
        )}
      </Loaded>
    </Screen>
  );
}

export function ResultScreen({ args: [code] }: { args: string[] }): React.JSX.Element {
  const found = useFresh<Reports>("/app/results");
  const curve = found.value?.curves.find((one) => one.last.code === code);
  return (
    <Screen title={curve?.last.name ?? t("Kết quả")} back="/ho-so/ket-qua">
      <Loaded of={found}>{() => (curve ? <CurveInFull curve={curve} /> : <Empty icon="flask" title={t("Không còn kết quả này")} />)}</Loaded>
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
  if (last.range) said.push(t("Khoảng bình thường là {range} {unit}.", { range: last.range, unit: last.unit }));
  const [before, now] = values.slice(-2);
  if (before && now && before.number === now.number) said.push(t("Bằng lần trước."));
  else if (before && now) said.push(t(now.number! > before.number! ? "Cao hơn lần trước ({value})." : "Thấp hơn lần trước ({value}).", { value: before.value }));
  return said.join(" ");
}

export function Medicines(): React.JSX.Element {
  const found = useFresh<{ medicines: Medicine[] }>("/app/medicines");
  const allergies = useFresh<{ allergies: Allergy[] }>("/app/allergies");
  return (
    <Screen title={t("Thuốc")} quiet>
      <Parts />
      {allergies.value && allergies.value.allergies.length > 0 && (
        <Notice tone="bad"><b>{t("Dị ứng")}:</b> {allergies.value.allergies.map((one) => one.name).join(", ")}. {t("Luôn nói với bác sĩ và nhà thuốc.")}</Notice>
      )}
      <Loaded of={found}>
        {({ medicines }) => {
          const hours = schedule(medicines);
          return (
            <div className="stack">
              {hours.length > 0 && (
                <Card>
                  <h2>{t("Hôm nay uống gì")}</h2>
                  <dl className="hours">
                    {hours.map((hour) => <div key={hour.time}><dt>{hour.name}</dt><dd>{hour.take.map((one) => <p key={one.title}>{one.title} <b>{one.dose}</b></p>)}</dd></div>)}
                  </dl>
                </Card>
              )}
              {medicines.length > 0 && <Card><h2>{t("Tất cả đơn thuốc")}</h2><ul className="list">{medicines.map((one, i) => <MedicineOf key={i} medicine={one} />)}</ul></Card>}
              {!medicines.length && <Empty icon="pill" title={t("Chưa có đơn thuốc nào")}><p>{t("Thuốc bác sĩ kê hiện ở đây, kèm giờ uống trong ngày.")}</p></Empty>}
            </div>
          );
        }}
      </Loaded>
    </Screen>
  );
}
