// The few parts that every screen is made of.
import { type ButtonHTMLAttributes, type InputHTMLAttributes, type ReactNode, useEffect, useId, useRef } from "react";
import { type Problem, told } from "../api";
import type { Fresh } from "../app";
import type { Qr as Code, Tone } from "../contract";
import { Link, useWay } from "../router";
import { t } from "../words";
import { type Drawing, Icon } from "./icon";

/** A screen: its heading takes the focus when she comes here, and names the page. */
export function Screen({ title, lead, back, quiet, children }: {
  title: string; lead?: ReactNode; back?: string; quiet?: boolean; children: ReactNode;
}): React.JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  const { moved } = useWay();
  useEffect(() => {
    document.title = `${title} · ${t("Bệnh án của tôi")}`;
    if (moved) heading.current?.focus({ preventScroll: true });
  }, [title, moved]);
  return (
    <main>
      {back !== undefined && (
        <Link className="back" to={back}>
          <Icon name="back" />
          {t("Quay lại")}
        </Link>
      )}
      <div className={quiet ? "unseen" : "lead"}>
        <h1 ref={heading} tabIndex={-1}>{title}</h1>
        {lead && <p className="mute">{lead}</p>}
      </div>
      {children}
    </main>
  );
}

export function Card({ children, className = "" }: { children: ReactNode; className?: string }): React.JSX.Element {
  return <section className={`card ${className}`}>{children}</section>;
}

/** A card that leads somewhere. */
export function Way({ to, icon, title, note, end }: { to: string; icon?: Drawing; title: ReactNode; note?: ReactNode; end?: ReactNode }): React.JSX.Element {
  return (
    <Link className="card way" to={to}>
      {icon && <span className="disc"><Icon name={icon} /></span>}
      <span className="fill">
        <b>{title}</b>
        {note && <span className="mute block">{note}</span>}
        {end}
      </span>
      <Icon name="next" />
    </Link>
  );
}

export function Pill({ tone = "", children }: { tone?: Tone; children: ReactNode }): React.JSX.Element {
  return <span className={`pill ${tone}`}>{children}</span>;
}

export function Notice({ tone = "", icon, children }: { tone?: Tone; icon?: Drawing; children: ReactNode }): React.JSX.Element {
  return (
    <div className={`notice ${tone}`} role={tone === "bad" ? "alert" : "status"}>
      <Icon name={icon ?? (tone === "ok" ? "check" : "alert")} />
      <div>{children}</div>
    </div>
  );
}

/** Nothing is here; and what helps. */
export function Empty({ icon, title, children }: { icon: Drawing; title: string; children?: ReactNode }): React.JSX.Element {
  return (
    <Card className="empty">
      <span className="disc big"><Icon name={icon} /></span>
      <h2>{title}</h2>
      {children}
    </Card>
  );
}

export function Skeleton({ cards = 3 }: { cards?: number }): React.JSX.Element {
  return (
    <div className="stack" role="status" aria-label={t("Đang tải")}>
      {Array.from({ length: cards }, (_, i) => (
        <div className="card bones" key={i} aria-hidden="true"><i /><i /><i /></div>
      ))}
    </div>
  );
}

/** What came, or why it did not: bones while it is on its way, its trouble, itself. */
export function Loaded<T>({ of, children }: { of: Fresh<T>; children: (value: T) => ReactNode }): React.JSX.Element {
  if (of.value !== null) return <>{of.trouble && <Trouble of={of.trouble} />}{children(of.value)}</>;
  if (of.trouble) return <><Trouble of={of.trouble} /><Again of={of} /></>;
  if (of.lost)
    return (
      <Empty icon="offline" title={t("Không có mạng")}>
        <p>{t("Phần này chưa được mở lần nào trên máy này, nên chưa có để xem. Thử lại khi có mạng.")}</p>
        <Again of={of} />
      </Empty>
    );
  return <Skeleton />;
}

function Again({ of }: { of: Fresh<unknown> }): React.JSX.Element {
  return <Button onClick={() => void of.again()}>{t("Thử lại")}</Button>;
}

export function Trouble({ of }: { of: Problem | null }): React.JSX.Element | null {
  return of && <Notice tone="bad">{told(of)}</Notice>;
}

export function Button({ kind = "", busy, children, ...more }: { kind?: "" | "primary" | "quiet" | "danger"; busy?: boolean } & ButtonHTMLAttributes<HTMLButtonElement>): React.JSX.Element {
  return (
    <button type="button" className={`button ${kind}`} aria-busy={busy} disabled={busy} {...more}>
      {children}
    </button>
  );
}

/** A field with its name above and its trouble below. */
export function Field({ label, hint, wrong, ...more }: { label: string; hint?: string; wrong?: string } & InputHTMLAttributes<HTMLInputElement>): React.JSX.Element {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (wrong) field.current?.focus();
  }, [wrong]);
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {hint && <span className="mute" id={`${id}h`}>{hint}</span>}
      <input id={id} ref={field} aria-invalid={wrong ? true : undefined} aria-describedby={[hint && `${id}h`, wrong && `${id}w`].filter(Boolean).join(" ") || undefined} {...more} />
      {wrong && <span className="wrong" id={`${id}w`} role="alert">{wrong}</span>}
    </div>
  );
}

/** One of a few, as large buttons. */
export function Choice<T extends string>({ legend, name, value, options, onChange, className = "" }: {
  legend: string; name: string; value: T | null; options: { value: T; label: ReactNode; off?: boolean; said?: string }[]; onChange: (value: T) => void; className?: string;
}): React.JSX.Element {
  return (
    <fieldset className={`choice ${className}`}>
      <legend>{legend}</legend>
      <div>
        {options.map((one) => (
          <label key={one.value} className={one.off ? "off" : undefined}>
            <input type="radio" name={name} value={one.value} checked={one.value === value} disabled={one.off} aria-label={one.said} onChange={() => onChange(one.value)} />
            <span>{one.label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** The one thing to do here, at the thumb. */
export function Foot({ children }: { children: ReactNode }): React.JSX.Element {
  return <div className="foot">{children}</div>;
}

/** A code to be scanned, with its letters below. */
export function Qr({ code, label, said }: { code: Code | null; label: string; said?: string }): React.JSX.Element | null {
  if (!code) return null;
  const { text, size, path } = code;
  return (
    <figure className="qr">
      <svg viewBox={`-3 -3 ${size + 6} ${size + 6}`} role="img" aria-label={label} shapeRendering="crispEdges">
        <rect x="-3" y="-3" width={size + 6} height={size + 6} fill="#fff" />
        <path d={path} fill="#111a22" />
      </svg>
      <figcaption>{said ?? text}</figcaption>
    </figure>
  );
}
