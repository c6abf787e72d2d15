// The details pane: shows one row completely. Keys lead to the next and the previous row.
import {byId, copyButton, focusRow, h} from "./elements.js";
import {time, times} from "./wording.js";

const dialog = byId("details");
const state = {list: null, key: null, rows: [], body: null};

/** `list`: {rows, keyOf(row), title(row), facts(row), whole(row)}; opens the row with the key. */
export function openDetails(list, key) {
  Object.assign(state, {list, rows: [], body: document.activeElement.closest("tbody")});
  show(key);
  if (!dialog.open) dialog.showModal();
  byId("details-body").focus();
}

/** The rows of the list. If the open row has left the list: the rows when it was last in it. */
function neighbours() {
  const {list, key} = state;
  if (list.rows.some((row) => list.keyOf(row) === key)) state.rows = list.rows;
  return state.rows;
}

const place = (rows) => rows.findIndex((row) => state.list.keyOf(row) === state.key);

function show(key) {
  const {list} = state;
  state.key = key;
  const rows = neighbours();
  const index = place(rows);
  if (index < 0) return;
  const row = rows[index];
  const whole = list.whole(row);
  const text = typeof whole === "string" ? whole : JSON.stringify(whole, null, 2);
  byId("details-title").textContent = list.title(row);
  byId("details-previous").disabled = index === 0;
  byId("details-next").disabled = index === rows.length - 1;
  byId("details-body").replaceChildren(
    h("dl", {}, ...list.facts(row).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h("div", {class: "whole"}, h("h3", {}, list.wholeName ?? "As JSON"), copyButton(() => text)),
    h("pre", {}, text));
}

function step(by) {
  const rows = neighbours();
  const next = rows[place(rows) + by];
  if (next) show(state.list.keyOf(next));
}

/** A time in both forms. */
export function bothTimes(text) {
  if (!text) return "–";
  const [utc, local] = [time(text, true), time(text, false)];
  return utc === local ? `${utc} UTC` : `${utc} UTC · ${local} local`;
}

byId("details-previous").addEventListener("click", () => step(-1));
byId("details-next").addEventListener("click", () => step(1));
byId("details-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => {
  // The opened row may be gone: the focus goes to the row that was shown last, or to the first row.
  if (state.body?.contains(document.activeElement)) return;
  const rows = [...(state.body?.children ?? [])];
  focusRow(rows.find((row) => row.dataset.key.startsWith(state.key)) ?? rows[0]);
});
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("keydown", (event) => {
  if (event.target.closest("pre")) return;
  if (event.key === "ArrowDown" || event.key === "j") step(1);
  else if (event.key === "ArrowUp" || event.key === "k") step(-1);
  else return;
  event.preventDefault();
});
times.onChange(() => { if (dialog.open) show(state.key); });
