// Judges the stage's health from GET /status, and words it. A part that could not be read is null, never zero.
import {clock, day, minute, plural, seconds} from "./wording.js";

// Above this, the page calls the stage slow.
const SLOW_SECONDS = 30;
export const WAITS_LONG_SECONDS = 300;
const MANY_REJECTED = 0.05;
// CloudWatch completes a minute about two minutes later: the running minute and the two before are incomplete.
const FILLING_MINUTES = 3;
const RATE_MINUTES = 5;
// Only recent minutes show whether the stage is slow now.
const NOW_MINUTES = 15;
const MINUTE_MS = 60000;

const PARTS = {
  queue: "the queue", dead_letters: "the dead letters", quarantined: "the quarantine",
  minutes: "the metrics", alarms: "the alarms", ledger: "the ledger",
};

/** Sums up the minutes, and computes rates per second of the complete ones. */
export function summarise(minutes) {
  const sum = (name, some = minutes) => some.reduce((total, each) => total + each[name], 0);
  const rated = minutes.slice(-FILLING_MINUTES - RATE_MINUTES, -FILLING_MINUTES);
  const rate = (name) => sum(name, rated) / (60 * rated.length);
  const timed = minutes.filter((each) => each.seconds_to_stored_p95 !== null).at(-1);
  const isNow = timed && minutes.indexOf(timed) >= minutes.length - NOW_MINUTES;
  return {
    accepted: sum("accepted"), stored: sum("stored"), rejected: sum("rejected"), duplicates: sum("duplicates"),
    acceptedRate: rate("accepted"), storedRate: rate("stored"),
    ratePeriod: `${minute(rated[0].start)}–${minute(new Date(Date.parse(rated.at(-1).start) + MINUTE_MS))}`,
    p50: timed ? timed.seconds_to_stored_p50 : null, p95: timed ? timed.seconds_to_stored_p95 : null,
    timedAt: timed?.start ?? null, isSlow: Boolean(isNow) && timed.seconds_to_stored_p95 > SLOW_SECONDS,
  };
}

/**
 * {level, kind, sentence, advice}: `level` is ok, warn or bad; the worst finding is shown. `kind` stays the same if only
 * numbers change. `command(text)`: returns the command of the toolbox for this stage.
 */
export function judge(stage, command) {
  const hour = stage.minutes && summarise(stage.minutes);
  const verdict = (level, kind, sentence, advice) => ({level, kind, sentence, advice});
  const {dead_letters: dead, quarantined, queue, ledger, alarms} = stage;
  if (ledger && !ledger.balances) {
    return verdict("bad", "missing", `${plural(ledger.chunks.missing, "accepted chunk")} cannot be found.`,
      `Run “${command("ledger")}” to see which part of the sum is missing.`);
  }
  if (dead?.count) {
    return verdict("bad", "dead", `${plural(dead.count, "dead letter")} ${dead.count === 1 ? "waits" : "wait"} for a decision.`,
      `They failed ${dead.max_deliveries} times. “${command("dlq list")}” says why. SQS deletes them 14 days after they were accepted.`);
  }
  if (queue?.oldest_seconds > WAITS_LONG_SECONDS) {
    return verdict("bad", "behind", `The queue is behind: its oldest message has waited ${seconds(queue.oldest_seconds)}.`,
      `${plural(queue.depth, "message")} waiting. The log of the function “process” shows the cause.`);
  }
  if (alarms?.ringing.length) {
    const names = alarms.ringing.map((alarm) => alarm.name);
    return verdict("bad", `alarms ${names.join(" ")}`, names.length === 1 ? `The alarm ${names[0]} rings.` : `${names.length} alarms ring: ${names.join(", ")}.`,
      `Since ${day(alarms.ringing[0].since)}, ${minute(alarms.ringing[0].since)}. docs/operating.md explains what to do for each alarm.`);
  }
  if (ledger?.uncertain?.length) {
    return verdict("warn", "uncertain", `The ledger of ${plural(ledger.uncertain.length, "hour")} is uncertain: it may hide a loss.`,
      `“${command("ledger")}” names the hours, and reads their logs.`);
  }
  if (quarantined?.count) {
    return verdict("warn", "quarantined", `${plural(quarantined.count, "message")} in quarantine.`,
      `“${command("quarantine list")}” shows the reasons.`);
  }
  if (hour && hour.rejected > MANY_REJECTED * (hour.accepted + hour.rejected)) {
    const share = Math.round(100 * hour.rejected / (hour.accepted + hour.rejected));
    return verdict("warn", "rejected", `${share}% of the events of the last hour were rejected.`, "The reasons are below, under “Rejected”.");
  }
  if (hour?.isSlow) {
    return verdict("warn", "slow", `Slow: it takes ${seconds(hour.p95)} until an event can be queried.`, "The queue fills faster than it is processed, or the table throttles.");
  }
  const unknown = Object.keys(PARTS).filter((name) => stage[name] === null || stage[name] === undefined);
  if (unknown.length) {
    return verdict("warn", `unknown ${unknown.join(" ")}`, "The stage answers, but its health is only partly known.",
      `It could not read ${unknown.map((name) => PARTS[name]).join(", ")}. The log of the API function shows the cause.`);
  }
  const facts = [arrivals(stage, hour)];
  if (hour.accepted && hour.p50 !== null) facts.push(`Events can be queried ${seconds(hour.p50)} after they are accepted.`);
  if (queue.depth) facts.push(`${plural(queue.depth, "message")} on the way.`);
  if (!alarms.count) facts.push("No alarms are set up.");
  return verdict("ok", "well", hour.accepted ? "All is well: everything accepted is stored or on its way." : "All is well, and quiet.", facts.join(" "));
}

