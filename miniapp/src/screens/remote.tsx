// Khám từ xa: asking to be seen by video, the answer, the waiting room with camera and microphone, the call, and what comes of it.
import { type FormEvent, useCallback, useEffect, useId, useRef, useState } from "react";
import { Call, devices, type Seated, type State } from "../../../web/call/call";
import { Problem, told } from "../api";
import { useApp, useFresh } from "../app";
import type { Consents, Remote, Remotes } from "../contract";
import { listen } from "../live";
import { Button, Card, Choice, Empty, Foot, Loaded, Notice, Pill, Screen, Trouble, Way } from "../parts/basic";
import { Call115, heard } from "../parts/emergency";
import { Icon } from "../parts/icon";
import { smaller } from "../parts/photo";
import { Link, useWay } from "../router";
import { dayOf, shortDate, t, time, when, type Words } from "../words";

const PATH = "/app/remote";
const MOST_PHOTOS = 3;
const AHEAD_DAYS = 7;
/** While the room is still shut: it opens without a word from the program. */
const LOOK = 20_000;
const PARTS: { value: string; label: Words; hour: string }[] = [
  { value: "am", label: "Buổi sáng", hour: "08:00" }, { value: "pm", label: "Buổi chiều", hour: "14:00" }, { value: "ev", label: "Buổi tối", hour: "19:00" },
];
const TONES = { requested: "warn", accepted: "ok", "in-progress": "ok", rejected: "bad", cancelled: "", completed: "" } as const;

/** Her requests, and the way to a new one. */
export function RemoteScreen(): React.JSX.Element {
  const found = useFresh<Remotes>(PATH);
  return (
    <Screen title={t("Khám từ xa")} lead={t("Gặp bác sĩ qua video, không phải đến nơi.")} back="/dat-kham">
      <Emergency />
      <Loaded of={found}>
        {({ requests, specialties }) => (
          <>
            {requests.map((one) => (
              <Way key={one.id} to={`/kham-tu-xa/${one.id}`} icon="video" title={one.start ? `${time(one.start)} ${when(dayOf(one.start))}` : one.specialty}
                note={[one.start && one.specialty, one.doctor || t("bác sĩ bất kỳ")].filter(Boolean).join(" · ")} end={<Pill tone={TONES[one.state]}>{one.stateName}</Pill>} />
            ))}
            {!specialties.length && <Empty icon="video" title={t("Bệnh viện này chưa khám từ xa")}><p>{t("Đặt khám để gặp bác sĩ tại nơi.")}</p><Link className="button" to="/dat-kham">{t("Đặt khám")}</Link></Empty>}
            {specialties.length > 0 && <Foot><Link className="button primary" to="/kham-tu-xa/moi">{t("Xin khám từ xa")}</Link></Foot>}
          </>
        )}
      </Loaded>
    </Screen>
  );
}

function Emergency(): React.JSX.Element {
  return <Notice tone="warn">{t("Khó thở, đau ngực, yếu liệt, chảy máu nhiều: gọi")} <a href="tel:115"><b>115</b></a>.</Notice>;
}

/** What she has, for whom, when; and before that her consent. */
export function AskScreen(): React.JSX.Element {
  const found = useFresh<Remotes>(PATH, false);
  return (
    <Screen title={t("Xin khám từ xa")} back="/kham-tu-xa">
      <Emergency />
      <Loaded of={found}>{(value) => (value.consented ? <Asking offered={value.specialties} emergency={value.emergency} /> : <Consenting again={found.again} />)}</Loaded>
    </Screen>
  );
}

