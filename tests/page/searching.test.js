import assert from "node:assert/strict";
import test from "node:test";
import {matches} from "../page/searching.js";

const EVENT = {
  event_id: "e1", event_type: "buy", user_id: "ann",
  properties: {page: "/Pricing", total: 12.5, deep: {er: [true, {name: "Überraschung"}]}, nothing: null}, context: {app: "web"},
};

test("an event is found by its whole id, and by a part of any value", () => {
  for (const text of ["e1", "pricing", "12.5", "true", "überr", "web", ""]) assert.ok(matches(EVENT, text), text);
  for (const text of ["e11", "deep", "ann", "buy", "nothing-like-it"]) assert.ok(!matches(EVENT, text), text);
});

test("a number is compared as it was written", {skip: !JSON.rawJSON && "this engine has no JSON.rawJSON"}, () => {
  assert.ok(matches({properties: {id: JSON.rawJSON("1524831183200260097")}}, "260097"));
});

test("nesting without end is left alone", () => {
  let value = "deep";
  for (let depth = 0; depth < 100; depth += 1) value = [value];
  assert.ok(!matches({properties: {value}}, "deep"));
});
