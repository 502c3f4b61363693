// Mang hồ sơ đi: everything as files, and showing the record to a doctor elsewhere by a QR that ends.
import { useEffect, useState } from "react";
import { Offline, Problem } from "../api";
import { useApp, useFresh } from "../app";
import type { Copy, Opens, Share } from "../contract";
import { Button, Card, Choice, Loaded, Notice, Pill, Qr, Screen, Trouble } from "../parts/basic";
import { Icon } from "../parts/icon";
import { useFiles } from "../parts/papers";
import { useWay } from "../router";
import { date, t, time, type Words } from "../words";

const LOOK_AGAIN = 2_000;

export function Copies(): React.JSX.Element {
  const app = useApp();
  const found = useFresh<{ copies: Copy[] }>("/app/copies", false);
  const { open, busy, trouble } = useFiles();
  const [wrong, setWrong] = useState<Problem | null>(null);
  const made = found.value?.copies ?? [];
  const going = made.some((one) => one.state === "waiting" || one.state === "working");
  useEffect(() => {
    if (!going) return;
    const timer = setInterval(() => void found.again(), LOOK_AGAIN);
    return () => clearInterval(timer);
  }, [going, found.again]);
  async function begin(): Promise<void> {
    setWrong(null);
    try {
      await app.api.post("/app/copies", {});
      await found.again();
    } catch (error) {
      setWrong(error instanceof Problem ? error : new Problem(0, "", t("Không có mạng. Kiểm tra kết nối rồi thử lại."), "", ""));
    }
  }
  return (
    <Screen title={t("Tải toàn bộ hồ sơ")} lead={t("Mọi thứ bệnh viện này giữ về bạn mà luật cho bạn xem.")} back="/ho-so">
      <Trouble of={wrong ?? trouble} />
      <Loaded of={found}>
        {({ copies }) => (
          <div className="stack">
            {copies.map((one) => (
              <Card key={one.id} className="stack">
                <div className="row"><b>{t("Bản sao {at} {day}", { at: time(one.made), day: date(one.made) })}</b><Pill tone={one.state === "done" ? "ok" : one.state === "failed" ? "bad" : ""}>{t(STATES[one.state])}</Pill></div>
                {(one.state === "waiting" || one.state === "working") && <progress max={Math.max(one.total, 1)} value={one.seen} aria-label={t("Đang tạo")} />}
                {one.state === "done" && (
                  <>
                    <Button kind="primary" busy={busy === `/app/copies/${one.id}/paper`} onClick={() => open(`/app/copies/${one.id}/paper`)}><Icon name="file" />{t("Lịch sử khám (PDF)")}</Button>
                    <Button busy={busy === `/app/copies/${one.id}/bundle`} onClick={() => open(`/app/copies/${one.id}/bundle`)}><Icon name="file" />{t("Dữ liệu (FHIR)")}</Button>
                    <p className="mute">{t("Tải được đến {at} {day}.", { at: time(one.ends), day: date(one.ends) })}</p>
                  </>
                )}
                {one.state === "failed" && <p>{t("Không tạo được. Thử lại; nếu vẫn vậy, hỏi bệnh viện.")}</p>}
              </Card>
            ))}
            {!going && <Button kind={copies.length ? "" : "primary"} onClick={() => void begin()}>{copies.length ? t("Tạo bản mới") : t("Tạo bản sao")}</Button>}
            <Notice>{t("Tệp tải về nằm trên máy bạn, không còn khoá. Ai cầm máy đọc được.")}</Notice>
          </div>
        )}
      </Loaded>
    </Screen>
  );
}

const STATES: Record<Copy["state"], Words> = { waiting: "đang chờ", working: "đang tạo", done: "xong", failed: "không được" };

interface Listed { shares: Share[]; minutes: number[] }

export function Shares(): React.JSX.Element {
  const app = useApp();
  const { query } = useWay();
  const visit = query.get("luot") ?? "";
  const found = useFresh<Listed>("/app/shares", false);
  const record = app.me?.record?.key ?? "";
  const [mine, setMine] = useState<Record<string, Opens>>({});
  const shares = found.value?.shares;
  useEffect(() => {
    const open = shares?.filter((one) => one.state === "open") ?? [];
    void Promise.all(open.map((one) => app.vault.get<Opens>(`${record} share ${one.id}`))).then((kept) =>
      setMine((known) => ({ ...known, ...Object.fromEntries(kept.flatMap((one) => (one ? [[one.value.id, one.value]] : []))) })),
    );
  }, [app, record, shares]);
  async function made(opens: Opens): Promise<void> {
    await app.vault.put(`${record} share ${opens.id}`, opens);
    setMine((known) => ({ ...known, [opens.id]: opens }));
    await found.again();
  }
  return (
    <Screen title={t("Cho bác sĩ nơi khác xem")} lead={t("Bác sĩ quét mã rồi nhập 6 chữ số bạn đọc. Chỉ xem, không sửa được.")} back={visit ? `/ho-so/luot-kham/${visit}` : "/ho-so"}>
      <Loaded of={found}>
        {(all) => {
          const open = all.shares.filter((one) => one.state === "open");
          const over = all.shares.filter((one) => one.state !== "open");
          return (
            <div className="stack">
              {open.map((one) => <OpenShare key={one.id} share={one} opens={mine[one.id]} again={found.again} />)}
              <NewShare visit={visit} minutes={all.minutes} made={made} first={!open.length} />
              {over.length > 0 && (
                <Card>
                  <h2>{t("Đã kết thúc")}</h2>
                  <ul className="list">
                    {over.map((one) => <li key={one.id}><b>{date(one.made)} {time(one.made)}</b> · {t(ENDS[one.state])}{one.readers.length > 0 && <span className="mute block">{t("đã mở: {who}", { who: one.readers.join("; ") })}</span>}</li>)}
                  </ul>
                </Card>
              )}
            </div>
          );
        }}
      </Loaded>
    </Screen>
  );
}

