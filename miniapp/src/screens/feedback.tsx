// Góp ý: praise or complaint by topic and place, with photos, under her name or under none; and what the house answered.
import { type FormEvent, useId, useState } from "react";
import { Problem, told } from "../api";
import { useApp, useFresh } from "../app";
import type { Feedback, Feedbacks, Surveys } from "../contract";
import { Button, Card, Choice, Empty, Foot, Loaded, Notice, Pill, Screen, Way } from "../parts/basic";
import { Icon } from "../parts/icon";
import { smaller } from "../parts/photo";
import { date, t } from "../words";

const MOST_PHOTOS = 3;

export function FeedbackScreen(): React.JSX.Element {
  const found = useFresh<Feedbacks>("/app/feedback");
  const [sent, setSent] = useState<Feedback | "waits" | null>(null);
  return (
    <Screen title={t("Góp ý")} lead={t("Bệnh viện trả lời trong năm ngày làm việc.")} back="/toi">
      {sent && (
        <Notice tone="ok">
          {sent === "waits" ? t("Sẽ gửi khi có mạng.") : t("Đã gửi. Cảm ơn bạn.")}
          {sent !== "waits" && sent.anonymous && <> {t("Mã để đọc trả lời: {code}", { code: sent.code })}</>}
        </Notice>
      )}
      <Way to="/toi/khao-sat" icon="check" title={t("Lượt khám vừa rồi thế nào?")} note={t("Năm câu ngắn, không ghi tên.")} />
      <Loaded of={found}>
        {(value) => (
          <>
            {!sent && <Saying choices={value} onSent={(made) => (setSent(made ?? "waits"), void found.again())} />}
            {value.feedback.length > 0 && <h2>{t("Góp ý của bạn")}</h2>}
            {value.feedback.map((one) => (
              <Card key={one.code}>
                <div className="row"><b>{[one.kindName, one.topicName].join(" · ")}</b><Pill tone={one.answered ? "ok" : "warn"}>{one.answered ? t("đã trả lời") : t("trả lời trước {day}", { day: date(one.due) })}</Pill></div>
                <p className="mute">{[date(one.sent), one.place].filter(Boolean).join(" · ")}</p>
                <p className="lines">{one.words}</p>
                {one.answers.map((answer) => <p key={answer.at} className="lines advice">{answer.words}</p>)}
              </Card>
            ))}
          </>
        )}
      </Loaded>
    </Screen>
  );
}

function Saying({ choices, onSent }: { choices: Feedbacks; onSent: (made: Feedback | null) => void }): React.JSX.Element {
  const app = useApp();
  const acting = Boolean(app.me?.record?.relation);
  const id = useId();
  const [given, setGiven] = useState({ kind: choices.kinds[0]!.code, topic: choices.topics[0]!.code, place: "", rating: "", words: "", anonymous: acting });
  const [photos, setPhotos] = useState<string[]>([]);
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<Problem | null>(null);
  const put = <K extends keyof typeof given>(name: K) => (value: (typeof given)[K]) => setGiven({ ...given, [name]: value });
  const named = (of: { code: string; name: string }[]) => of.map((one) => ({ value: one.code, label: one.name }));

  async function send(event: FormEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setWrong(null);
    try {
      onSent(await app.outbox.act<Feedback>("/app/feedback", { ...given, rating: given.rating || null, photos }, t("Góp ý")));
    } catch (trouble) {
      if (!(trouble instanceof Problem)) throw trouble;
      setWrong(trouble);
    } finally {
      setBusy(false);
    }
  }
  return (
    <form onSubmit={(event) => void send(event)} noValidate>
      {wrong && <Notice tone="bad">{told(wrong)}</Notice>}
      <Choice legend={t("Bạn muốn")} name="kind" value={given.kind} className="pills" onChange={put("kind")} options={named(choices.kinds)} />
      <Choice legend={t("Về việc")} name="topic" value={given.topic} className="pills" onChange={put("topic")} options={named(choices.topics)} />
      <div className="field">
        <label htmlFor={`${id}p`}>{t("Ở đâu")}</label>
        <select id={`${id}p`} value={given.place} onChange={(event) => put("place")(event.target.value)}>
          <option value="">{t("Không chọn")}</option>
          {choices.places.map((one) => <option key={one.code} value={one.code}>{one.name}</option>)}
        </select>
      </div>
      <Choice legend={t("Mức hài lòng")} name="rating" value={given.rating} className="rating" onChange={put("rating")}
        options={["1", "2", "3", "4", "5"].map((value) => ({ value, label: value, said: t("{n} trên 5", { n: value }) }))} />
      <div className="field">
        <label htmlFor={`${id}w`}>{t("Nội dung")}</label>
        <textarea id={`${id}w`} rows={4} maxLength={2000} value={given.words} onChange={(event) => put("words")(event.target.value)} />
      </div>
      <label className="button">
        <Icon name="image" />{photos.length ? t("{n} ảnh", { n: photos.length }) : t("Thêm ảnh")}
        <input type="file" accept="image/*" multiple className="unseen" onChange={(event) => void Promise.all([...(event.target.files ?? [])].slice(0, MOST_PHOTOS).map(smaller)).then(setPhotos)} />
      </label>
      {acting ? <p className="mute">{t("Bạn đang thay mặt người khác, nên góp ý không ghi tên.")}</p> : (
        <Card>
          <label className="switch"><span><b>{t("Không ghi tên tôi")}</b><span className="mute block">{t("Không ai biết ai gửi; bạn đọc trả lời bằng mã.")}</span></span>
            <input type="checkbox" role="switch" checked={given.anonymous} onChange={(event) => put("anonymous")(event.target.checked)} /></label>
        </Card>
      )}
      <Foot><Button type="submit" kind="primary" busy={busy} disabled={busy || !given.words.trim()}>{t("Gửi góp ý")}</Button></Foot>
    </form>
  );
}

