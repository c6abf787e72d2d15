import assert from "node:assert/strict";
import test from "node:test";
import {away, judge, rankings, summarise, week} from "../page/judging.js";

const AT = Date.parse("2026-05-17T10:59:30Z");
const MINUTE_MS = 60000;
const command = (text) => `millrace ${text} --stage prod`;

function minutes(change = () => ({})) {
  return Array.from({length: 60}, (_, index) => ({
    start: new Date(AT - 30000 - (59 - index) * MINUTE_MS).toISOString(),
    accepted: 0, stored: 0, rejected: 0, duplicates: 0, seconds_to_stored_p50: null, seconds_to_stored_p95: null,
    ...change(index),
  }));
}

const LEDGER = {
  from: "2026-05-04T10:00:00Z", balances: true, accepted: 0, stored: 0, duplicates: 0, in_flight: 0, dead: 0,
  quarantined: 0, missing: 0, rejected: 0, unanswered: 0, uncertain: [], chunks: {dead: 0, missing: 0},
};

function stage(change = {}) {
  return {
    at: "2026-05-17T10:59:30Z", queue: {depth: 0, oldest_seconds: null}, dead_letters: {count: 0, max_deliveries: 5},
    quarantined: {count: 0, newest: []}, minutes: minutes(), last_accepted: null, alarms: {count: 15, ringing: []},
    ledger: LEDGER, ...change,
  };
}

test("all is well where every part says so", () => {
  const {level, sentence, advice} = judge(stage(), command);
  assert.equal(level, "ok");
  assert.match(sentence, /All is well, and quiet/);
  assert.match(advice, /No event has arrived since 4 May 2026/);
});

test("all is never said to be well while a part could not be asked", () => {
  for (const part of ["queue", "dead_letters", "quarantined", "minutes", "alarms", "ledger"]) {
    const {level, sentence, kind} = judge(stage({[part]: null}), command);
    assert.equal(level, "warn", part);
    assert.doesNotMatch(sentence, /All is well/);
    assert.equal(kind, `unknown ${part}`);
  }
  const nothing = Object.fromEntries(Object.keys(stage()).filter((name) => name !== "at").map((name) => [name, null]));
  assert.doesNotMatch(judge(stage(nothing), command).sentence, /well[:,]/);
});

test("what is wrong is said even where other parts could not be asked", () => {
  const found = judge(stage({dead_letters: {count: 1, max_deliveries: 5}, minutes: null, alarms: null}), command);
  assert.equal(found.level, "bad");
  assert.match(found.sentence, /^1 dead letter waits/);
});

test("an alarm that rings is named", () => {
  const ringing = [{name: "ReportLag", since: "2026-05-17T09:05:00Z"}];
  const {level, sentence, advice} = judge(stage({alarms: {count: 15, ringing}}), command);
  assert.equal(level, "bad");
  assert.match(sentence, /ReportLag/);
  assert.match(advice, /17 May 2026, 09:05/);
});

test("commands name the stage", () => {
  const broken = {
    "ledger": {ledger: {...LEDGER, balances: false, chunks: {dead: 0, missing: 2}}},
    "dlq list": {dead_letters: {count: 2, max_deliveries: 5}},
    "quarantine list": {quarantined: {count: 2, newest: []}},
  };
  for (const [name, change] of Object.entries(broken)) {
    assert.ok(judge(stage(change), command).advice.includes(`“millrace ${name} --stage prod”`), name);
  }
});

test("it says when the last event arrived", () => {
  const busy = minutes((index) => (index === 40 ? {accepted: 3, stored: 3} : {}));
  const last = {from: busy[40].start, grain: "minute"};
  assert.match(judge(stage({minutes: busy, last_accepted: last}), command).advice, /3 events in the last hour, the last at 10:40/);
  const quiet = {last_accepted: {from: "2026-05-12T14:00:00Z", grain: "hour"}};
  assert.match(judge(stage(quiet), command).advice, /came on 12 May 2026 between 14:00 and 15:00/);
});

test("nothing is said to wait while nothing does, and the other way round", () => {
  assert.match(judge(stage({queue: {depth: 7, oldest_seconds: 2}}), command).advice, /7 messages on the way/);
});

test("the kind of a verdict stays while only its numbers change", () => {
  const kinds = [1, 2, 30].map((count) => judge(stage({dead_letters: {count, max_deliveries: 5}}), command).kind);
  assert.deepEqual(new Set(kinds), new Set(["dead"]));
});

test("rates are those of minutes that are complete, whatever the newest ones say so far", () => {
  const steady = minutes((index) => ({accepted: index >= 57 ? 100 : 1200, stored: 1200}));
  const found = summarise(steady);
  assert.equal(found.acceptedRate, 20);
  assert.equal(found.ratePeriod, "10:52–10:57");
});

test("the stage is slow now, or not", () => {
  const slow = (at) => summarise(minutes((index) => (index === at ? {seconds_to_stored_p50: 40, seconds_to_stored_p95: 60} : {}))).isSlow;
  assert.deepEqual([slow(59), slow(46), slow(30)], [true, true, false]);
});

test("a stage that does not answer is said not to, since when", () => {
  const found = away(AT);
  assert.equal(found.level, "bad");
  assert.match(found.sentence, /does not answer since 10:59:30/);
  assert.match(found.advice, /numbers below are from 10:59:30/);
  assert.doesNotMatch(away(null).advice, /numbers below/);
  assert.match(away(AT, {message: "An internal error."}).advice, /An internal error/);
});

test("a ledger that may hide a loss is not said to be well", () => {
  const {level, sentence} = judge(stage({ledger: {...LEDGER, uncertain: ["2026-05-17T09", "2026-05-17T10"]}}), command);
  assert.equal(level, "warn");
  assert.match(sentence, /2 hours is uncertain/);
});

test("pages by path and by page are one ranking", () => {
  const top = {page: [{value: "/home", count: 1}], path: [{value: "/docs", count: 900}, {value: "/home", count: 53}], referrer: []};
  const [types, pages] = rankings({counts: {buy: 1, look: 5}, top}, 6);
  assert.deepEqual(types, ["Event types", [{value: "look", count: 5}, {value: "buy", count: 1}]]);
  assert.deepEqual(pages, ["Pages", [{value: "/docs", count: 900}, {value: "/home", count: 54}]]);
  assert.equal(rankings({counts: {}, top: {plan: [{value: "large", count: 2}]}}, 6)[1][0], "Values of plan");
});

test("a week begins with its first day that has events", () => {
  const days = ["2026-05-17", "2026-05-16", "2026-05-11", "2026-05-10", "2015-05-20"].map(Date.parse);
  assert.deepEqual(week(days), {first: Date.parse("2026-05-11"), last: Date.parse("2026-05-17"), earlier: true});
  assert.deepEqual(week(days.slice(4)), {first: days[4], last: days[4], earlier: false});
});
