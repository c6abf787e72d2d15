// The details pane: one thing whole, with its neighbours a key away.
import {byId, copyButton, h} from "./elements.js";
import {time, times} from "./wording.js";

const dialog = byId("details");
const state = {list: null, key: null};

/** `list`: {rows, keyOf(row), title(row), facts(row), whole(row)}; opens the row with the key. */
export function openDetails(list, key) {
  state.list = list;
  show(key);
  if (!dialog.open) dialog.showModal();
  byId("details-body").focus();
}

function show(key) {
  const {list} = state;
  const rows = list.rows;
  const index = rows.findIndex((row) => list.keyOf(row) === key);
  if (index < 0) return;
  state.key = key;
  const row = rows[index];
  const whole = JSON.stringify(list.whole(row), null, 2);
  byId("details-title").textContent = list.title(row);
  byId("details-previous").disabled = index === 0;
  byId("details-next").disabled = index === rows.length - 1;
  byId("details-body").replaceChildren(
    h("dl", {}, ...list.facts(row).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h("div", {class: "whole"}, h("h3", {}, "As JSON"), copyButton(() => whole)),
    h("pre", {}, whole));
}

function step(by) {
  const rows = state.list.rows;
  const next = rows[rows.findIndex((row) => state.list.keyOf(row) === state.key) + by];
  if (next) show(state.list.keyOf(next));
}

/** Both readings of a time. */
export function bothTimes(text) {
  if (!text) return "–";
  const [utc, local] = [time(text, true), time(text, false)];
  return utc === local ? `${utc} UTC` : `${utc} UTC · ${local} local`;
}

byId("details-previous").addEventListener("click", () => step(-1));
byId("details-next").addEventListener("click", () => step(1));
byId("details-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("keydown", (event) => {
  if (event.target.closest("pre")) return;
  if (event.key === "ArrowDown" || event.key === "j") step(1);
  else if (event.key === "ArrowUp" || event.key === "k") step(-1);
  else return;
  event.preventDefault();
});
times.onChange(() => { if (dialog.open) show(state.key); });
