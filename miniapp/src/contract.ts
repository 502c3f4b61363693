// What the doors of `/app/…` say, as docs/reference/app-api.md has it.

export type Tone = "ok" | "warn" | "bad" | "";
export interface Place { code: string; name: string }
export interface SignIn { token: string; chosen: boolean; step: string; asks: "" | "phoneToken" | "code" | "birthDate" | "name" | "guardian" }
export interface Me {
  name: string; person: boolean; zalo: boolean; facility: Place;
  record: { key: string; name: string; relation: string; parts: string[] } | null;
}
export interface RecordLine {
  key: string; facility: Place; name: string; current: boolean; relation: string; relationName: string; parts: string[];
  ends: string | null; endsSoon: boolean; accepted: boolean;
}
export interface Session { id: string; device: string; started: string; seen: string; current: boolean }
export interface Relative {
  id: string; name: string; relation: string; relationName: string; parts: string[]; since: string; accepted: boolean;
  ends: string | null; endsSoon: boolean; over: boolean;
}

/** A QR to draw and keep: `size` modules a side, the dark ones as the path of an SVG. */
export interface Qr { text: string; size: number; path: string }

export interface Ticket { number: string; room: string; state: "waiting" | "called" | "serving" | "skipped" }
export interface Queue { ahead: number; minutes: number; inside: string }
export interface Step { text: string; state: "done" | "on" | "" }
export interface Next { code: string; start: string | null; day: string; state: string; what: string; where: string[]; qr: Qr | null }
export interface Day {
  person: { name: string; number: string; birthDate: string; qr: Qr | null };
  visit: { id: string; open: boolean; started: string } | null;
  ticket: Ticket | null; place: Queue | null; steps: Step[]; brought: Visit | null; next: Next | null; emergencies: number;
}

export interface Result {
  name: string; code: string; value: string; unit: string; range: string; flag: string; plain: string; tone: Tone;
  when: string; number: number | null; low: number | null; high: number | null;
}
export interface Curve { last: Result; values: Result[]; since: string }
export interface Finding { name: string; text: string; conclusion: string; when: string | null }
export interface Medicine {
  title: string; directions: string; doses: { time: string; name: string; dose: string }[]; days: number; quantity: string;
  until: string | null; running: boolean;
}
export interface VisitLine { id: string; when: string | null; what: string; diagnosis: string; open: boolean }
export interface Visit {
  id: string; when: string | null; open: boolean; reason: string; place: string; doctor: string; diagnoses: string[]; advice: string;
  addenda: string[]; outcome: string; outcomeName: string; results: Curve[]; findings: Finding[]; medicines: Medicine[];
}
export interface Allergy { name: string; severe: boolean; since: string }
export interface Openings {
  openings: {
    name: string; role: string; first: string; last: string; what: string; wrote: boolean; printed: boolean; why: string;
    strange: boolean;
  }[];
  emergencies: { name: string; role: string; began: string; ended: string; reason: string; justified: boolean | null }[];
  wrongDates: number;
}
export interface Consents {
  consents: { id: string; purpose: string; title: string; inForce: boolean; state: string; given: string; until: string | null; text: string }[];
  asked: { purpose: string; title: string; today: string; text: string; sha256: string }[];
  alone: boolean;
}

export interface Feedback {
  code: string; kind: string; kindName: string; topic: string; topicName: string; place: string; words: string; rating: number | null;
  anonymous: boolean; sent: string; answered: boolean; due: string; pictures: number; answers: { words: string; at: string; by: string }[];
}
interface Choice { code: string; name: string }
export interface Feedbacks { feedback: Feedback[]; kinds: Choice[]; topics: Choice[]; places: Choice[] }

export interface Service { id: string; name: string; comment: string; first: string | null; doctors: { schedule: string; name: string; room: string }[] }
export interface Days { days: { day: string; free: number }[]; last: string }
export interface Times { times: { start: string; slot: string; doctor: string }[] }
export interface Booking {
  code: string; facility: Place; state: string; stateName: string; start: string | null; end: string | null; day: string; name: string;
  service: string; serviceId: string; doctor: string; room: string; reason: string; changeable: boolean; today: boolean;
  qr: Qr | null; pass: string;
}