/** A sentence on when events arrived. */
function arrivals(stage, hour) {
  const last = stage.last_accepted;
  if (hour.accepted) return `${plural(hour.accepted, "event")} in the last hour${last ? `, the last at ${minute(last.from)}` : ""}.`;
  if (!last) return `No event has arrived since ${day(stage.ledger.from)}.`;
  return `No event has arrived in the last hour. The last one came on ${day(last.from)} between ${minute(last.from)} and ${minute(new Date(Date.parse(last.from) + 60 * MINUTE_MS))}.`;
}

/** The verdict if the stage does not answer. `since`: when it last answered; null: never. */
export function away(since, {message = "", waits = false} = {}) {
  const at = since === null ? "" : ` since ${clock(since)}`;
  return {
    level: "bad", kind: "away",
    sentence: message ? `The stage cannot report its health${at}.` : `The stage does not answer${at}.`,
    advice: [message || (waits ? "It has not answered yet." : "The stage, or the network to it, is down."),
      since === null ? "" : `The numbers below are from ${clock(since)}.`, "This page keeps trying."].filter(Boolean).join(" "),
  };
}

/** The types and values of a report, most frequent first. Pages by `page` and by `path` are one list. */
export function rankings(report, most) {
  const ranked = (entries) => entries.sort((one, other) => other.count - one.count).slice(0, most);
  const found = [["Event types", ranked(Object.entries(report.counts).map(([value, number]) => ({value, count: number})))]];
  const pages = new Map();
  for (const {value, count: number} of [...(report.top.page ?? []), ...(report.top.path ?? [])]) pages.set(value, (pages.get(value) ?? 0) + number);
  if (pages.size) {
    found.push(["Pages", ranked([...pages].map(([value, number]) => ({value, count: number})))]);
  } else {
    const [name] = Object.keys(report.top).filter((each) => report.top[each].length);
    if (name) found.push([`Values of ${name}`, ranked([...report.top[name]])]);
  }
  return found;
}

const DAY_MS = 86400000;

/** The days to show: of the days with reports, newest first, those of a week. `earlier`: whether there are earlier ones. */
export function week(days) {
  const last = days[0];
  const shown = days.filter((each) => each > last - 7 * DAY_MS);
  return {first: shown.at(-1), last, earlier: shown.length < days.length};
}

