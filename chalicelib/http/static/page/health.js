// Whether the stage is well: a sentence, tiles, the ledger. From what GET /status says.
import {byId, h, table, write} from "./elements.js";
import {count, day, plural, seconds, small, time} from "./wording.js";

// Slower than this, and an event is not "a moment later" any more.
const SLOW_SECONDS = 30;
const WAITS_LONG_SECONDS = 300;
const MANY_REJECTED = 0.05;

/** What the minutes add up to, and how it goes just now. */
export function summarise(minutes, at) {
  const sum = (name) => minutes.reduce((total, minute) => total + minute[name], 0);
  const [before, running] = minutes.slice(-2);
  const lasted = 60 + Math.max(1, (new Date(at) - new Date(running.start)) / 1000);
  const rate = (name) => (before[name] + running[name]) / lasted;
  const timed = minutes.filter((minute) => minute.seconds_to_stored_p95 !== null).at(-1);
  return {
    accepted: sum("accepted"), stored: sum("stored"), rejected: sum("rejected"), duplicates: sum("duplicates"),
    acceptedRate: rate("accepted"), storedRate: rate("stored"),
    p50: timed ? timed.seconds_to_stored_p50 : null, p95: timed ? timed.seconds_to_stored_p95 : null,
  };
}

/** One sentence, what to do, and a level: ok, warn or bad. The worst comes first. */
export function judge(stage) {
  const hour = stage.minutes ? summarise(stage.minutes, stage.at) : null;
  const dead = stage.dead_letters?.count ?? 0;
  const quarantined = stage.quarantined?.count ?? 0;
  const oldest = stage.queue?.oldest_seconds ?? 0;
  const depth = stage.queue?.depth ?? 0;
  if (stage.ledger && !stage.ledger.balances) {
    return ["bad", `${plural(stage.ledger.chunks.missing, "accepted chunk")} cannot be found.`,
      "Run “millrace ledger” to see which part of the sum is missing."];
  }
  if (dead) {
    return ["bad", `${plural(dead, "dead letter")} ${dead === 1 ? "waits" : "wait"} for a decision.`,
      `They failed ${stage.dead_letters.max_deliveries} times. “millrace dlq list” says why; nothing is lost while they wait (14 days).`];
  }
  if (oldest > WAITS_LONG_SECONDS) {
    return ["bad", `The queue is behind: its oldest message has waited ${seconds(oldest)}.`,
      `${plural(depth, "message")} waiting. The log of the function “process” says what holds it up.`];
  }
  if (quarantined) {
    return ["warn", `${plural(quarantined, "message")} in quarantine.`, "“millrace quarantine list” says why they are kept there."];
  }
  if (hour && hour.rejected > MANY_REJECTED * (hour.accepted + hour.rejected)) {
    const share = Math.round(100 * hour.rejected / (hour.accepted + hour.rejected));
    return ["warn", `${share}% of what was sent in the last hour was rejected.`, "A client sends what is no event; the reasons are below."];
  }
  if (hour && hour.p95 > SLOW_SECONDS) {
    return ["warn", `Slow: it takes ${seconds(hour.p95)} until an event can be queried.`, "The queue fills faster than it is worked off, or the table throttles."];
  }
  if (!hour) return ["ok", "The stage answers.", "Its metrics cannot be read, so rates and times are not shown."];
  if (!hour.accepted) return ["ok", "All is well, and quiet.", "Nothing was sent in the last hour, and nothing is waiting."];
  const speed = hour.p50 === null ? "" : ` Events can be queried ${seconds(hour.p50)} after they are accepted.`;
  return ["ok", "All is well: everything accepted is stored or on its way.", `${plural(hour.accepted, "event")} in the last hour.${speed}`];
}

export function showHealth([level, sentence, advice]) {
  byId("health").dataset.level = level;
  write(byId("sentence"), sentence);
  write(byId("advice"), advice || " ");
}

/** `facts`: {id, label, value, unit, note, level}; tiles keep their place, and only what changes is written. */
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
  const hour = stage.minutes ? summarise(stage.minutes, stage.at) : null;
  const {queue, dead_letters: dead} = stage;
  const number = (name, show = count) => (hour ? show(hour[name]) : "–");
  return [
    {id: "accepted", label: "Accepted", value: number("acceptedRate", small), unit: "/s", note: `${number("accepted")} in the last hour`},
    {id: "stored", label: "Stored", value: number("storedRate", small), unit: "/s", note: `${number("stored")} in the last hour`},
    {id: "latency", label: "Queryable after", value: hour ? seconds(hour.p50) : "–", note: hour?.p95 == null ? "no event timed yet" : `95% within ${seconds(hour.p95)}`,
      level: hour && hour.p95 > SLOW_SECONDS ? "warn" : ""},
    {id: "queue", label: "Queue", value: queue ? count(queue.depth) : "–", unit: queue?.depth === 1 ? "message" : "messages",
      note: queue?.oldest_seconds ? `oldest waits ${seconds(queue.oldest_seconds)}` : queue?.depth ? "being worked off" : "nothing waits",
      level: queue?.oldest_seconds > WAITS_LONG_SECONDS ? "bad" : ""},
    {id: "rejected", label: "Rejected", value: number("rejected"), note: "in the last hour", level: hour?.rejected ? "warn" : ""},
    {id: "duplicates", label: "Duplicates", value: number("duplicates"), note: "dropped, last hour"},
    {id: "dead", label: "Dead letters", value: dead ? count(dead.count) : "–", note: dead?.count ? "need a decision" : "none", level: dead?.count ? "bad" : ""},
  ];
}

const PARTS = [
  ["stored", "Stored", "in the table, counted, archived"],
  ["duplicates", "Duplicates", "came again and changed nothing"],
  ["in_flight", "In flight", "on their way"],
  ["dead", "Dead letters", "failed too often"],
  ["quarantined", "Quarantined", "kept whole, not processed"],
  ["missing", "Missing", "accepted, and nowhere"],
];

export function showLedger(ledger, at) {
  byId("ledger").hidden = !ledger;
  if (!ledger) return;
  write(byId("ledger-note"), `received since ${day(ledger.from)}`);
  const total = PARTS.reduce((sum, [name]) => sum + Math.max(0, ledger[name]), 0);
  const verdict = ledger.balances ? "It balances." : `${plural(ledger.chunks.missing, "chunk")} missing.`;
  const bar = h("div", {class: "sum", "aria-hidden": "true"},
    ...PARTS.filter(([name]) => ledger[name] > 0).map(([name]) => {
      const part = h("i", {"data-part": name});
      part.style.flexGrow = String(ledger[name] / total);
      return part;
    }));
  const rows = PARTS.filter(([name]) => name !== "missing" || ledger.missing).map(([name, label, meaning]) => [
    h("span", {class: "key", "data-part": name}, label), h("span", {class: "muted"}, meaning), count(ledger[name])]);
  byId("ledger-body").replaceChildren(
    h("p", {class: "equation"}, h("strong", {}, count(ledger.accepted)), ` accepted. `, h("span", {class: ledger.balances ? "good" : "bad"}, verdict)),
    bar,
    h("div", {class: "sums"}, table("What became of everything accepted", ["Part", "Meaning", "Events"], rows)),
    h("p", {class: "muted"}, `${plural(ledger.rejected, "event")} rejected at ingestion, not in the sum. Looked at ${time(at)}.`));
}
