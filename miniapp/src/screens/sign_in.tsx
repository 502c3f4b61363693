// Signing in: which hospital, then Zalo or a code to the telephone, then the birth date that only she knows.
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { Offline, Problem, told } from "../api";
import { useApp, useFresh } from "../app";
import type { Place, SignIn as Came } from "../contract";
import { Refused } from "../host";
import { Button, Card, Field, Foot, Loaded, Notice, Screen } from "../parts/basic";
import { Icon } from "../parts/icon";
import { useWay } from "../router";
import { t } from "../words";

type Asks = "place" | "phone" | "code" | "birthDate" | "name" | "guardian" | "link";

export function SignIn(): React.JSX.Element {
  const app = useApp();
  const { query } = useWay();
  const link = query.get("lien-ket") ?? "";
  const [place, setPlace] = useState<Place | null>(() => remembered(app.host.kept("place")));
  const [asks, setAsks] = useState<Asks>(link ? "link" : place ? "phone" : "place");
  const [given, setGiven] = useState({ phone: "", code: "", birth: "", name: "" });
  const [step, setStep] = useState("");
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<{ where: string; text: string } | null>(null);

  const put = (name: keyof typeof given) => (event: React.ChangeEvent<HTMLInputElement>) => setGiven({ ...given, [name]: event.target.value });
  const facility = place?.code ?? "";
  const ways = useFresh<{ codes: boolean; zalo: boolean }>("/app/facilities?q=", false);
  const byZalo = app.host.proof !== null && ways.value?.zalo !== false;
  const byCode = ways.value?.codes !== false;

  /** What the program answered: in, or what it asks next. */
  async function onward(came: Came): Promise<void> {
    setStep(came.step || step);
    if (came.token) await app.enter(came);
    else if (came.asks === "phoneToken") await zalo(await app.host.proof!.phone());
    else if (came.asks) setAsks(came.asks);
  }

  async function ask(run: () => Promise<void>): Promise<void> {
    setBusy(true);
    setWrong(null);
    try {
      await run();
    } catch (trouble) {
      if (trouble instanceof Refused) setWrong({ where: "", text: t("Bạn chưa đồng ý cho Zalo gửi số điện thoại. Có thể đăng nhập bằng mã gửi về điện thoại.") });
      else if (trouble instanceof Offline) setWrong({ where: "", text: t("Không có mạng. Kiểm tra kết nối rồi thử lại.") });
      else if (trouble instanceof Problem) {
        setWrong({ where: trouble.where, text: told(trouble) });
        if (trouble.where === "step") setAsks("phone");
      } else throw trouble;
    } finally {
      setBusy(false);
    }
  }

  const send = (path: string, body: unknown) => (event?: FormEvent) => {
    event?.preventDefault();
    void ask(async () => onward(await app.api.post<Came>(path, body)));
  };
  const zalo = async (phoneToken: string): Promise<void> =>
    onward(await app.api.post<Came>("/app/session/zalo", { facility, accessToken: await app.host.proof!.access(), phoneToken }));
  const at = (where: string) => (wrong?.where === where ? wrong.text : undefined);
  const birthDate = iso(given.birth);
  const other = wrong && !["phone", "code", "birthDate", "name", "link"].includes(wrong.where) && <Notice tone="bad">{wrong.text}</Notice>;

  if (asks === "place")
    return <Choosing onChoose={(one) => (app.host.keep("place", JSON.stringify(one)), setPlace(one), setAsks("phone"))} />;
  if (asks === "guardian")
    return (
      <Screen title={t("Hồ sơ của người dưới 15 tuổi")}>
        <Card><p>{t("Cha, mẹ hoặc người giám hộ mở hồ sơ này bằng số điện thoại và ngày sinh của chính mình. Nhờ quầy tiếp đón ghi người giám hộ, mang theo giấy khai sinh.")}</p></Card>
        <Foot><Button kind="primary" onClick={() => setAsks("phone")}>{t("Quay lại")}</Button></Foot>
      </Screen>
    );
  if (asks === "link")
    return (
      <Step title={t("Mở hồ sơ bằng liên kết")} lead={t("Nhập ngày sinh của người có hồ sơ.")} busy={busy} does={t("Mở hồ sơ")} onSubmit={send("/app/session/link", { link, birthDate })}>
        {other}
        <Birth value={given.birth} onChange={put("birth")} wrong={at("birthDate") ?? at("link")} />
      </Step>
    );
  if (asks === "code")
    return (
      <Step title={t("Nhập mã")} lead={t("Nếu số {phone} có ở bệnh viện, mã gồm 6 chữ số đã được gửi. Mã dùng một lần trong 5 phút.", { phone: given.phone })} busy={busy} does={t("Tiếp tục")} onSubmit={send("/app/session/code", { step, code: given.code })}>
        {other}
        <Field label={t("Mã gồm 6 chữ số")} wrong={at("code")} value={given.code} onChange={put("code")} inputMode="numeric" autoComplete="one-time-code" required autoFocus className="code" maxLength={8} />
        <Button kind="quiet" onClick={() => setAsks("phone")}>{t("Không nhận được mã? Gửi lại hoặc đổi số")}</Button>
      </Step>
    );
  if (asks === "birthDate" || asks === "name")
    return (
      <Step title={t("Xác nhận là bạn")} lead={t("Số điện thoại có thể dùng chung trong nhà, nên cần biết hồ sơ nào là của bạn.")} busy={busy} does={t("Mở hồ sơ")} onSubmit={send("/app/session/facts", { step, birthDate, name: given.name })}>
        {other}
        <Birth value={given.birth} onChange={put("birth")} wrong={at("birthDate")} />
        {asks === "name" && <Field label={t("Họ và tên")} hint={t("nhiều người của số này sinh cùng ngày")} wrong={at("name")} value={given.name} onChange={put("name")} autoComplete="name" required />}
      </Step>
    );
  return (
    <Step title={t("Đăng nhập")} lead={t("Số thứ tự, kết quả, đơn thuốc của bạn và người nhà, trên điện thoại này.")} busy={busy} does={t("Gửi mã")} secondary={byZalo} without={!byCode} onSubmit={send("/app/session/phone", { facility, phone: given.phone })}>
      <button type="button" className="card way" onClick={() => setAsks("place")}>
        <span className="disc"><Icon name="hospital" /></span>
        <span className="fill"><b>{place?.name}</b><span className="mute block">{t("Đổi bệnh viện")}</span></span>
        <Icon name="next" />
      </button>
      {other}
      {byZalo && (
        <Card>
          <p>{t("Zalo cho biết số điện thoại của bạn, để tìm hồ sơ ở bệnh viện. Không thông tin sức khoẻ nào được gửi cho Zalo.")}</p>
          <Button kind="primary" busy={busy} onClick={() => void ask(() => zalo(""))}>{t("Tiếp tục với Zalo")}</Button>
        </Card>
      )}
      {byZalo && byCode && <p className="or">{t("hoặc")}</p>}
      {!byZalo && !byCode && <Notice>{t("Bệnh viện này chưa gửi mã về điện thoại. Quét mã QR mà quầy tiếp đón đưa, rồi nhập ngày sinh.")}</Notice>}
      {byCode && <Field label={t("Số điện thoại")} hint={t("số đã cho bệnh viện; mã sẽ được gửi tới số này")} wrong={at("phone")} type="tel" inputMode="tel" autoComplete="tel" value={given.phone} onChange={put("phone")} required />}
    </Step>
  );
}

