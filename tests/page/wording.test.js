import assert from "node:assert/strict";
import test from "node:test";
import {clock, day, minute, seconds, small, time, visible} from "../page/wording.js";

test("numbers are short, and never in powers of ten", () => {
  assert.deepEqual([0, 1e-7, 0.123, 1.234, 12.34, 1234.5].map(small), ["0", "0.001", "0.12", "1.23", "12.3", "1,235"]);
});

test("durations have a unit that fits", () => {
  assert.deepEqual([null, 0.25, 0.99999, 45, 600, 10000, 1e6].map(seconds), ["–", "250 ms", "1 s", "45 s", "10 min", "3 h", "12 days"]);
});

test("times are in UTC unless the reader chooses otherwise", () => {
  const text = "2026-05-17T23:05:03.123Z";
  assert.deepEqual([time(text), clock(text), minute(text), day(text)], ["2026-05-17 23:05:03", "23:05:03", "23:05", "17 May 2026"]);
  assert.equal(time("no time"), "no time");
});

test("a blank name can be seen", () => {
  assert.deepEqual(["a", " ", ""].map(visible), ["a", "(blank)", "(blank)"]);
});
