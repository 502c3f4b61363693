// Paying before the visit: VietQR to photograph or keep, or Zalo's Checkout. Paid is what the program says, never the screen.
import { useEffect, useState } from "react";
import { Offline, Problem, told } from "../api";
import { useApp, useFresh } from "../app";
import type { Payment } from "../contract";
import { Refused } from "../host";
import { Button, Card, Foot, Loaded, Notice, Pill, Qr, Screen } from "../parts/basic";
import { dong, t } from "../words";

/** While the money is awaited it is looked for so often. */
const AGAIN_MS = 5000;
const TONES = { paid: "ok", asked: "", "refund-asked": "warn", refunded: "", ended: "", "": "" } as const;

export function PaymentScreen({ args: [code] }: { args: string[] }): React.JSX.Element {
  const app = useApp();
  const path = `/app/bookings/${code}/payment`;
  const found = useFresh<Payment>(path, false);
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const awaited = found.value?.state === "asked";
  useEffect(() => {
    if (!awaited) return;
    const looking = setInterval(() => void found.again(), AGAIN_MS);
    return () => clearInterval(looking);
  }, [awaited, found.again]);

  async function start(): Promise<void> {
    setBusy(true);
    setWrong("");
    try {
      await app.api.post<Payment>(path, {});
      await found.again();
    } catch (trouble) {
      if (trouble instanceof Problem) setWrong(told(trouble));
      else if (trouble instanceof Offline) setWrong(t("Không có mạng. Thử lại khi có mạng, hoặc thanh toán tại quầy."));
      else throw trouble;
    } finally {
      setBusy(false);
    }
  }
  async function checkout(one: Payment): Promise<void> {
    setWrong("");
    try {
      const order = await app.host.pay!(one.order!);
      if (order) await app.api.post(`${path}/orders`, { order }); // asked about, should Zalo's word not come
    } catch (trouble) {
      if (trouble instanceof Refused) setWrong(t("Chưa mở được thanh toán của Zalo. Thử lại, hoặc chuyển khoản bằng mã VietQR."));
      else if (!(trouble instanceof Problem || trouble instanceof Offline)) throw trouble;
    }
    await found.again();
  }
  return (
    <Screen title={t("Thanh toán trước")} back={`/lich-hen/${code}`}>
      <Loaded of={found}>
        {(one) => (
          <div className="stack">
            {wrong && <Notice tone="bad">{wrong}</Notice>}
            <Card className="sum">
              <div className="row"><p className="at">{dong(one.amount)}</p>{one.stateName && <Pill tone={TONES[one.state]}>{one.stateName}</Pill>}</div>
              <dl>
                <div><dt>{t("Cho")}</dt><dd>{one.what}</dd></div>
                {one.reference && <div><dt>{t("Mã thanh toán")}</dt><dd>{one.reference}</dd></div>}
              </dl>
            </Card>
            {one.qr && one.account && (
              <Card className="booking">
                <h2>{t("Chuyển khoản VietQR")}</h2>
                <Qr code={one.qr} label={t("Mã VietQR, {amount}", { amount: dong(one.amount) })} said={one.reference} />
                <dl>
                  <div><dt>{t("Tài khoản")}</dt><dd>{one.account.number}</dd></div>
                  <div><dt>{t("Chủ tài khoản")}</dt><dd>{one.account.holder}</dd></div>
                  <div><dt>{t("Nội dung")}</dt><dd>{one.reference}</dd></div>
                </dl>
                <p className="mute">{t("Giữ nguyên số tiền và nội dung. Bệnh viện ghi nhận khi tiền về tài khoản; ảnh chụp màn hình không thay được.")}</p>
              </Card>
            )}
            {one.state === "paid" && <Notice tone="ok">{t("Bệnh viện đã nhận tiền. Đến khám không phải xếp hàng đóng tiền khám.")}</Notice>}
            {one.state === "refund-asked" && <Notice tone="warn">{t("Thu ngân sẽ chuyển lại tiền vào tài khoản bạn đã trả.")}</Notice>}
            <p className="mute">{t("Đây là tiền khám; xét nghiệm, thuốc và phần BHYT trả được tính tại quầy.")}</p>
            {one.state === "asked" && one.order && app.host.pay && <Foot><Button kind="primary" onClick={() => void checkout(one)}>{t("Trả qua Zalo")}</Button></Foot>}
            {(one.state === "" || one.state === "ended") && one.ways.length > 0 && <Foot><Button kind="primary" busy={busy} onClick={() => void start()}>{t("Trả {amount}", { amount: dong(one.amount) })}</Button></Foot>}
          </div>
        )}
      </Loaded>
    </Screen>
  );
}