const ENDS: Record<Share["state"], Words> = {
  open: "đang mở", ended: "bạn đã kết thúc", over: "hết hạn", guessed: "đóng vì nhập sai mã 5 lần", relation: "hết quyền thay mặt",
};

function OpenShare({ share, opens, again }: { share: Share; opens?: Opens; again: () => Promise<void> }): React.JSX.Element {
  const app = useApp();
  const [lost, setLost] = useState(false);
  async function end(): Promise<void> {
    try {
      await app.api.post(`/app/shares/${share.id}/end`, {});
      await again();
    } catch (error) {
      if (!(error instanceof Problem) && !(error instanceof Offline)) throw error;
      setLost(true);
    }
  }
  return (
    <Card className="stack share">
      <div className="row"><b>{share.visit ? t("Một lượt khám") : t("Cả hồ sơ")}</b><Pill tone="ok">{t("đến {at} {day}", { at: time(share.ends), day: date(share.ends) })}</Pill></div>
      {opens ? (
        <>
          <Qr code={opens.qr} label={t("Mã QR để bác sĩ quét")} />
          <p className="code"><span className="mute block">{t("Mã đọc cho bác sĩ")}</span><b>{opens.code.slice(0, 3)} {opens.code.slice(3)}</b></p>
        </>
      ) : <p className="mute">{t("Mã chỉ hiện trên máy đã tạo. Mất thì kết thúc rồi tạo lại.")}</p>}
      {share.labelled && <p className="mute">{t("Gồm cả những bản ghi nhạy cảm.")}</p>}
      <p>{share.readers.length ? t("đã mở: {who}", { who: share.readers.join("; ") }) : t("Chưa ai mở.")}</p>
      {lost && <Notice tone="bad">{t("Chưa kết thúc được: không có mạng. Thử lại.")}</Notice>}
      <Button kind="danger" onClick={() => void end()}>{t("Kết thúc ngay")}</Button>
    </Card>
  );
}

function NewShare({ visit, minutes, made, first }: { visit: string; minutes: number[]; made: (opens: Opens) => Promise<void>; first: boolean }): React.JSX.Element {
  const app = useApp();
  const [what, setWhat] = useState(visit);
  const [long, setLong] = useState("60");
  const [labelled, setLabelled] = useState(false);
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<Problem | null>(null);
  async function send(): Promise<void> {
    setBusy(true);
    setWrong(null);
    try {
      await made(await app.api.post<Opens>("/app/shares", { visit: what, minutes: long, labelled }));
    } catch (error) {
      setWrong(error instanceof Problem ? error : new Problem(0, "", t("Không mở được. Cần có mạng; thử lại."), "", ""));
    } finally {
      setBusy(false);
    }
  }
  return (
    <Card className="stack">
      <h2>{first ? t("Chia sẻ") : t("Chia sẻ thêm")}</h2>
      <Trouble of={wrong} />
      {visit && <Choice legend={t("Cho xem gì")} name="what" value={what} className="pills" onChange={setWhat} options={[{ value: visit, label: t("Một lượt khám") }, { value: "", label: t("Cả hồ sơ") }]} />}
      <Choice legend={t("Trong bao lâu")} name="long" value={long} className="pills" onChange={setLong} options={minutes.map((one) => ({ value: String(one), label: lasting(one) }))} />
      <label className="switch"><span><b>{t("Cả bản ghi nhạy cảm")}</b><span className="mute block">{t("HIV, tâm thần, … nếu có.")}</span></span><input type="checkbox" role="switch" checked={labelled} onChange={(event) => setLabelled(event.target.checked)} /></label>
      <p className="mute">{t("Dị ứng luôn được cho xem cùng.")}</p>
      <Button kind="primary" busy={busy} onClick={() => void send()}><Icon name="share" />{t("Tạo mã QR")}</Button>
    </Card>
  );
}

function lasting(minutes: number): string {
  if (minutes < 60) return t("{n} phút", { n: minutes });
  return minutes < 1440 ? t("{n} giờ", { n: minutes / 60 }) : t("{n} ngày", { n: minutes / 1440 });
}
