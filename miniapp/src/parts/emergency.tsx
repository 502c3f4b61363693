// Words that do not wait for an answer. The list comes from the program (hospital/emergency.py, where the rule
// is told): a word without its accents, or some of them, counts; one with others does not.
import { t } from "../words";
import { Icon } from "./icon";

const split = (text: string): string[] => (text.normalize("NFC").toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).map((one) => one.normalize("NFD"));
const known = new Map<string, RegExp[]>();

/** What stands for each part of a word: its accents may be missing. */
function typedAs(word: string): RegExp[] {
  let found = known.get(word);
  if (!found) {
    found = split(word).map((part) => new RegExp(`^${part.replace(/\p{M}/gu, "$&?").replace(/đ/g, "[dđ]")}$`, "u"));
    known.set(word, found);
  }
  return found;
}

/** Whether one of the words stands in a text. */
export function heard(text: string, words: readonly string[]): boolean {
  const said = split(text);
  return words.some((word) => said.some((_word, at) => typedAs(word).every((part, i) => part.test(said[at + i] ?? ""))));
}

/** Before anything else: the number to call. */
export function Call115(): React.JSX.Element {
  return (
    <div className="notice bad emergency" role="alert">
      <Icon name="alert" />
      <div>
        <b>{t("Việc này không chờ được câu trả lời.")}</b>
        <p>{t("Nếu bạn hoặc người bệnh đang như vậy, gọi cấp cứu trước. Đừng ở một mình.")}</p>
        <a className="button emergency" href="tel:115">{t("Gọi 115 ngay")}</a>
      </div>
    </div>
  );
}
