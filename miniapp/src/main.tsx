// The whole app on one page: where it runs, in which language, and which address is which screen.
import "./styles.css";
import { Component, type ComponentType, lazy, type ReactNode, Suspense, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { Api } from "./api";
import { App, AppProvider, useApp } from "./app";
import { findHost } from "./host";
import { dress } from "./looks";
import { Button, Empty, Screen as Plain, Skeleton } from "./parts/basic";
import { Shell } from "./parts/shell";
import { Ways, useWay } from "./router";
import { SignIn } from "./screens/sign_in";
import { Today } from "./screens/today";
import { Vault } from "./vault";
import { speak, t } from "./words";

type Screen = ComponentType<{ args: string[] }>;
const bring = {
  whose: () => import("./screens/whose"),
  book: () => import("./screens/book"),
  booking: () => import("./screens/booking"),
  fees: () => import("./screens/fees"),
  payment: () => import("./screens/payment"),
  record: () => import("./screens/record"),
  me: () => import("./screens/me"),
  feedback: () => import("./screens/feedback"),
  away: () => import("./screens/take_away"),
  arrival: () => import("./screens/arrival"),
  questions: () => import("./screens/questions"),
  remote: () => import("./screens/remote"),
  hospital: () => import("./screens/hospital"),
};
const later = (of: () => Promise<Screen>): Screen => lazy(async () => ({ default: await of() }));
const Whose = later(async () => (await bring.whose()).Whose);

/** Address → screen. `open`: for somebody without a session too. */
const SCREENS: { at: RegExp; screen: Screen; open?: boolean }[] = [
  { at: /^\/$/, screen: Today },
  { at: /^\/chon$/, screen: Whose },
  { at: /^\/dat-kham$/, screen: later(async () => (await bring.book()).Services), open: true },
  { at: /^\/dat-kham\/([\w.-]+)$/, screen: later(async () => (await bring.book()).Times), open: true },
  { at: /^\/dat-kham\/([\w.-]+)\/([\w.-]+)$/, screen: later(async () => (await bring.book()).Confirm), open: true },
  { at: /^\/lich-hen\/([\w-]+)$/, screen: later(async () => (await bring.booking()).BookingScreen), open: true },
  { at: /^\/lich-hen\/([\w-]+)\/thanh-toan$/, screen: later(async () => (await bring.payment()).PaymentScreen) },
  { at: /^\/da-den$/, screen: later(async () => (await bring.arrival()).Arrived) },
  { at: /^\/chi-phi$/, screen: later(async () => (await bring.fees()).FeesScreen) },
  { at: /^\/ho-so$/, screen: later(async () => (await bring.record()).Visits) },
  { at: /^\/ho-so\/luot-kham\/([\w.-]+)$/, screen: later(async () => (await bring.record()).VisitScreen) },
  { at: /^\/ho-so\/ket-qua$/, screen: later(async () => (await bring.record()).Results) },
  { at: /^\/ho-so\/ket-qua\/(.+)$/, screen: later(async () => (await bring.record()).ResultScreen) },
  { at: /^\/ho-so\/thuoc$/, screen: later(async () => (await bring.record()).Medicines) },
  { at: /^\/ho-so\/tiem-chung$/, screen: later(async () => (await bring.record()).Protection) },
  { at: /^\/ho-so\/tai-ve$/, screen: later(async () => (await bring.away()).Copies) },
  { at: /^\/ho-so\/chia-se$/, screen: later(async () => (await bring.away()).Shares) },
  { at: /^\/toi$/, screen: later(async () => (await bring.me()).Mine), open: true },
  { at: /^\/toi\/ai-da-mo$/, screen: later(async () => (await bring.me()).Opened) },
  { at: /^\/toi\/dong-y$/, screen: later(async () => (await bring.me()).ConsentsScreen) },
  { at: /^\/toi\/nguoi-than$/, screen: later(async () => (await bring.me()).Relatives) },
  { at: /^\/toi\/gop-y$/, screen: later(async () => (await bring.feedback()).FeedbackScreen) },
  { at: /^\/toi\/khao-sat$/, screen: later(async () => (await bring.feedback()).SurveyScreen) },
  { at: /^\/toi\/benh-vien$/, screen: later(async () => (await bring.hospital()).Hospital), open: true },
  { at: /^\/toi\/hoi-bac-si$/, screen: later(async () => (await bring.questions()).QuestionList) },
  { at: /^\/toi\/hoi-bac-si\/moi$/, screen: later(async () => (await bring.questions()).Ask) },
  { at: /^\/toi\/hoi-bac-si\/([\w.-]+)$/, screen: later(async () => (await bring.questions()).Thread) },
  { at: /^\/kham-tu-xa$/, screen: later(async () => (await bring.remote()).RemoteScreen) },
  { at: /^\/kham-tu-xa\/moi$/, screen: later(async () => (await bring.remote()).AskScreen) },
  { at: /^\/kham-tu-xa\/([\w-]+)$/, screen: later(async () => (await bring.remote()).RequestScreen) },
  { at: /^\/phong$/, screen: later(async () => (await bring.remote()).OutsideScreen), open: true },
  { at: /^\/toi\/thiet-bi$/, screen: later(async () => (await bring.me()).Devices) },
];

function Here(): React.JSX.Element {
  const { path } = useWay();
  const { me } = useApp();
  const found = SCREENS.find((one) => one.at.test(path)) ?? SCREENS[0]!;
  const args = (found.at.exec(path) ?? []).slice(1).map(decodeURIComponent);
  const closed = !found.open && !me?.record;
  const Screen = !closed ? found.screen : me ? Whose : SignIn;
  return (
    <Broken key={path}>
      <Suspense fallback={<main><Skeleton /></main>}><Screen args={args} /></Suspense>
    </Broken>
  );
}

/** A screen that broke says so; the others go on. */
class Broken extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };
  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }
  override render(): ReactNode {
    if (!this.state.broken) return this.props.children;
    return (
      <Plain title={t("Ứng dụng gặp lỗi")} quiet>
        <Empty icon="alert" title={t("Ứng dụng gặp lỗi")}>
          <p>{t("Không mất gì trong hồ sơ. Mở lại màn hình này; nếu vẫn lỗi, báo quầy tiếp đón.")}</p>
          <Button kind="primary" onClick={() => location.reload()}>{t("Mở lại")}</Button>
        </Empty>
      </Plain>
    );
  }
}

/** Once she is in and nothing else is going on, what she may want without a connection is brought. */
function Ahead(): null {
  const app = useApp();
  const record = app.me?.record?.key;
  useEffect(() => {
    const timer = setTimeout(() => {
      for (const one of Object.values(bring)) void one().catch(() => undefined);
      if (record) void app.bringAhead();
    }, 1500);
    return () => clearTimeout(timer);
  }, [app, record]);
  return null;
}

async function start(): Promise<void> {
  const host = await findHost();
  dress(host);
  const [vault] = await Promise.all([Vault.open(host), speak(host.kept("language") === "en" ? "en" : "vi")]);
  const app = new App(host, new Api(host), vault);
  await app.start();
  createRoot(document.getElementById("app")!).render(
    <AppProvider value={app}>
      <Ways root={host.root}>
        <Shell><Here /></Shell>
        <Ahead />
      </Ways>
    </AppProvider>,
  );
}

void start();
