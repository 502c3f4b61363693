// BHYT while booking: the card is checked at once, in plain words; nobody waits for the portal.
import { useEffect, useState } from "react";
import { Offline, Problem, told } from "../api";
import { useApp } from "../app";
import type { Insurance } from "../contract";
import { Refused } from "../host";
import { Button, Card, Field, Notice, Pill } from "../parts/basic";
import { date, t } from "../words";

/** While the portal thinks it is looked again so often, so many times. */
const AGAIN_MS = 1500, TIMES = 8;
const TONES = { good: "ok", bad: "bad", unknown: "warn", none: "", asking: "" } as const;

/** What the portal says of the card of the open record; another number may be typed or scanned. */
export function InsuranceCheck(): React.JSX.Element {
  const app = useApp();
  const [said, setSaid] = useState<Insurance | null>(null);
  const [card, setCard] = useState("");
  const [wrong, setWrong] = useState("");
  const [looks, setLooks] = useState(0);

  async function ask(number: string): Promise<void> {
    setWrong("");
    try {
      setLooks(0);
      setSaid(await app.api.post<Insurance>("/app/insurance", { card: number }));
    } catch (trouble) {
      if (trouble instanceof Problem) setWrong(told(trouble));
      else if (trouble instanceof Offline) setWrong(t("Không có mạng: thẻ sẽ được tra ở quầy tiếp đón."));
      else throw trouble;
    }
  }
  useEffect(() => void ask(""), [app]);
  useEffect(() => {
    if (said?.state !== "asking" || looks >= TIMES) return;
    const waiting = setTimeout(() => {
      setLooks(looks + 1);
      void app.api.get<Insurance>("/app/insurance").then(setSaid, () => undefined);
    }, AGAIN_MS);
    return () => clearTimeout(waiting);
  }, [app, said, looks]);

  async function scan(): Promise<void> {
    try {
      await ask(await app.host.scan!());
    } catch (trouble) {
      if (!(trouble instanceof Refused)) throw trouble;
      setWrong(t("Chưa quét được mã. Nhập số thẻ."));
    }
  }
  const late = said?.state === "asking" && looks >= TIMES;
  return (
    <Card className="insurance">
      <div aria-live="polite" className="stack">
        {said && <p><Pill tone={TONES[said.state]}>{late ? t("Cổng BHYT chưa trả lời; vẫn đặt được") : said.text}</Pill>{said.card && <span className="mute block">{said.card}</span>}</p>}
        {said?.state === "good" && (
          <dl>
            {said.until && <div><dt>{t("Còn hạn đến")}</dt><dd>{date(said.until)}</dd></div>}
            {said.percent !== null && <div><dt>{t("Mức hưởng")}</dt><dd>{said.percent} %</dd></div>}
          </dl>
        )}
        {said?.lineText && <p>{said.lineText}</p>}
        {wrong && <Notice tone="bad">{wrong}</Notice>}
      </div>
      {said && said.state !== "good" && said.state !== "asking" && (
        <>
          <Field label={t("Số thẻ BHYT hoặc số căn cước")} hint={t("15 ký tự trên thẻ, hoặc 10 số cuối")} value={card} onChange={(event) => setCard(event.target.value)} autoCapitalize="characters" />
          <div className="pair">
            <Button type="button" disabled={!card.trim()} onClick={() => void ask(card)}>{t("Tra thẻ")}</Button>
            {app.host.scan && <Button type="button" kind="quiet" onClick={() => void scan()}>{t("Quét VssID, căn cước")}</Button>}
          </div>
        </>
      )}
    </Card>
  );
}