/** One question with its button at the thumb. */
function Step({ title, lead, does, busy, secondary, without, onSubmit, children }: { title: string; lead: string; does: string; busy: boolean; secondary?: boolean; without?: boolean; onSubmit: (event: FormEvent) => void; children: ReactNode }): React.JSX.Element {
  return (
    <Screen title={title} lead={lead}>
      <form onSubmit={onSubmit} noValidate>
        {children}
        {!without && <Foot><Button type="submit" kind={secondary ? "" : "primary"} busy={busy}>{does}</Button></Foot>}
      </form>
    </Screen>
  );
}

export function Birth(props: { value: string; wrong?: string; onChange: (event: React.ChangeEvent<HTMLInputElement>) => void }): React.JSX.Element {
  return <Field label={t("Ngày sinh")} hint={t("ngày/tháng/năm, ví dụ 03/02/1956")} inputMode="numeric" autoComplete="bday" placeholder="dd/mm/yyyy" required {...props} />;
}

/** "3/2/1956" or "03021956" as the program reads it; what is no date is sent as it is, and refused there. */
export function iso(text: string): string {
  const [day, month, year] = /^\d{8}$/.test(text.trim()) ? [text.slice(0, 2), text.slice(2, 4), text.slice(4)] : text.trim().split(/[/.\- ]+/);
  return year && month && day ? `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}` : text;
}

/** Which hospital: a few letters without accents find it. */
export function Choosing({ onChoose }: { onChoose: (place: Place) => void }): React.JSX.Element {
  const [q, setQ] = useState("");
  const [asked, setAsked] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setAsked(q), 250);
    return () => clearTimeout(timer);
  }, [q]);
  const found = useFresh<{ facilities: Place[] }>(`/app/facilities?q=${encodeURIComponent(asked)}`, false);
  const last = useRef(found.value);
  last.current = found.value ?? last.current; // what was found stays until something else is
  return (
    <Screen title={t("Bệnh viện của bạn")} lead={t("Chọn nơi bạn đã khám hoặc sắp khám.")}>
      <Field label={t("Tìm bệnh viện")} type="search" value={q} onChange={(event) => setQ(event.target.value)} placeholder="song hong" />
      <Loaded of={{ ...found, value: last.current }}>
        {({ facilities }) => (
          <div className="stack">
            {facilities.map((one) => (
              <button type="button" key={one.code} className="card way" onClick={() => onChoose(one)}>
                <span className="disc"><Icon name="hospital" /></span><b className="fill">{one.name}</b><Icon name="next" />
              </button>
            ))}
            {!facilities.length && <p className="mute">{t("Không tìm thấy bệnh viện nào. Thử ít chữ hơn, không cần dấu.")}</p>}
          </div>
        )}
      </Loaded>
    </Screen>
  );
}

/** The hospital chosen last time. */
export function remembered(kept: string | null): Place | null {
  return kept ? (JSON.parse(kept) as Place) : null;
}