function Consenting({ again }: { again: () => Promise<void> }): React.JSX.Element {
  const app = useApp();
  const own = app.me?.record && !app.me.record.relation;
  const found = useFresh<Consents>(own ? "/app/consents" : null, false);
  const [wrong, setWrong] = useState<Problem | null>(null);
  if (!own) return <Notice tone="warn">{t("Người được thay mặt chưa đồng ý khám từ xa. Làm việc này tại quầy tiếp đón.")}</Notice>;
  const agree = async (sha256: string): Promise<void> => {
    try {
      await app.api.post("/app/consents", { purpose: "remote", sha256 });
      await again();
    } catch (trouble) {
      if (!(trouble instanceof Problem)) throw trouble;
      setWrong(trouble);
    }
  };
  return (
    <Loaded of={found}>
      {({ asked, alone }) => {
        const one = asked.find((text) => text.purpose === "remote");
        if (!alone || !one) return <Notice tone="warn">{t("Người dưới 18 tuổi đồng ý cùng người đại diện, tại quầy tiếp đón.")}</Notice>;
        return (
          <>
            <Trouble of={wrong} />
            <Card><p className="lines">{one.text}</p></Card>
            <Foot><Button kind="primary" onClick={() => void agree(one.sha256)}>{t("Tôi đã đọc và đồng ý")}</Button></Foot>
          </>
        );
      }}
    </Loaded>
  );
}

function Asking({ offered, emergency }: { offered: Remotes["specialties"]; emergency: string[] }): React.JSX.Element {
  const app = useApp();
  const { go } = useWay();
  const id = useId();
  const [given, setGiven] = useState({ specialty: offered[0]?.id ?? "", doctor: "", day: "", part: "", words: "" });
  const [photos, setPhotos] = useState<string[]>([]);
  const [busy, setBusy] = useState(false);
  const [waits, setWaits] = useState(false);
  const [wrong, setWrong] = useState<Problem | null>(null);
  const put = (name: keyof typeof given) => (value: string) => setGiven((now) => ({ ...now, [name]: value, ...(name === "specialty" && { doctor: "" }) }));
  const doctors = offered.find((one) => one.id === given.specialty)?.doctors ?? [];
  const days = Array.from({ length: AHEAD_DAYS }, (_, n) => dayOf(Date.now() + n * 86_400_000));

  async function send(event: FormEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setWrong(null);
    const hour = PARTS.find((one) => one.value === given.part)?.hour;
    const wished = given.day && hour ? `${given.day}T${hour}:00+07:00` : "";
    const body = { specialty: given.specialty, doctor: given.doctor, words: given.words, wished: Date.parse(wished) > Date.now() ? wished : "", photos };
    try {
      const made = await app.outbox.act<Remote>(PATH, body, t("Xin khám từ xa"));
      if (made) go(`/kham-tu-xa/${made.id}`, true);
      else setWaits(true);
    } catch (trouble) {
      if (!(trouble instanceof Problem)) throw trouble;
      setWrong(trouble);
    } finally {
      setBusy(false);
    }
  }
  if (waits) return <Notice tone="ok">{t("Sẽ gửi khi có mạng.")}</Notice>;
  return (
    <form onSubmit={(event) => void send(event)} noValidate>
      {wrong && <Notice tone="bad">{told(wrong)}</Notice>}
      <div className="field">
        <label htmlFor={`${id}w`}>{t("Bạn bị sao?")}</label>
        <textarea id={`${id}w`} rows={5} maxLength={2000} value={given.words} onChange={(event) => put("words")(event.target.value)} aria-describedby={`${id}h`} />
        <p className="mute" id={`${id}h`}>{t("Triệu chứng, từ bao giờ, thuốc đang dùng. Bác sĩ đọc trước khi gặp bạn.")}</p>
      </div>
      {heard(given.words, emergency) && <Call115 />}
      <label className="button">
        <Icon name="image" />{photos.length ? t("{n} ảnh", { n: photos.length }) : t("Thêm ảnh")}
        <input type="file" accept="image/*" multiple className="unseen" onChange={(event) => void Promise.all([...(event.target.files ?? [])].slice(0, MOST_PHOTOS).map(smaller)).then(setPhotos)} />
      </label>
      <Choice legend={t("Chuyên khoa")} name="specialty" value={given.specialty} className="pills" onChange={put("specialty")} options={offered.map((one) => ({ value: one.id, label: one.name }))} />
      <div className="field">
        <label htmlFor={`${id}d`}>{t("Bác sĩ")}</label>
        <select id={`${id}d`} value={given.doctor} onChange={(event) => put("doctor")(event.target.value)}>
          <option value="">{t("bác sĩ bất kỳ")}</option>
          {doctors.map((one) => <option key={one.id} value={one.id}>{one.name}</option>)}
        </select>
      </div>
      <div className="field">
        <label htmlFor={`${id}n`}>{t("Ngày mong muốn")}</label>
        <select id={`${id}n`} value={given.day} onChange={(event) => put("day")(event.target.value)}>
          <option value="">{t("sớm nhất có thể")}</option>
          {days.map((day) => <option key={day} value={day}>{when(day)}</option>)}
        </select>
      </div>
      {given.day && <Choice legend={t("Buổi")} name="part" value={given.part} className="pills" onChange={put("part")} options={PARTS.map(({ value, label }) => ({ value, label: t(label) }))} />}
      <p className="mute">{t("Chỉ những bệnh thuộc danh mục của Bộ Y tế mới được chữa và kê đơn từ xa; còn lại bác sĩ tư vấn và hẹn bạn đến.")}</p>
      <Foot><Button type="submit" kind="primary" busy={busy} disabled={busy || !given.words.trim() || !given.specialty}>{t("Gửi yêu cầu")}</Button></Foot>
    </form>
  );
}

