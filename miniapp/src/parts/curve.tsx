// A value over the years, in the time that lay between: the normal range as a band, each value a point of its own tone.
import type { Curve } from "../contract";
import { date, t } from "../words";

const WIDE = 300;
const HIGH = 72;
const EDGE = 8;

export function CurveOf({ curve, tall = false }: { curve: Curve; tall?: boolean }): React.JSX.Element | null {
  const { last, values } = curve;
  const first = values[0];
  if (!first || values.length < 2) return null;
  const high = tall ? 2 * HIGH : HIGH;
  const seen = [...values.map((one) => one.number), last.low, last.high].filter((one): one is number => one !== null);
  const [low, top] = [Math.min(...seen), Math.max(...seen)];
  const [from, to] = [Date.parse(first.when), Date.parse(last.when)];
  const y = (value: number) => high - EDGE - ((value - low) / (top - low || 1)) * (high - 2 * EDGE);
  const x = (when: string) => EDGE + ((Date.parse(when) - from) / (to - from || 1)) * (WIDE - 2 * EDGE);
  const ceiling = last.high === null ? 0 : y(last.high);
  const floor = last.low === null ? high : y(last.low);
  const points = values.flatMap((one) => (one.number === null ? [] : [{ x: x(one.when), y: y(one.number), tone: one.tone }]));
  const label = t("{n} lần đo từ {since}: từ {first} đến {value} {unit}", {
    n: values.length, since: date(first.when), first: first.value, value: last.value, unit: last.unit,
  });
  return (
    <svg className="curve" viewBox={`0 0 ${WIDE} ${high}`} role="img" aria-label={label}>
      {(last.low !== null || last.high !== null) && <rect className="band" width={WIDE} y={ceiling} height={Math.max(floor - ceiling, 2)} rx="3" />}
      <polyline points={points.map((one) => `${one.x.toFixed(1)},${one.y.toFixed(1)}`).join(" ")} />
      {points.map((one, i) => (tall || i === points.length - 1) && <circle key={i} className={one.tone} cx={one.x} cy={one.y} r={i === points.length - 1 ? 5 : 3.5} />)}
    </svg>
  );
}
