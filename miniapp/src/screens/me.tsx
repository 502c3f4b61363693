// Của tôi: who opened the record, consents, who acts for me, devices; and how the app looks and speaks.
import { type FormEvent, useState } from "react";
import { Problem, told } from "../api";
import { useApp, useFresh } from "../app";
import type { Consents, Openings, Relative, Session } from "../contract";
import { dress, LOOKS } from "../looks";
import { Button, Card, Choice, Empty, Field, Loaded, Notice, Pill, Screen, Trouble, Way } from "../parts/basic";
import { Icon } from "../parts/icon";
import { useUndo } from "../parts/shell";
import { Link } from "../router";
import { Birth, iso } from "./sign_in";
import { date, dayOf, type Language, speak, spoken, t, time, type Words } from "../words";

const NAMES: Record<string, Words> = { auto: "Theo máy", light: "Sáng", dark: "Tối", normal: "Vừa", large: "Lớn" };

export function Mine(): React.JSX.Element {
  const app = useApp();
  const { me, host } = app;
  const own = me?.record && !me.record.relation;
  const look = (name: keyof typeof LOOKS) => (value: string) => (host.keep(name, value), dress(host), app.tell());
  const options = (name: keyof typeof LOOKS) => LOOKS[name].map((value) => ({ value, label: t(NAMES[value]!) }));
  const say = (language: Language) => void speak(language).then(() => (host.keep("language", language), app.tell()));
  return (
    <Screen title={t("Của tôi")} quiet>
      {me?.record && me.record.relation !== "named" && <Way to="/toi/ai-da-mo" icon="eye" title={t("Ai đã mở hồ sơ?")} note={t("Mỗi lần mở đều được ghi: ai, lúc nào, vì sao.")} />}
      {own && <Way to="/toi/dong-y" icon="shield" title={t("Đồng ý của tôi")} note={t("Hồ sơ được dùng vào việc gì ngoài chữa bệnh.")} />}
      {own && <Way to="/toi/nguoi-than" icon="people" title={t("Ai thay mặt tôi?")} note={t("Người nhà được xem hồ sơ của bạn.")} />}
      {me?.record?.parts.includes("chart") && <Way to="/toi/hoi-bac-si" icon="doctor" title={t("Hỏi bác sĩ")} note={t("Câu hỏi kèm ảnh; bác sĩ trả lời trong giờ đã đăng ký.")} />}
      <Way to="/toi/benh-vien" icon="hospital" title={t("Về bệnh viện")} note={t("Tin mới, giờ mở cửa, bác sĩ, giá, đường đi.")} />
      {me?.record && <Way to="/toi/gop-y" icon="pen" title={t("Góp ý")} note={t("Khen, phàn nàn, đề nghị; và câu trả lời.")} />}
      {me?.person && <Way to="/toi/thiet-bi" icon="device" title={t("Thiết bị đang đăng nhập")} note={t("Mất máy? Đăng xuất máy đó ở đây.")} />}
      {!me && <Empty icon="me" title={t("Chưa đăng nhập")}><p>{t("Đăng nhập để xem hồ sơ, kết quả và số thứ tự.")}</p><Link className="button primary" to="/">{t("Đăng nhập")}</Link></Empty>}
      <Card>
        <h2>{t("Hiển thị")}</h2>
        <Choice legend={t("Ngôn ngữ")} name="language" value={spoken()} className="pills" onChange={say} options={[{ value: "vi", label: "Tiếng Việt" }, { value: "en", label: "English" }]} />
        <Choice legend={t("Cỡ chữ")} name="size" value={host.kept("size") ?? "normal"} className="pills" onChange={look("size")} options={options("size")} />
        <Choice legend={t("Nền")} name="theme" value={host.kept("theme") ?? "auto"} className="pills" onChange={look("theme")} options={options("theme")} />
      </Card>
      {me && <Button kind="danger" onClick={() => void app.leave(true)}><Icon name="out" />{t("Đăng xuất và xoá dữ liệu trên máy này")}</Button>}
    </Screen>
  );
}

