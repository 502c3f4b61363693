// Về bệnh viện: where it is and when it is open, what is new, who treats there and in which hours, and what it costs.
import { useApp, useFresh } from "../app";
import type { Board, DoctorHours, Place } from "../contract";
import { Card, Empty, Loaded, Screen } from "../parts/basic";
import { Icon } from "../parts/icon";
import { remembered } from "./sign_in";
import { date, dong, t } from "../words";

const MAP = "https://www.google.com/maps/search/?api=1&query=";

export function Hospital(): React.JSX.Element {
  const { me, host } = useApp();
  const place: Place | null = me?.facility ?? remembered(host.kept("place"));
  const board = useFresh<Board>(place && `/app/facilities/${place.code}/board`);
  const doctors = useFresh<{ doctors: DoctorHours[] }>(place && `/app/facilities/${place.code}/doctors`);
  if (!place) return <Screen title={t("Về bệnh viện")} back="/toi"><Empty icon="hospital" title={t("Chưa chọn bệnh viện")} /></Screen>;
  return (
    <Screen title={place.name} back="/toi">
      <Loaded of={board}>{(value) => <BoardOf board={value} />}</Loaded>
      <Loaded of={doctors}>{(value) => <Doctors doctors={value.doctors} />}</Loaded>
      {board.value && board.value.prices.length > 0 && (
        <details className="card"><summary>{t("Bảng giá")} · {t("{n} dịch vụ", { n: board.value.prices.length })}</summary>
          <dl className="times-list">{board.value.prices.map((one) => <div key={one.name}><dt>{one.name}</dt><dd>{dong(one.amount)}</dd></div>)}</dl>
        </details>
      )}
    </Screen>
  );
}

function BoardOf({ board }: { board: Board }): React.JSX.Element {
  const { news, hours, address, phone, position, about } = board;
  return (
    <>
      {news.map((one) => (
        <Card key={one.id} className="news">
          <h2>{one.title}</h2>
          <p className="lines">{one.words}</p>
          <p className="mute">{one.first === one.last ? date(one.first) : t("từ {first} đến {last}", { first: date(one.first), last: date(one.last) })}</p>
        </Card>
      ))}
      {(about || address || phone || hours.length > 0) && (
        <Card>
          {about && <p className="lines">{about}</p>}
          {hours.length > 0 && <><h2>{t("Giờ mở cửa")}</h2>{hours.map((one, i) => <p key={i}>{one.days.join(", ")} · <b>{one.start}–{one.end}</b></p>)}</>}
          {address && <><h2>{t("Địa chỉ")}</h2><p>{address}</p></>}
          {(position || address) && <a className="button" target="_blank" rel="noreferrer" href={MAP + encodeURIComponent(position ? `${position.latitude},${position.longitude}` : address)}><Icon name="scan" />{t("Mở bản đồ")}</a>}
          {phone && <a className="button" href={`tel:${phone}`}>{t("Gọi {phone}", { phone })}</a>}
        </Card>
      )}
      {!news.length && !address && !hours.length && <Empty icon="hospital" title={t("Bệnh viện chưa viết gì ở đây")} />}
    </>
  );
}

function Doctors({ doctors }: { doctors: DoctorHours[] }): React.JSX.Element | null {
  const services = [...new Set(doctors.map((one) => one.service))];
  return (
    <>
      {services.length > 0 && <h2>{t("Chuyên khoa và bác sĩ")}</h2>}
      {services.map((service) => {
        const those = doctors.filter((one) => one.service === service);
        return (
          <details key={service} className="card">
            <summary>{service} · {t("{n} bác sĩ", { n: those.length })}</summary>
            {those.map((one) => (
              <p key={`${one.name} ${one.room}`}><b>{one.name}</b><span className="mute block">{[one.room, ...one.hours.map((each) => `${each.days.join(", ")} ${each.start}–${each.end}`)].filter(Boolean).join(" · ")}</span></p>
            ))}
          </details>
        );
      })}
    </>
  );
}
