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

/** `way`: how one finds the room, in words; "" where nobody has written any. */
export interface Ticket { number: string; room: string; way: string; state: "waiting" | "called" | "serving" | "skipped" }
export interface Queue { ahead: number; minutes: number; inside: string }
export interface Step { text: string; state: "done" | "on" | ""; way: string }
export interface Next { code: string; start: string | null; day: string; state: string; what: string; where: string[]; qr: Qr | null }
export interface Day {
  person: { name: string; number: string; birthDate: string; qr: Qr | null };
  visit: Visit | null;
  ticket: Ticket | null; place: Queue | null; steps: Step[]; next: Next | null; emergencies: number;
}

export interface Result {
  name: string; code: string; value: string; unit: string; range: string; flag: string; plain: string; tone: Tone;
  when: string; number: number | null; low: number | null; high: number | null;
}
export interface Curve { last: Result; values: Result[]; since: string }
export interface Finding { name: string; text: string; conclusion: string; when: string | null; pictures: string[] }
export interface Medicine {
  title: string; directions: string; doses: { time: string; name: string; dose: string }[]; days: number; quantity: string;
  until: string | null; running: boolean; note: string; asNeeded: boolean; visit: string;
}
/** A prescription that can be reminded of by the clock. */
export interface Reminding { visit: string; on: boolean; times: string[]; until: string }
export interface Medicines { medicines: Medicine[]; reminders: Reminding[] }
export interface VisitLine { id: string; when: string | null; what: string; diagnosis: string; open: boolean }
export interface Visit {
  id: string; when: string | null; open: boolean; reason: string; place: string; doctor: string; diagnoses: string[]; advice: string;
  addenda: string[]; outcome: string; outcomeName: string; results: Curve[]; findings: Finding[]; medicines: Medicine[];
  papers: Paper[];
}
/** A paper of a visit as PDF. */
export interface Paper { id: string; name: string }
/** Where something is fetched, once. */
export interface Address { address: string; minutes: number }
export interface Copy { id: string; state: "waiting" | "working" | "done" | "failed"; seen: number; total: number; made: string; ends: string }
export interface Share {
  id: string; visit: string; labelled: boolean; made: string; ends: string; state: "open" | "ended" | "over" | "guessed" | "relation"; readers: string[];
}
/** What opens a share: told once, kept on this phone. */
export interface Opens { id: string; address: string; code: string; ends: string; qr: Qr | null }
export interface Vaccination { name: string; day: string | null; dose: number; lot: string; place: string; told: boolean }
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

interface Hours { days: string[]; start: string; end: string }
export interface Board {
  facility: Place; about: string; address: string; phone: string; hours: Hours[]; position: { latitude: number; longitude: number } | null;
  news: { id: string; title: string; words: string; first: string; last: string }[]; prices: { name: string; amount: number }[];
}
export interface DoctorHours { name: string; service: string; room: string; hours: Hours[] }

export interface Surveys { visits: { id: string; when: string | null; place: string }[]; questions: { code: string; name: string }[] }

export interface QuestionLine {
  at: string; by: "patient" | "relative" | "doctor"; name: string; words: string; files: { id: string; name: string }[]; assessment: boolean;
}
export interface Question {
  id: string; state: "waiting" | "taken" | "answered" | "closed"; stateName: string; urgent: boolean; specialty: string; doctor: string;
  visit: string; sent: string; due: string | null; rating: number | null; lines: QuestionLine[];
}
export interface QuestionService {
  id: string; name: string; now: boolean; start: string; answered: string;
  doctors: { name: string; hours: Hours[] }[];
}
export interface Questions { questions: Question[]; services: QuestionService[]; emergency: string[]; open: number; most: number }
export interface Remote {
  id: string; state: "requested" | "accepted" | "rejected" | "cancelled" | "in-progress" | "completed"; stateName: string; specialty: string;
  doctor: string; asked: string; wished: string | null; start: string | null; reason: string; open: boolean; visit: string;
}
export interface Remotes {
  requests: Remote[]; specialties: { id: string; name: string; doctors: { id: string; name: string }[] }[]; consented: boolean;
  emergency: string[];
}

export interface Service { id: string; name: string; comment: string; first: string | null; doctors: { schedule: string; name: string; room: string }[]; symptoms: string[] }
export interface Offer { id: string; name: string; note: string; service: string; serviceName: string; price: number | null; items: string[] }
export interface Services { services: Service[]; emergency: string[] }
export interface Days { days: { day: string; free: number }[]; last: string }
export interface Times { times: { start: string; slot: string; doctor: string }[] }
export interface Booking {
  code: string; facility: Place; state: string; stateName: string; start: string | null; end: string | null; day: string; name: string;
  service: string; serviceId: string; doctor: string; room: string; way: string; reason: string; payer: string; package: string; changeable: boolean; today: boolean;
  qr: Qr | null; pass: string;
}
export interface Fees {
  lines: { name: string; amount: number | null; insured: number }[]; total: number; insured: number; prepaid: number; due: number;
  percent: number; note: string;
}
export interface Insurance {
  state: "none" | "asking" | "good" | "bad" | "unknown"; text: string; card: string; until: string | null; percent: number | null;
  line: "" | "here" | "elsewhere"; lineText: string; asked: string | null;
}
/** What Zalo's Checkout takes; the mac is the program's. */
export interface Order { amount: number; desc: string; item: { id: string; amount: number }[]; extradata: string; mac: string }
export interface Payment {
  amount: number; what: string; ways: ("qr" | "checkout")[]; reference: string;
  state: "" | "asked" | "paid" | "refund-asked" | "refunded" | "ended"; stateName: string; qr: Qr | null;
  account: { bank: string; number: string; holder: string } | null; order: Order | null;
}