/** One request: waiting for the answer, the room, the call, the record. */
export function RequestScreen({ args: [id] }: { args: string[] }): React.JSX.Element {
  const app = useApp();
  const found = useFresh<Remote>(`${PATH}/${id}`);
  const [inside, setInside] = useState(false);
  const { again } = found;
  const over = found.value && ["rejected", "cancelled", "completed"].includes(found.value.state);
  useEffect(() => {
    if (over || !app.online) return;
    const look = setInterval(() => void again(), LOOK);
    const end = listen(app.api, () => void again());
    return () => (clearInterval(look), end());
  }, [app, app.online, app.api.token, over, again]);
  const enter = useCallback(() => app.api.post<Seated>(`${PATH}/${id}/seat`, {}), [app, id]);
  const outside = async (): Promise<void> => app.host.open((await app.api.post<{ link: string }>(`${PATH}/${id}/link`, {})).link);
  if (inside) return <Room enter={enter} outside={app.host.name === "zalo" ? outside : undefined} onOver={() => (setInside(false), void again())} />;
  return (
    <Screen title={t("Khám từ xa")} back="/kham-tu-xa">
      <Loaded of={found}>{(one) => <Standing one={one} enter={() => setInside(true)} again={again} />}</Loaded>
    </Screen>
  );
}

function Standing({ one, enter, again }: { one: Remote; enter: () => void; again: () => Promise<void> }): React.JSX.Element {
  const app = useApp();
  const [wrong, setWrong] = useState<Problem | null>(null);
  const back = async (): Promise<void> => {
    try {
      await app.outbox.act(`${PATH}/${one.id}/cancel`, {}, t("Rút yêu cầu khám từ xa"));
      await again();
    } catch (trouble) {
      if (!(trouble instanceof Problem)) throw trouble;
      setWrong(trouble);
    }
  };
  return (
    <>
      <Trouble of={wrong} />
      <Card>
        <div className="row"><b>{one.specialty}</b><Pill tone={TONES[one.state]}>{one.stateName}</Pill></div>
        {one.start && one.state !== "completed" && <p className="at">{time(one.start)} {when(dayOf(one.start))}</p>}
        <p>{one.doctor || t("bác sĩ bất kỳ")}</p>
        <p className="mute">{t("gửi {at} {day}", { at: time(one.asked), day: shortDate(one.asked) })}</p>
        {one.state === "requested" && <p>{t("Bác sĩ trả lời thì bạn được nhắn tin; màn hình này cũng đổi theo.")}</p>}
        {one.state === "accepted" && !one.open && <p>{t("Phòng chờ mở 15 phút trước giờ hẹn.")}</p>}
        {one.reason && <p className="lines advice">{one.reason}</p>}
      </Card>
      {one.visit && <Way to={`/ho-so/luot-kham/${one.visit}`} icon="record" title={t("Phiếu khám, đơn thuốc, hẹn khám lại")} note={t("Hiện khi bác sĩ đã ký.")} />}
      {one.open && <p className="mute">{t("Không ai ghi âm, ghi hình cuộc gọi này.")}</p>}
      {["requested", "accepted"].includes(one.state) && <Button kind="danger" onClick={() => void back()}>{t("Rút yêu cầu")}</Button>}
      {one.open && <Foot><Button kind="primary" onClick={enter}><Icon name="video" />{t("Vào phòng chờ")}</Button></Foot>}
    </>
  );
}

