// What today's visit costs so far: an estimate, and said to be one.
import { useFresh } from "../app";
import type { Fees } from "../contract";
import { Card, Empty, Loaded, Notice, Screen } from "../parts/basic";
import { dong, t } from "../words";

export function FeesScreen(): React.JSX.Element {
  const found = useFresh<{ fees: Fees | null }>("/app/fees");
  return (
    <Screen title={t("Chi phí tạm tính")} back="/">
      <Loaded of={found}>
        {({ fees }) => !fees ? <Empty icon="card" title={t("Hôm nay không có lượt khám")} /> : (
          <div className="stack">
            <Notice>{t("Tạm tính theo bảng giá, chưa gồm thuốc. Số phải trả là số trên hoá đơn của thu ngân.")}</Notice>
            <Card className="sum">
              <dl>
                {fees.lines.map((one, at) => <div key={at}><dt>{one.name}</dt><dd>{one.amount === null ? t("chưa có giá") : dong(one.amount)}</dd></div>)}
                <div><dt>{t("Cộng")}</dt><dd>{dong(fees.total)}</dd></div>
                {fees.insured > 0 && <div><dt>{t("BHYT trả {n} %", { n: fees.percent })}</dt><dd>−{dong(fees.insured)}</dd></div>}
                {fees.prepaid > 0 && <div><dt>{t("Đã trả trước")}</dt><dd>−{dong(fees.prepaid)}</dd></div>}
              </dl>
              <p className="at">{fees.due >= 0 ? t("Còn phải trả {amount}", { amount: dong(fees.due) }) : t("Trả thừa {amount}", { amount: dong(-fees.due) })}</p>
            </Card>
            {fees.note && <p className="mute">{fees.note}</p>}
          </div>
        )}
      </Loaded>
    </Screen>
  );
}
