// Shows the health of the stage: the sentence, its colour, the title and the icon; the tiles; the ledger.
import {byId, h, table, write} from "./elements.js";
import {summarise, WAITS_LONG_SECONDS} from "./judging.js";
import {clock, count, day, minute, plural, seconds, small} from "./wording.js";

const ICON = document.querySelector("link[rel=icon]");
const ICON_COLOURS = {ok: "%230b6b8a", warn: "%239a5b00", bad: "%23b4232a", waiting: "%2355646f"};
const shown = {verdict: null, icon: "ok"};

/** `verdict`: the result of judging.js. `stage`: the stage's name, for the title. */
export function showHealth(verdict, stage) {
  const {level, kind, sentence, advice} = verdict;
  byId("health").dataset.level = level;
  byId("board").dataset.old = String(kind === "away");
  write(byId("sentence"), sentence);
  write(byId("advice"), advice || "\u00a0");
  // Announced to screen readers when the state changes, not when a number does.
  if (kind !== shown.verdict?.kind) write(byId("announcement"), `${sentence} ${level === "ok" ? "" : advice}`.trim());
  shown.verdict = verdict;
  title(`${sentence.replace(/: .*|\.$/, "")} · ${[stage, "Millrace"].filter(Boolean).join(" · ")}`, level);
}

/** A hidden tab sends no queries and shows no state. */
export function showPaused() {
  title(`Paused · Millrace`, "waiting");
}

function title(text, level) {
  document.title = text;
  if (level === shown.icon) return;
  ICON.setAttribute("href", ICON.getAttribute("href").replace(ICON_COLOURS[shown.icon], ICON_COLOURS[level]));
  shown.icon = level;
}

/** `facts`: {id, label, value, unit, note, level}. Tiles keep their places, and only changes are written. */
export function showTiles(facts) {
  const place = byId("tiles");
  if (place.children.length !== facts.length) {
    place.replaceChildren(...facts.map(({id}) =>
      h("div", {class: "tile", id: `tile-${id}`}, h("p", {class: "label"}), h("p", {class: "value"}, h("span"), h("small")), h("p", {class: "note"}))));
  }
  for (const {id, label, value, unit = "", note, level = ""} of facts) {
    const tile = byId(`tile-${id}`);
    tile.dataset.level = level;
    const [labelled, valued, noted] = tile.children;
    write(labelled, label);
    write(valued.firstChild, value);
    write(valued.lastChild, unit);
    write(noted, note || " ");
  }
}

export function stageTiles(stage) {
  const hour = stage.minutes && summarise(stage.minutes);
  const {queue, dead_letters: dead} = stage;
  const number = (name, show = count) => (hour ? show(hour[name]) : "–");
  const note = (text) => (hour ? text : "not known");
  const waits = queue?.oldest_seconds ? `oldest waits ${seconds(queue.oldest_seconds)}` : queue?.depth ? "being worked off" : "nothing waits";
  const unit = hour ? `/s, ${hour.ratePeriod}` : "/s";
  return [
    {id: "accepted", label: "Accepted", value: number("acceptedRate", small), unit, note: note(`${number("accepted")} in the last hour`)},
    {id: "stored", label: "Stored", value: number("storedRate", small), unit, note: note(`${number("stored")} in the last hour`)},
    {id: "latency", label: "Queryable after", value: hour ? seconds(hour.p50) : "–",
      note: note(hour?.timedAt ? `95% within ${seconds(hour.p95)}, at ${minute(hour.timedAt)}` : "no event timed yet"), level: hour?.isSlow ? "warn" : ""},
    {id: "queue", label: "Queue", value: queue ? count(queue.depth) : "–", unit: queue?.depth === 1 ? "message" : "messages",
      note: queue ? waits : "not known", level: queue?.oldest_seconds > WAITS_LONG_SECONDS ? "bad" : ""},
    {id: "rejected", label: "Rejected", value: number("rejected"), note: note("in the last hour"), level: hour?.rejected ? "warn" : ""},
    {id: "duplicates", label: "Duplicates", value: number("duplicates"), note: note("dropped, last hour")},
    {id: "dead", label: "Dead letters", value: dead ? count(dead.count) : "–", note: dead ? (dead.count ? "need a decision" : "none") : "not known", level: dead?.count ? "bad" : ""},
  ];
}

const PARTS = [
  ["stored", "Stored", "in the table, counted, archived"],
  ["duplicates", "Duplicates", "sent again, changed nothing"],
  ["in_flight", "In flight", "waiting or being processed"],
  ["dead", "Dead letters", "failed too often"],
  ["quarantined", "Quarantined", "kept whole, not processed"],
  ["missing", "Missing", "accepted, but found nowhere"],
];

export function showLedger(stage) {
  byId("ledger").hidden = !stage;
  if (!stage) return;
  const {ledger, at} = stage;
  write(byId("ledger-note"), ledger ? `received since ${day(ledger.from)}` : "");
  if (!ledger) {
    byId("ledger-body").replaceChildren(h("p", {class: "empty"}, "The ledger could not be computed: the metrics, the queue or the table did not answer."));
    return;
  }
  const doubt = ledger.uncertain?.length ? ["bad", `${plural(ledger.uncertain.length, "hour")} uncertain.`] : ["good", "It balances."];
  const [level, verdict] = ledger.balances ? doubt : ["bad", `${plural(ledger.chunks.missing, "chunk")} missing.`];
  const bar = h("div", {class: "sum", "aria-hidden": "true"},
    ...PARTS.filter(([name]) => ledger[name]).map(([name]) => {
      const part = h("i", {"data-part": name});
      part.style.flexGrow = String(ledger[name] / ledger.accepted);
      return part;
    }));
  const rows = PARTS.filter(([name]) => name !== "missing" || ledger.missing).map(([name, label, meaning]) => [
    h("span", {class: "key", "data-part": name}, label), h("span", {class: "muted"}, meaning), count(ledger[name])]);
  rows.push(["Together", h("span", {class: "muted"}, "all accepted events"), count(ledger.accepted)]);
  const notes = [`${plural(ledger.rejected, "event")} rejected at ingestion, not in the sum.`,
    ledger.unanswered && `${count(ledger.unanswered)} of the accepted events were stored although their sender got an error.`, `Computed at ${clock(at)}.`];
  byId("ledger-body").replaceChildren(
    h("p", {class: "equation"}, h("strong", {}, count(ledger.accepted)), " accepted. ", h("span", {class: level}, verdict)),
    bar,
    h("div", {class: "sums"}, table("Outcome of everything accepted", ["Part", "Meaning", "Events"], rows)),
    h("p", {class: "muted"}, notes.filter(Boolean).join(" ")));
}
