// Whose record: her own at each hospital, and those of whom she acts for.
import { useState } from "react";
import { Problem } from "../api";
import { useApp, useFresh } from "../app";
import type { RecordLine } from "../contract";
import { Button, Card, Empty, Loaded, Notice, Pill, Screen, Trouble } from "../parts/basic";
import { Icon } from "../parts/icon";
import { useWay } from "../router";
import { date, t } from "../words";

export function Whose(): React.JSX.Element {
  const app = useApp();
  const { go, path } = useWay();
  const list = useFresh<{ records: RecordLine[] }>("/app/records");
  const [busy, setBusy] = useState("");
  const [trouble, setTrouble] = useState<Problem | null>(null);

  async function run(key: string, act: () => Promise<unknown>): Promise<void> {
    setBusy(key);
    setTrouble(null);
    try {
      await act();
    } catch (error) {
      if (error instanceof Problem) setTrouble(error);
    } finally {
      setBusy("");
    }
  }
  const open = (key: string) => run(key, async () => (await app.open(key), go(path === "/chon" ? "/" : path + location.search, true)));

  return (
    <Screen title={t("Hồ sơ của ai?")} lead={t("Của bạn, và của người nhà mà bạn thay mặt.")}>
      <Trouble of={trouble} />
      <Loaded of={list}>
        {({ records }) => (
          <ul className="stack list">
            {records.map((one) => (
              <li key={one.key}>
                {one.accepted ? (
                  <button type="button" className="card way" disabled={busy !== ""} aria-busy={busy === one.key} aria-current={one.current ? "true" : undefined} onClick={() => void open(one.key)}>
                    <span className={`disc ${one.relation ? "other" : ""}`}><Icon name={one.relation ? "people" : "me"} /></span>
                    <span className="fill">
                      <b>{one.relation ? one.name : t("Tôi · {name}", { name: one.name })}</b>
                      <span className="mute block">{[one.facility.name, one.relationName].filter(Boolean).join(" · ")}</span>
                      {one.endsSoon && one.ends && <Pill tone="warn">{t("quyền thay mặt hết ngày {day}", { day: date(one.ends) })}</Pill>}
                    </span>
                    {one.key === app.me?.record?.key ? <Pill tone="ok">{t("đang mở")}</Pill> : <Icon name="next" />}
                  </button>
                ) : (
                  <Card>
                    <b>{one.name}</b>
                    <p className="mute">{[one.facility.name, one.relationName].filter(Boolean).join(" · ")}</p>
                    <p>{t("Nhờ bạn thay mặt. Chưa mở gì trước khi bạn nhận lời.")}</p>
                    <div className="pair">
                      <Button onClick={() => void run(one.key, async () => (await app.api.post("/app/records/leave", { key: one.key }), list.again()))}>{t("Từ chối")}</Button>
                      <Button kind="primary" busy={busy === one.key} onClick={() => void run(one.key, async () => (await app.api.post("/app/records/accept", { key: one.key }), list.again()))}>{t("Nhận lời")}</Button>
                    </div>
                  </Card>
                )}
              </li>
            ))}
            {!records.length && <li><Empty icon="people" title={t("Chưa có hồ sơ nào")}><p>{t("Hồ sơ hiện ở đây sau lần khám đầu tiên, hoặc khi người nhà nhờ bạn thay mặt.")}</p></Empty></li>}
          </ul>
        )}
      </Loaded>
      <Notice icon="people">
        <b>{t("Thêm cha, mẹ, con")}</b><br />
        {t("Cha mẹ tự ghi tên bạn ở mục “Ai thay mặt tôi?” trong máy của mình. Với con nhỏ, nhờ quầy tiếp đón ghi người giám hộ, mang theo giấy khai sinh. Không ai được thêm chỉ bằng số điện thoại.")}
      </Notice>
    </Screen>
  );
}