/** The same room in a browser outside of Zalo, by a link that opens it once. */
export function OutsideScreen(): React.JSX.Element {
  const app = useApp();
  const pass = useRef(location.hash.slice(1));
  const [inside, setInside] = useState(false);
  const [over, setOver] = useState(false);
  const enter = useCallback(async () => {
    const seated = await app.api.post<Seated>("/app/room/pass", { pass: pass.current });
    history.replaceState(null, "", location.pathname); // it opens nothing any more
    return seated;
  }, [app]);
  if (inside) return <Room enter={enter} onOver={() => (setInside(false), setOver(true))} />;
  return (
    <Screen title={t("Phòng khám từ xa")}>
      {over ? <Notice tone="ok">{t("Cuộc gọi đã kết thúc. Phiếu khám và đơn thuốc ở ứng dụng.")}</Notice> : (
        <>
          <Card><p>{t("Đường dẫn này mở phòng khám một lần, trên trình duyệt này. Không ai ghi âm, ghi hình.")}</p></Card>
          <Foot><Button kind="primary" disabled={!pass.current} onClick={() => setInside(true)}><Icon name="video" />{t("Vào phòng chờ")}</Button></Foot>
        </>
      )}
    </Screen>
  );
}

const SAID: Record<State, Words> = {
  waiting: "Bác sĩ sẽ vào phòng. Cứ để màn hình này mở.", connecting: "Đang nối với bác sĩ…", connected: "Đã nối với bác sĩ",
  lost: "Mất kết nối, đang nối lại…", over: "Phòng đã đóng, hoặc mở ở máy khác.",
};

