// Parts of a record as they look on every screen: a value, a finding, a medicine.
import { useEffect, useState } from "react";
import { useApp } from "../app";
import type { Curve, Finding, Medicine } from "../contract";
import { Link } from "../router";
import { date, t, time, today } from "../words";
import { Card, Pill } from "./basic";
import { CurveOf } from "./curve";

/** Something measured, with its course; leads to all its values. */
export function Measured({ curve, to }: { curve: Curve; to?: string }): React.JSX.Element {
  const { last } = curve;
  return (
    <Card className={`measured ${last.tone === "ok" ? "" : last.tone}`}>
      <div className="row">
        <h3>{to ? <Link to={to} className="plain">{last.name}</Link> : last.name}</h3>
        {last.plain && <Pill tone={last.tone}>{last.plain}</Pill>}
      </div>
      <p className="value"><b>{last.value}</b> {last.unit}</p>
      <CurveOf curve={curve} />
      <p className="mute">
        {date(last.when)}
        {last.range && ` · ${t("bình thường {range}", { range: last.range })}`}
        {curve.values.length > 1 && ` · ${t("{n} lần đo", { n: curve.values.length })}`}
      </p>
    </Card>
  );
}

export function FindingOf({ finding }: { finding: Finding }): React.JSX.Element {
  return (
    <Card>
      <h3>{finding.name}</h3>
      {finding.conclusion && <p className="strong">{finding.conclusion}</p>}
      {finding.text && <p className="lines">{finding.text}</p>}
      {finding.pictures?.map((one) => <Picture key={one} id={one} of={finding.name} />)}
      {finding.pictures?.length > 0 && <p className="mute">{t("Ảnh xem nhanh. Trình xem ảnh đầy đủ đến cùng khoa chẩn đoán hình ảnh.")}</p>}
      {finding.when && <p className="mute">{date(finding.when)} {time(finding.when)}</p>}
    </Card>
  );
}

/** A picture of a report: asked for with her session, never by an address that others could open. */
function Picture({ id, of }: { id: string; of: string }): React.JSX.Element {
  const app = useApp();
  const [shown, setShown] = useState<string | null>(null);
  const [lost, setLost] = useState(false);
  useEffect(() => {
    let address = "";
    let gone = false;
    void app.api
      .send("GET", `/app/pictures/${encodeURIComponent(id)}`)
      .then(async (answer) => {
        if (!answer.ok) throw new Error(String(answer.status));
        const body = await answer.blob();
        if (gone) return;
        setShown((address = URL.createObjectURL(body)));
      })
      .catch(() => setLost(true));
    return () => {
      gone = true;
      if (address) URL.revokeObjectURL(address);
    };
  }, [app, id]);
  if (lost) return <p className="mute">{t("Chưa mở được ảnh này.")}</p>;
  return shown ? <img className="picture" src={shown} alt={t("Ảnh của {name}", { name: of })} /> : <p className="mute">{t("Đang tải")}</p>;
}

const TIMES = ["MORN", "NOON", "AFT", "NIGHT"];

/** A medicine with its times of the day. */
export function MedicineOf({ medicine }: { medicine: Medicine }): React.JSX.Element {
  const doses = [...medicine.doses].sort((a, b) => TIMES.indexOf(a.time) - TIMES.indexOf(b.time));
  return (
    <li className="medicine">
      <div className="row">
        <h3>{medicine.title}</h3>
        {medicine.running ? <Pill tone="ok">{t("đang dùng")}</Pill> : medicine.until && <Pill>{t("đã hết đợt")}</Pill>}
      </div>
      {doses.length > 0 && (
        <dl className="doses">
          {doses.map((one) => <div key={one.time}><dt>{one.name}</dt><dd>{one.dose}</dd></div>)}
        </dl>
      )}
      {medicine.directions && <p>{medicine.directions}</p>}
      <p className="mute">
        {[medicine.asNeeded && t("khi cần"), medicine.note, medicine.quantity, medicine.days > 0 && t("{n} ngày", { n: medicine.days }), medicine.until && (medicine.running ? t("đến {day}", { day: date(medicine.until) }) : t("hết ngày {day}", { day: date(medicine.until) }))].filter(Boolean).join(" · ")}
      </p>
    </li>
  );
}

export interface Hour { time: string; name: string; take: { title: string; dose: string; note: string }[] }

/** Today by its times: what to take in the morning, at noon, in the afternoon, at night. */
export function schedule(medicines: Medicine[]): Hour[] {
  const running = medicines.filter((one) => one.running && !one.asNeeded && (!one.until || one.until >= today()));
  return TIMES.flatMap((at) => {
    const take = running.flatMap((one) => one.doses.filter((dose) => dose.time === at).map((dose) => ({ title: one.title, dose: dose.dose, note: one.note, name: dose.name })));
    return take.length ? [{ time: at, name: take[0]!.name, take }] : [];
  });
}
