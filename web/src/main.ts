// The one bundle: looks first, then one small module for each behaviour. Every page works without it.
import "./styles/layers.css";
import "virtual:tabler.css";
import "./styles/tokens.css";
import "./styles/layout.css";
import "./styles/components.css";
import "./styles/fields.css";
import "./styles/charts.css";
import "./styles/reception.css";
import "./styles/accounts.css";
import "./styles/patient.css";
import "./styles/province.css";
import "./styles/phone.css";
import "./styles/results.css";
import "./styles/call.css";
import "./styles/ward.css";
import "./styles/record.css";
import "./styles/print.css";
import "./behaviour/exchange";
import { asked } from "./behaviour/asked";
import { autosave } from "./behaviour/autosave";
import { beds } from "./behaviour/beds";
import { clock } from "./behaviour/clock";
import { combobox } from "./behaviour/combobox";
import { dialogs } from "./behaviour/dialogs";
import { keys } from "./behaviour/keys";
import { lock } from "./behaviour/lock";
import { passkeys } from "./behaviour/passkeys";
import { palette } from "./behaviour/palette";
import { photos } from "./behaviour/photo";
import { scan } from "./behaviour/scan";
import { sheets } from "./behaviour/sheet";
import { tables } from "./behaviour/table";
import { toasts } from "./behaviour/toast";

// Whoever is asked first may take a key: an open list, then the keys of the page, then the rows of a table.
for (const start of [dialogs, combobox, palette, scan, beds, keys, sheets, tables, toasts, autosave, asked, clock, passkeys, lock, photos]) start();
if (document.querySelector("[data-call]")) void import("./behaviour/call").then(({ call }) => call());
if (window.parent !== window) document.documentElement.dataset.framed = ""; // beside a call: without its own top