export function Opened(): React.JSX.Element {
  const found = useFresh<Openings>("/app/openings");
  return (
    <Screen title={t("Ai đã mở hồ sơ?")} lead={t("Có tên lạ, hoặc lúc bạn không đi khám: hỏi bệnh viện.")} back="/toi">
      <Loaded of={found}>
        {({ openings, emergencies, wrongDates }) => (
          <div className="stack">
            {wrongDates > 0 && <Notice tone="warn">{t("{n} lần có người mở liên kết của bạn mà nhập sai ngày sinh.", { n: wrongDates })}</Notice>}
            {emergencies.map((one, i) => <Notice key={i} tone="warn"><b>{one.name}</b> · {one.role}<br />{t("mở khẩn cấp {at} {day}", { at: time(one.began), day: date(one.began) })}<br />{one.reason}{one.justified === null ? ` · ${t("đang chờ xét")}` : one.justified ? ` · ${t("đã xét: có lý do chính đáng")}` : ` · ${t("đã xét: không chính đáng; bạn có quyền khiếu nại")}`}</Notice>)}
            <ol className="stack list">
              {openings.map((one, i) => (
                <li key={i} className="card opening">
                  <span className="disc"><Icon name={one.wrote ? "pen" : "eye"} /></span>
                  <div>
                    <b>{one.name}</b><span className="mute block">{one.role}</span>
                    <p>{date(one.first)}, {time(one.first)}{time(one.first) !== time(one.last) && `–${time(one.last)}`}</p>
                    <p className="mute">{[one.wrote ? t("xem và ghi") : t("xem"), one.printed && t("in")].filter(Boolean).join(", ")}{one.what && `: ${one.what}`}</p>
                    {one.strange ? <Pill tone="warn">{one.why}</Pill> : <p>{t("Để {why}", { why: one.why })}</p>}
                  </div>
                </li>
              ))}
            </ol>
            {!openings.length && <Empty icon="shield" title={t("Chưa có ai mở hồ sơ của bạn")} />}
          </div>
        )}
      </Loaded>
    </Screen>
  );
}

export function ConsentsScreen(): React.JSX.Element {
  const app = useApp();
  const undo = useUndo();
  const found = useFresh<Consents>("/app/consents");
  const [going, setGoing] = useState("");
  const [trouble, setTrouble] = useState<Problem | null>(null);
  const act = (path: string, body: unknown, label: string) =>
    void app.outbox
      .act(path, body, label)
      .then(found.again, (error: unknown) => (error instanceof Problem ? setTrouble(error) : Promise.reject(error)))
      .finally(() => setGoing(""));
  function give(purpose: string, sha256: string, title: string): void {
    setGoing(purpose);
    act("/app/consents", { purpose, sha256 }, t("Đồng ý: {title}", { title }));
  }
  function withdraw(purpose: string, id: string, title: string): void {
    setGoing(purpose);
    undo(t("Sẽ rút: {title}", { title }), () => act(`/app/consents/${id}/withdraw`, {}, t("Rút đồng ý: {title}", { title })), () => setGoing(""));
  }
  return (
    <Screen title={t("Đồng ý của tôi")} lead={t("Không chọn gì cũng được chữa như nhau.")} back="/toi">
      <Trouble of={trouble} />
      <Loaded of={found}>
        {({ consents, asked, alone }) => {
          const standing = consents.filter((one) => one.inForce).map((one) => ({ ...one, today: "", sha256: "" }));
          const others = asked.filter((one) => !standing.some((other) => other.purpose === one.purpose)).map((one) => ({ ...one, id: "", given: "" }));
          return (
            <div className="stack">
              {!alone && <Notice>{t("Người chưa đủ tuổi cho đồng ý cùng người đại diện, tại quầy tiếp đón.")}</Notice>}
              {[...standing, ...others].map((one) => (
                <Card key={one.id || one.purpose}>
                  <label className="switch">
                    <span><b>{one.title}</b>{one.given && <span className="mute block">{t("từ {day}", { day: date(one.given) })}</span>}</span>
                    <input type="checkbox" role="switch" checked={(one.id !== "") !== (one.purpose === going)} disabled={!alone || going !== ""} onChange={() => (one.id ? withdraw(one.purpose, one.id, one.title) : give(one.purpose, one.sha256, one.title))} />
                  </label>
                  {one.today && <p className="mute">{one.today}</p>}
                  <details><summary>{t("Đọc đầy đủ")}</summary><p className="lines">{one.text}</p></details>
                </Card>
              ))}
            </div>
          );
        }}
      </Loaded>
    </Screen>
  );
}

