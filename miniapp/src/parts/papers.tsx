// The papers of a visit as PDF: asked for one at a time, opened by the phone's browser, which saves and shares them.
import { useState } from "react";
import { Problem } from "../api";
import { useApp } from "../app";
import type { Address, Visit } from "../contract";
import { Link } from "../router";
import { t } from "../words";
import { Button, Card, Trouble } from "./basic";
import { Icon } from "./icon";

/** Asks for an address and opens it; `busy` says for which. */
export function useFiles(): { open: (path: string) => void; busy: string; trouble: Problem | null } {
  const app = useApp();
  const [busy, setBusy] = useState("");
  const [trouble, setTrouble] = useState<Problem | null>(null);
  async function fetchOne(path: string): Promise<void> {
    setBusy(path);
    setTrouble(null);
    try {
      await app.host.open((await app.api.post<Address>(path, {})).address);
    } catch (error) {
      setTrouble(error instanceof Problem ? error : new Problem(0, "", t("Không mở được. Cần có mạng; thử lại."), "", ""));
    } finally {
      setBusy("");
    }
  }
  return { open: (path) => void fetchOne(path), busy, trouble };
}

export function PapersOf({ visit }: { visit: Visit }): React.JSX.Element | null {
  const { me } = useApp();
  const { open, busy, trouble } = useFiles();
  if (!visit.papers?.length) return null;
  return (
    <Card className="stack">
      <h2>{t("Giấy tờ (PDF)")}</h2>
      <p className="mute">{t("Giống tờ bệnh viện in, có chữ ký. Mở bằng trình duyệt của máy để lưu, in hoặc gửi.")}</p>
      <Trouble of={trouble} />
      {visit.papers.map((one) => {
        const path = `/app/visits/${visit.id}/papers/${encodeURIComponent(one.id)}`;
        return <Button key={one.id} busy={busy === path} onClick={() => open(path)}><Icon name="file" />{one.name}</Button>;
      })}
      {me?.record?.parts.includes("chart") && <Link className="button quiet" to={`/ho-so/chia-se?luot=${encodeURIComponent(visit.id)}`}><Icon name="share" />{t("Cho bác sĩ nơi khác xem lượt này")}</Link>}
    </Card>
  );
}
