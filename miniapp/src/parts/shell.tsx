// Around every screen: whose record it is, whether it is of now, the four places at the foot, what can be undone.
import { createContext, type ReactNode, useCallback, useContext, useEffect, useRef, useState } from "react";
import { useApp, useWaiting } from "../app";
import { Link, useWay } from "../router";
import { t, time, today, dayOf, shortDate, type Words } from "../words";
import { type Drawing, Icon } from "./icon";

const TABS: { to: string; icon: Drawing; label: Words; under: RegExp }[] = [
  { to: "/", icon: "day", label: "Hôm nay", under: /^\/$/ },
  { to: "/dat-kham", icon: "book", label: "Đặt khám", under: /^\/(dat-kham|lich-hen|kham-tu-xa)/ },
  { to: "/ho-so", icon: "record", label: "Hồ sơ", under: /^\/ho-so/ },
  { to: "/toi", icon: "me", label: "Của tôi", under: /^\/toi/ },
];

export function Shell({ children }: { children: ReactNode }): React.JSX.Element {
  const { path } = useWay();
  useApp(); // the language of the tabs
  return (
    <Undoing>
      <a className="skip" href="#screen">{t("Tới nội dung")}</a>
      <Whose />
      <Connection />
      <div id="screen" tabIndex={-1} className="screen">{children}</div>
      <nav className="tabs" aria-label={t("Các mục chính")}>
        {TABS.map((one) => (
          <Link key={one.to} to={one.to} aria-current={one.under.test(path) ? "page" : undefined}>
            <Icon name={one.icon} />
            {t(one.label)}
          </Link>
        ))}
      </nav>
    </Undoing>
  );
}

/** Whose record is open: always there, and the way to another. */
function Whose(): React.JSX.Element {
  const { me } = useApp();
  if (!me) return <header className="top"><div><b>{t("Bệnh án của tôi")}</b></div></header>;
  const { record } = me;
  const whose = (
    <span>
      <b>{record?.name ?? t("Chọn hồ sơ")}</b>
      <span>{[record && (record.relation ? t("bạn thay mặt") : t("của tôi")), me.facility.name].filter(Boolean).join(" · ")}</span>
    </span>
  );
  return (
    <header className="top">
      {me.person ? (
        <Link to="/chon" className={record?.relation ? "whose acting" : "whose"}>
          {whose}
          <span className="change">{t("Đổi")}<span className="unseen"> {t("hồ sơ")}</span><Icon name="down" /></span>
        </Link>
      ) : <div>{whose}</div>}
    </header>
  );
}

/** That the program is not reached, and how old is what she sees; that something waits. */
function Connection(): React.JSX.Element | null {
  const app = useApp();
  const waiting = useWaiting().filter((one) => !one.refused).length;
  if (app.online && !waiting) return null;
  const since = app.shown && t("cập nhật {at}", { at: dayOf(app.shown) === today() ? time(app.shown) : shortDate(app.shown) });
  const words = app.online ? [] : [t("ngoại tuyến"), since];
  if (waiting) words.push(t("{n} việc chờ gửi", { n: waiting }));
  return (
    <div className="connection" role="status">
      <Icon name={app.online ? "clock" : "offline"} />
      {words.filter(Boolean).join(" · ")}
    </div>
  );
}

const UNDO_SECONDS = 6;
interface Held {
  label: string;
  run: () => void;
  back: () => void;
}
type Undoable = (label: string, run: () => void, back: () => void) => void;
const Undo = createContext<Undoable>(() => {});
/** Do something (`run`) in a few seconds, unless she takes it back (`back`). */
export const useUndo = (): Undoable => useContext(Undo);

function Undoing({ children }: { children: ReactNode }): React.JSX.Element {
  const [now, set] = useState<Held | null>(null);
  const held = useRef(now);
  held.current = now;
  const finish = useCallback(() => {
    held.current?.run();
    held.current = null;
    set(null);
  }, []);
  useEffect(() => {
    if (!now) return;
    const timer = setTimeout(finish, UNDO_SECONDS * 1000);
    addEventListener("pagehide", finish);
    return () => (clearTimeout(timer), removeEventListener("pagehide", finish));
  }, [now, finish]);
  return (
    <Undo.Provider value={(label, run, back) => (finish(), set({ label, run, back }))}>
      {children}
      {now && (
        <div className="toast" role="status">
          <span>{now.label}</span>
          <button type="button" onClick={() => (now.back(), set(null))}>{t("Hoàn tác")}</button>
        </div>
      )}
    </Undo.Provider>
  );
}