export function Relatives(): React.JSX.Element {
  const app = useApp();
  const undo = useUndo();
  const found = useFresh<{ relatives: Relative[] }>("/app/relatives");
  const [going, setGoing] = useState("");
  return (
    <Screen title={t("Ai thay mặt tôi?")} lead={t("Từ lúc bạn chấm dứt, người ấy không mở được gì nữa.")} back="/toi">
      <Loaded of={found}>
        {({ relatives }) => {
          const acting = relatives.filter((one) => !one.over && one.id !== going);
          return (
            <div className="stack">
              {acting.map((one) => (
                <Card key={one.id}>
                  <div className="row"><b>{one.name}</b><Pill tone={one.accepted ? "ok" : "warn"}>{one.accepted ? one.relationName : t("chưa nhận lời")}</Pill></div>
                  {one.ends && <p className="mute">{t("đến {day}", { day: date(one.ends) })}</p>}
                  <Button kind="danger" onClick={() => (setGoing(one.id), undo(t("Sẽ chấm dứt: {name}", { name: one.name }), () => void app.outbox.act("/app/relatives/end", { id: one.id }, t("Chấm dứt: {name}", { name: one.name })).then(found.again).finally(() => setGoing("")), () => setGoing("")))}>{t("Chấm dứt")}</Button>
                </Card>
              ))}
              {!acting.length && <Empty icon="people" title={t("Chưa có ai thay mặt bạn")}><p>{t("Con cái có thể xem kết quả, đặt khám giúp bạn trên máy của họ.")}</p></Empty>}
              <Naming again={found.again} />
            </div>
          );
        }}
      </Loaded>
    </Screen>
  );
}

const PARTS: Record<string, Words> = { chart: "Tất cả", visits: "Lượt khám", results: "Kết quả", medicines: "Thuốc" };

/** She names somebody, who then signs in with this telephone and birth date, and accepts. */
function Naming({ again }: { again: () => Promise<void> }): React.JSX.Element {
  const app = useApp();
  const [open, setOpen] = useState(false);
  const [given, setGiven] = useState({ name: "", phone: "", birth: "", part: "chart" });
  const [wrong, setWrong] = useState<Problem | null>(null);
  const put = (name: keyof typeof given) => (event: React.ChangeEvent<HTMLInputElement>) => setGiven({ ...given, [name]: event.target.value });
  const at = (where: string) => (wrong?.where === where ? told(wrong) : undefined);

  async function send(event: FormEvent): Promise<void> {
    event.preventDefault();
    setWrong(null);
    const body = { name: given.name, phone: given.phone, birthDate: iso(given.birth), parts: [given.part], labelled: false, ends: null };
    try {
      await app.outbox.act("/app/relatives", body, t("Nhờ {name} thay mặt", { name: given.name }));
      setOpen(false);
      await again();
    } catch (trouble) {
      if (!(trouble instanceof Problem)) throw trouble;
      setWrong(trouble);
    }
  }
  if (!open) return <Button kind="primary" onClick={() => setOpen(true)}>{t("Thêm người thay mặt")}</Button>;
  return (
    <form className="card stack" onSubmit={(event) => void send(event)} noValidate>
      <h2>{t("Thêm người thay mặt")}</h2>
      {wrong && !["name", "phone", "birthDate"].includes(wrong.where) && <Trouble of={wrong} />}
      <Field label={t("Họ và tên")} wrong={at("name")} value={given.name} onChange={put("name")} required autoFocus />
      <Field label={t("Số điện thoại")} hint={t("người ấy đăng nhập bằng số này")} wrong={at("phone")} type="tel" inputMode="tel" value={given.phone} onChange={put("phone")} required />
      <Birth value={given.birth} onChange={put("birth")} wrong={at("birthDate")} />
      <Choice legend={t("Được xem")} name="part" value={given.part} className="pills" onChange={(part) => setGiven({ ...given, part })} options={Object.entries(PARTS).map(([value, label]) => ({ value, label: t(label) }))} />
      <p className="mute">{t("Quyền này hết sau một năm; bạn chấm dứt được bất cứ lúc nào.")}</p>
      <Button type="submit" kind="primary">{t("Nhờ người này")}</Button>
    </form>
  );
}

export function Devices(): React.JSX.Element {
  const app = useApp();
  const found = useFresh<{ sessions: Session[] }>("/app/sessions", false);
  const end = async (session: string) => (await app.api.post("/app/sessions/end", { session }), found.again());
  return (
    <Screen title={t("Thiết bị đang đăng nhập")} back="/toi">
      <Loaded of={found}>
        {({ sessions }) => (
          <div className="stack">
            {sessions.map((one) => (
              <Card key={one.id}>
                <div className="row"><b>{one.device || t("Thiết bị")}</b>{one.current && <Pill tone="ok">{t("máy này")}</Pill>}</div>
                <p className="mute">{t("lần cuối {at} {day}", { at: time(one.seen), day: date(dayOf(one.seen)) })}</p>
                {!one.current && <Button kind="danger" onClick={() => void end(one.id)}>{t("Đăng xuất máy này")}</Button>}
              </Card>
            ))}
            {sessions.length > 1 && <Button kind="danger" onClick={() => void end("")}>{t("Đăng xuất mọi máy khác")}</Button>}
          </div>
        )}
      </Loaded>
    </Screen>
  );
}
