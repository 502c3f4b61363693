// Hỏi bác sĩ: a question with photos, about a visit or in general; the thread as it grows; closing and rating it.
import { type FormEvent, useEffect, useId, useState } from "react";
import { Problem } from "../api";
import { useApp, useFresh } from "../app";
import type { Question, QuestionLine, Questions, QuestionService, VisitLine } from "../contract";
import { listen } from "../live";
import { Button, Card, Choice, Empty, Foot, Loaded, Notice, Pill, Screen, Trouble, Way } from "../parts/basic";
import { Call115, heard } from "../parts/emergency";
import { Icon } from "../parts/icon";
import { smaller } from "../parts/photo";
import { Link, useWay } from "../router";
import { date, dayOf, shortDate, t, time, today, when } from "../words";

const HERE = "/toi/hoi-bac-si";
const MOST_PHOTOS = 3;
const TONES = { waiting: "warn", taken: "warn", answered: "ok", closed: "" } as const;
const at = (moment: string): string => `${time(moment)} ${when(dayOf(moment))}`;

export function QuestionList(): React.JSX.Element {
  const found = useFresh<Questions>("/app/questions");
  return (
    <Screen title={t("Hỏi bác sĩ")} lead={t("Bác sĩ của bệnh viện trả lời trong giờ đã đăng ký. Việc gấp: gọi 115.")} back="/toi">
      <Loaded of={found}>
        {({ questions, services, open, most }) => (
          <>
            {questions.map((one) => (
              <Way key={one.id} to={`${HERE}/${one.id}`} title={one.lines[0]!.words.slice(0, 80)}
                note={[date(one.sent), one.specialty, one.doctor].join(" · ")} end={<Pill tone={TONES[one.state]}>{one.stateName}</Pill>} />
            ))}
            {!questions.length && <Empty icon="doctor" title={t("Bạn chưa hỏi gì")}><p>{t("Hỏi về thuốc, kết quả, vết mổ… kèm ảnh. Câu trả lời nằm trong hồ sơ của bạn.")}</p></Empty>}
            {!services.length ? <Notice tone="warn">{t("Bệnh viện này chưa nhận câu hỏi qua ứng dụng.")}</Notice>
              : open >= most ? <Notice tone="warn">{t("Bạn đang có {n} câu hỏi chưa đóng. Đóng bớt để hỏi tiếp.", { n: open })}</Notice>
              : <Foot><Link className="button primary" to={`${HERE}/moi`}>{t("Đặt câu hỏi")}</Link></Foot>}
          </>
        )}
      </Loaded>
    </Screen>
  );
}

export function Ask(): React.JSX.Element {
  const { query } = useWay();
  const found = useFresh<Questions>("/app/questions");
  const visits = useFresh<{ visits: VisitLine[] }>("/app/visits");
  return (
    <Screen title={t("Đặt câu hỏi")} back={HERE}>
      <Loaded of={found}>{(value) => <Asking choices={value} visits={visits.value?.visits ?? []} about={query.get("luot") ?? ""} />}</Loaded>
    </Screen>
  );
}

