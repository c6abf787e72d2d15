import assert from "node:assert/strict";
import test from "node:test";
import {Timeline} from "../page/timeline.js";

const PAGE = 50;

/** A stage whose newest event is `newest`: events are numbers, a cursor is the number that the next page begins at. */
function page(newest, {from = newest, size = PAGE} = {}) {
  const rows = Array.from({length: Math.min(size, from)}, (_, index) => ({key: String(from - index)}));
  return [rows, from > size ? String(from - size) : null];
}

const next = (timeline, newest) => page(newest, {from: Number(timeline.older)});
const numbers = (timeline) => timeline.rows.map((row) => Number(row.key));
const make = (most = 1000) => new Timeline((row) => row.key, most);

/** What the page does with each look: reads on until the newest rows meet the known ones. */
function look(timeline, newest) {
  let [rows, cursor] = page(newest);
  while (cursor && !timeline.meets(rows)) {
    const [more, after] = page(newest, {from: Number(cursor)});
    rows = [...rows, ...more];
    cursor = after;
  }
  timeline.take(rows, cursor);
}

function assertNoGap(timeline) {
  const found = numbers(timeline);
  assert.deepEqual(found, found.map((_, index) => found[0] - index));
  if (timeline.older) assert.equal(Number(timeline.older), found.at(-1) - 1);
}

test("it shows the newest rows and no more", () => {
  const timeline = make();
  for (const newest of [100, 130, 1000]) {
    look(timeline, newest);
    assert.equal(timeline.rows.length, PAGE);
    assert.equal(numbers(timeline)[0], newest);
    assertNoGap(timeline);
  }
});

test("older rows stay while newer ones come, one at a time or more than a page at once", () => {
  const timeline = make();
  look(timeline, 1000);
  timeline.add(...next(timeline, 1000));
  for (const newest of [1001, 1011, 1130, 1131]) {
    look(timeline, newest);
    assert.deepEqual([numbers(timeline)[0], numbers(timeline).at(-1)], [newest, 901]);
    assertNoGap(timeline);
  }
  timeline.add(...next(timeline, 1131));
  assert.equal(numbers(timeline).at(-1), 851);
  assertNoGap(timeline);
});

test("rows that do not meet the known ones replace them: a gap is never shown", () => {
  const timeline = make();
  look(timeline, 1000);
  timeline.add(...next(timeline, 1000));
  timeline.take(...page(5000));
  assert.deepEqual([numbers(timeline)[0], timeline.rows.length], [5000, PAGE]);
  assertNoGap(timeline);
});

test("however long rows come, a bounded number is kept, and what is cut off can be asked for again", () => {
  const timeline = make(200);
  look(timeline, 1000);
  for (let pages = 0; pages < 3; pages += 1) timeline.add(...next(timeline, 1000));
  assert.ok(timeline.isFull());
  for (let newest = 1000; newest < 2000; newest += 7) {
    look(timeline, newest);
    assert.ok(timeline.rows.length <= 200);
    assertNoGap(timeline);
  }
});

test("a row that is gone from the stage goes from the list", () => {
  const timeline = make();
  look(timeline, 100);
  timeline.add(...next(timeline, 100));
  const [rows, cursor] = page(100, {size: PAGE + 1});
  timeline.take(rows.filter((row) => row.key !== "90"), cursor);
  assert.ok(!numbers(timeline).includes(90));
  assert.equal(numbers(timeline).at(-1), 1);
});

test("what was found further back stays while the newest rows hold nothing that fits", () => {
  const timeline = make();
  timeline.take([], "on");
  timeline.add([{key: "7"}], null);
  timeline.take([], "on");
  assert.deepEqual(numbers(timeline), [7]);
  timeline.take([], null);
  assert.deepEqual(numbers(timeline), []);
});