/** After a visit: a few marks and a word, under no name, once. */
export function SurveyScreen(): React.JSX.Element {
  const found = useFresh<Surveys>("/app/surveys");
  const [done, setDone] = useState<string[]>([]);
  return (
    <Screen title={t("Lượt khám thế nào?")} lead={t("Không ghi tên. Bệnh viện chỉ thấy điểm chung và lời bạn viết.")} back="/toi/gop-y">
      {done.length > 0 && <Notice tone="ok">{t("Cảm ơn bạn.")}</Notice>}
      <Loaded of={found}>
        {({ visits, questions }) => {
          const one = visits.find((each) => !done.includes(each.id));
          if (!one) return <Empty icon="check" title={t("Không còn lượt khám nào chờ bạn đánh giá")} />;
          return <Marks key={one.id} visit={one} questions={questions} onSent={() => (setDone([...done, one.id]), void found.again())} />;
        }}
      </Loaded>
    </Screen>
  );
}

function Marks({ visit, questions, onSent }: { visit: Surveys["visits"][number]; questions: Surveys["questions"]; onSent: () => void }): React.JSX.Element {
  const app = useApp();
  const id = useId();
  const [marks, setMarks] = useState<Record<string, string>>({});
  const [words, setWords] = useState("");
  const [wrong, setWrong] = useState<Problem | null>(null);

  async function send(event: FormEvent): Promise<void> {
    event.preventDefault();
    try {
      await app.outbox.act(`/app/surveys/${visit.id}`, { ...marks, words }, t("Đánh giá lượt khám"));
      onSent();
    } catch (trouble) {
      if (!(trouble instanceof Problem)) throw trouble;
      setWrong(trouble);
    }
  }
  return (
    <form onSubmit={(event) => void send(event)} noValidate>
      {wrong && <Notice tone="bad">{told(wrong)}</Notice>}
      <p className="strong">{[visit.when && date(visit.when), visit.place].filter(Boolean).join(" · ")}</p>
      {questions.map((one) => (
        <Choice key={one.code} legend={one.name} name={one.code} value={marks[one.code] ?? ""} className="rating" onChange={(mark) => setMarks({ ...marks, [one.code]: mark })}
          options={["1", "2", "3", "4", "5"].map((value) => ({ value, label: value, said: t("{n} trên 5", { n: value }) }))} />
      ))}
      <div className="field">
        <label htmlFor={`${id}w`}>{t("Điều bạn muốn nói thêm")}</label>
        <textarea id={`${id}w`} rows={3} maxLength={1000} value={words} onChange={(event) => setWords(event.target.value)} />
      </div>
      <Foot><Button type="submit" kind="primary" disabled={!Object.keys(marks).length}>{t("Gửi đánh giá")}</Button></Foot>
    </form>
  );
}