function Asking({ choices, visits, about }: { choices: Questions; visits: VisitLine[]; about: string }): React.JSX.Element {
  const app = useApp();
  const { go } = useWay();
  const id = useId();
  const [given, setGiven] = useState({ service: choices.services[0]?.id ?? "", visit: about });
  const [waits, setWaits] = useState(false);
  const service = choices.services.find((one) => one.id === given.service);

  async function send(words: string, photos: string[]): Promise<void> {
    const made = await app.outbox.act<Question>("/app/questions", { ...given, words, photos }, t("Câu hỏi cho bác sĩ"));
    if (made) go(`${HERE}/${made.id}`, true);
    else setWaits(true);
  }
  if (waits) return <Notice tone="ok">{t("Sẽ gửi khi có mạng.")}</Notice>;
  if (!service) return <Notice tone="warn">{t("Bệnh viện này chưa nhận câu hỏi qua ứng dụng.")}</Notice>;
  return (
    <Writing label={t("Câu hỏi")} send={send} words={choices.emergency} button={t("Gửi câu hỏi")}>
      {app.me?.record?.relation && <Notice>{t("Bạn hỏi thay {name}. Bác sĩ thấy người hỏi là bạn.", { name: app.me.record.name })}</Notice>}
      <div className="field">
        <label htmlFor={`${id}s`}>{t("Chuyên khoa")}</label>
        <select id={`${id}s`} value={given.service} onChange={(event) => setGiven({ ...given, service: event.target.value })}>
          {choices.services.map((one) => <option key={one.id} value={one.id}>{one.name}</option>)}
        </select>
      </div>
      <Answering service={service} />
      {visits.length > 0 && (
        <div className="field">
          <label htmlFor={`${id}v`}>{t("Về lượt khám")}</label>
          <select id={`${id}v`} value={given.visit} onChange={(event) => setGiven({ ...given, visit: event.target.value })}>
            <option value="">{t("Không về lượt khám nào")}</option>
            {visits.map((one) => <option key={one.id} value={one.id}>{[one.when && date(one.when), one.diagnosis || one.what].filter(Boolean).join(" · ")}</option>)}
          </select>
        </div>
      )}
    </Writing>
  );
}

/** When this specialty answers. */
function Answering({ service }: { service: QuestionService }): React.JSX.Element {
  return (
    <p className="mute row">
      <Icon name="clock" />
      <span>{service.now ? t("Đang trong giờ trả lời. Bạn có câu trả lời trước {at}.", { at: at(service.answered) })
        : t("Ngoài giờ trả lời. Bác sĩ trả lời từ {start}, trước {at}.", { start: at(service.start), at: time(service.answered) })}</span>
    </p>
  );
}

/** Words and photos; where the words do not wait, the call comes before the sending. */
function Writing({ label, send, words, button, children }: {
  label: string; send: (words: string, photos: string[]) => Promise<void>; words: readonly string[]; button: string; children?: React.ReactNode;
}): React.JSX.Element {
  const id = useId();
  const [text, setText] = useState("");
  const [photos, setPhotos] = useState<string[]>([]);
  const [busy, setBusy] = useState(false);
  const [sure, setSure] = useState(false);
  const [wrong, setWrong] = useState<Problem | null>(null);
  const urgent = heard(text, words);

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (urgent && !sure) return setSure(true);
    setBusy(true);
    setWrong(null);
    try {
      await send(text, photos);
      setText("");
      setPhotos([]);
      setSure(false);
    } catch (trouble) {
      if (!(trouble instanceof Problem)) throw trouble;
      setWrong(trouble);
    } finally {
      setBusy(false);
    }
  }
  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      {urgent && <Call115 />}
      <Trouble of={wrong} />
      {children}
      <div className="field">
        <label htmlFor={`${id}w`}>{label}</label>
        <textarea id={`${id}w`} rows={4} maxLength={2000} value={text} onChange={(event) => setText(event.target.value)} />
      </div>
      <label className="button">
        <Icon name="image" />{photos.length ? t("{n} ảnh", { n: photos.length }) : t("Thêm ảnh")}
        <input type="file" accept="image/*" multiple className="unseen" onChange={(event) => void Promise.all([...(event.target.files ?? [])].slice(0, MOST_PHOTOS).map(smaller)).then(setPhotos)} />
      </label>
      <Foot>
        {urgent && sure && <a className="button emergency" href="tel:115">{t("Gọi 115 ngay")}</a>}
        <Button type="submit" kind={urgent && sure ? "" : "primary"} busy={busy} disabled={busy || !text.trim()}>{urgent && sure ? t("Không phải cấp cứu, vẫn gửi") : button}</Button>
      </Foot>
    </form>
  );
}