/** First what the camera and the microphone give; then the room. */
function Room({ enter, outside, onOver }: { enter: () => Promise<Seated>; outside?: () => Promise<void>; onOver: () => void }): React.JSX.Element {
  const app = useApp();
  const [mine, setMine] = useState<MediaStream | null>(null);
  const [refused, setRefused] = useState(false);
  const [wrong, setWrong] = useState<Problem | null>(null);
  const [going, setGoing] = useState<Call | null>(null);
  const [theirs, setTheirs] = useState<MediaStream | null>(null);
  const [now, setNow] = useState<State>("waiting");
  const [picture, setPicture] = useState({ shown: true, weak: false });
  const [on, setOn] = useState({ audio: true, video: true });
  const held = useRef<{ mine: MediaStream | null; call: Call | null }>({ mine: null, call: null });
  useEffect(() => {
    let here = true;
    devices().then(
      (found) => {
        if (!here) return found.getTracks().forEach((one) => one.stop());
        held.current.mine = found;
        setMine(found);
      },
      () => here && setRefused(true),
    );
    const leave = (): void => void held.current.call?.leave();
    addEventListener("pagehide", leave);
    return () => {
      here = false;
      removeEventListener("pagehide", leave);
      leave();
      held.current.mine?.getTracks().forEach((one) => one.stop());
    };
  }, []);

  const soundOnly = (): void => {
    setOn((now) => ({ ...now, video: false }));
    setPicture((now) => ({ ...now, weak: true }));
  };
  async function goIn(): Promise<void> {
    try {
      const seated = await enter();
      held.current.call = new Call(app.host.backend, seated, mine!, { state: setNow, theirs: setTheirs, picture: (shown, weak) => setPicture({ shown, weak }), soundOnly });
      setGoing(held.current.call);
    } catch (trouble) {
      if (!(trouble instanceof Problem)) throw trouble;
      setWrong(trouble);
    }
  }
  const turn = (kind: "audio" | "video") => (going?.show(kind, !on[kind]), setOn({ ...on, [kind]: !on[kind] }), setPicture({ ...picture, weak: false }));
  const sees = Boolean(mine?.getVideoTracks().length);

  if (refused)
    return (
      <Screen title={t("Phòng chờ")}>
        <Empty icon="video" title={t("Ở đây không dùng được camera và micro")}>
          <p>{outside ? t("Cho phép dùng camera rồi thử lại, hoặc vào cùng phòng ấy bằng trình duyệt của máy.") : t("Cho phép dùng camera và micro cho trang này rồi tải lại.")}</p>
          {outside && <Button kind="primary" onClick={() => void outside()}>{t("Mở bằng trình duyệt")}</Button>}
          <Button onClick={onOver}>{t("Quay lại")}</Button>
        </Empty>
      </Screen>
    );
  return (
    <Screen title={going ? t("Đang gặp bác sĩ") : t("Phòng chờ")} quiet={Boolean(going)}>
      <Trouble of={wrong} />
      <div className={going ? "video going" : "video"}>
        {going && <Video of={theirs} label={t("Bác sĩ")} hidden={!picture.shown} name="theirs" />}
        <Video of={mine} label={t("Bạn")} muted hidden={!sees || !on.video} name="mine" />
      </div>
      <p className="ahead" role="status">{going ? t(SAID[now]) : mine ? (sees ? t("Camera và micro dùng được.") : t("Không có camera: chỉ có tiếng.")) : t("Đang thử camera và micro…")}</p>
      {mine && !going && <Loudness of={mine} />}
      {picture.weak && <Notice tone="warn">{t("Đường truyền yếu: chỉ còn tiếng.")}</Notice>}
      <p className="mute">{t("Không ai ghi âm, ghi hình cuộc gọi này.")}</p>
      {going && now !== "over" && (
        <div className="pair">
          <Button aria-pressed={on.audio} onClick={() => turn("audio")}><Icon name="mic" />{on.audio ? t("Tắt tiếng") : t("Bật tiếng")}</Button>
          <Button aria-pressed={on.video} disabled={!sees} onClick={() => turn("video")}><Icon name="video" />{on.video ? t("Tắt hình") : t("Bật hình")}</Button>
        </div>
      )}
      {outside && !going && !sees && mine && <Button onClick={() => void outside()}>{t("Mở bằng trình duyệt")}</Button>}
      <Foot>
        {going ? <Button kind="danger" onClick={onOver}>{now === "over" ? t("Xong") : t("Rời phòng")}</Button> : <Button kind="primary" disabled={!mine} onClick={() => void goIn()}>{t("Sẵn sàng")}</Button>}
      </Foot>
    </Screen>
  );
}

function Video({ of, label, name, muted, hidden }: { of: MediaStream | null; label: string; name: string; muted?: boolean; hidden: boolean }): React.JSX.Element {
  const shown = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (shown.current) shown.current.srcObject = of;
  }, [of]);
  return <video ref={shown} className={name} aria-label={label} autoPlay playsInline muted={muted} hidden={hidden} />;
}

/** That the microphone hears her. */
function Loudness({ of }: { of: MediaStream }): React.JSX.Element {
  const [level, setLevel] = useState(0);
  useEffect(() => {
    const audio = new AudioContext();
    const listening = audio.createAnalyser();
    audio.createMediaStreamSource(of).connect(listening);
    const wave = new Uint8Array(listening.fftSize);
    const timer = setInterval(() => {
      listening.getByteTimeDomainData(wave);
      setLevel(Math.min(1, Math.max(...wave.map((one) => Math.abs(one - 128))) / 40));
    }, 200);
    return () => (clearInterval(timer), void audio.close());
  }, [of]);
  return <meter className="loudness" value={level} aria-label={t("Tiếng từ micro")} />;
}