export function Thread({ args: [id] }: { args: string[] }): React.JSX.Element {
  const app = useApp();
  const found = useFresh<Question>(`/app/questions/${id}`);
  const choices = useFresh<Questions>("/app/questions");
  const [waits, setWaits] = useState(false);
  const { again } = found;
  useEffect(() => (app.online ? listen(app.api, (event) => event !== "place" && void again()) : undefined), [app, app.online, app.api.token, again]);

  async function act(path: string, body: unknown): Promise<void> {
    setWaits(!(await app.outbox.act(`/app/questions/${id}/${path}`, body, t("Câu hỏi cho bác sĩ"))));
    await again();
  }
  return (
    <Screen title={t("Câu hỏi của bạn")} quiet back={HERE}>
      <Loaded of={found}>
        {(one) => (
          <>
            {one.urgent && one.state !== "closed" && <Call115 />}
            <Card>
              <div className="row"><b>{one.doctor}</b><Pill tone={TONES[one.state]}>{one.stateName}</Pill></div>
              <p className="mute">{one.specialty}</p>
              {(one.state === "waiting" || one.state === "taken") && one.due && <p>{t("Bạn có câu trả lời trước {at}.", { at: at(one.due) })}</p>}
            </Card>
            <ol className="stack list" aria-live="polite">{one.lines.map((line) => <LineOf key={line.at} line={line} question={one.id} />)}</ol>
            {waits && <Notice tone="ok">{t("Sẽ gửi khi có mạng.")}</Notice>}
            {one.state === "closed"
              ? one.rating ? <p className="mute centre">{t("Bạn chấm {n} trên 5.", { n: one.rating })}</p> : <Rating act={act} />
              : <>
                  {one.state === "answered" && <Rating act={act} />}
                  <Writing label={t("Viết thêm")} words={choices.value?.emergency ?? []} button={t("Gửi")} send={(words, photos) => act("lines", { words, photos })} />
                </>}
          </>
        )}
      </Loaded>
    </Screen>
  );
}

function LineOf({ line, question }: { line: QuestionLine; question: string }): React.JSX.Element {
  return (
    <li className={`card line ${line.by}`}>
      <p className="mute">{line.name} · {dayOf(line.at) === today() ? time(line.at) : `${time(line.at)} ${shortDate(line.at)}`}</p>
      <p className="lines">{line.words}</p>
      {line.assessment && <Pill tone="ok">{t("Nhận định đã ký, trong bệnh án")}</Pill>}
      {line.files.map((one) => <FileOf key={one.id} path={`/app/questions/${question}/files/${one.id}`} name={one.name} />)}
    </li>
  );
}

/** Something sent along: a picture opens here, a paper is handed to the telephone. */
function FileOf({ path, name }: { path: string; name: string }): React.JSX.Element {
  const app = useApp();
  const [file, set] = useState<{ kind: string; data: string } | null>(null);
  if (!file) return <Button kind="quiet" onClick={() => void app.api.get<{ kind: string; data: string }>(path).then(set, () => undefined)}><Icon name="image" />{name}</Button>;
  const body = `data:${file.kind};base64,${file.data}`;
  return file.kind.startsWith("image/") ? <img className="sent" src={body} alt={name} /> : <a className="button" href={body} download={name}><Icon name="down" />{name}</a>;
}

/** She needs no more: how content she is, or not saying. */
function Rating({ act }: { act: (path: string, body: unknown) => Promise<void> }): React.JSX.Element {
  const [rating, setRating] = useState("");
  return (
    <Card>
      <Choice legend={t("Câu trả lời giúp được bạn đến đâu?")} name="rating" value={rating} className="rating" onChange={setRating}
        options={["1", "2", "3", "4", "5"].map((value) => ({ value, label: value, said: t("{n} trên 5", { n: value }) }))} />
      <Button onClick={() => void act("close", { rating: rating || null })}>{t("Đóng câu hỏi")}</Button>
    </Card>
  );
}
