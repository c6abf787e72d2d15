// The page: what is asked when, and who shows the answers.
import {Asker, get, key, Refused} from "./asking.js";
import {byId, choice, copy, write} from "./elements.js";
import {judge, showHealth, showLedger, showTiles, stageTiles} from "./health.js";
import {Rejections, Reports, showQuarantine} from "./lists.js";
import {Tail} from "./tail.js";
import {Hours, showMinutes, showOwnMinutes, showTop} from "./traffic.js";
import {count, plural, time, times} from "./wording.js";

// What moves is asked often; what comes by the minute or later, less often.
const OFTEN_SECONDS = 3;
const SELDOM_SECONDS = 15;

let lastHeard = null;
let lastStage = null;

const asker = new Asker(hear);
const tail = new Tail(() => tailLoop.wake());
const reports = new Reports(() => reportsLoop.wake());
const rejections = new Rejections();
const hours = new Hours();

async function refreshStatus() {
  const {project, stage} = await get("status");
  lastStage = stage;
  write(byId("project"), project);
  byId("project").hidden = project === "default";
  byId("latency").hidden = !stage?.minutes;
  byId("minutes-title").closest("section").classList.toggle("span-3", !stage?.minutes);
  if (!stage) {
    const stored = await showOwnMinutes();
    showHealth(["ok", `${plural(stored, "event")} of this project in the last hour.`, "The numbers of the whole stage are for keys of its operators' project."]);
    showTiles([{id: "own", label: "Stored", value: count(stored), note: "in the last hour, by event time"}]);
  } else {
    showHealth(judge(stage));
    showTiles(stageTiles(stage));
    if (stage.minutes) showMinutes(stage.minutes);
  }
  showLedger(stage?.ledger, stage?.at);
  showQuarantine(stage);
}

async function refreshTail() {
  await tail.refresh();
  if (!tail.isFiltered()) byId("welcome").hidden = tail.rows.length > 0;
}

async function refreshHours() {
  const counts = await hours.refresh();
  const types = [...new Set(counts.map((row) => row.event_type))].sort();
  const list = byId("known-types");
  if (list.children.length !== types.length) {
    list.replaceChildren(...types.map((type) => Object.assign(document.createElement("option"), {value: type})));
  }
  const {reports: [newest]} = await get("reports", {grain: "day", limit: 1});
  showTop(newest);
}

/** What became of a turn: shown at the top, and where a key is missing, asked for. */
function hear(error) {
  if (!error) {
    lastHeard = Date.now();
    pulse("live", "Live");
  } else if (error instanceof Refused && (error.status === 401 || error.code === "forbidden")) {
    asker.stop();
    askForKey(error);
  } else if (error instanceof Refused) {
    pulse("trouble", error.message);
  } else {
    pulse("trouble", lastHeard ? `No answer since ${time(new Date(lastHeard).toISOString()).slice(11)}` : "No answer");
    if (!(error instanceof TypeError)) console.error(error); // a TypeError is what fetch throws when nobody answers
  }
}

function pulse(state, text) {
  byId("pulse").dataset.state = state;
  write(byId("pulse-text"), text);
}

function askForKey(error) {
  pulse("waiting", "Waiting for a key");
  byId("board").hidden = true;
  byId("key-form").hidden = false;
  byId("forget-key").hidden = true;
  if (key.get()) write(byId("key-problem"), `${error.message} Try another.`);
  key.forget();
  byId("key").focus();
}

function openBoard() {
  byId("board").hidden = false;
  byId("key-form").hidden = true;
  byId("forget-key").hidden = !key.get();
  asker.start();
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key.set(byId("key").value.trim());
  byId("key").value = "";
  openBoard();
});
byId("forget-key").addEventListener("click", () => {
  key.forget();
  location.reload();
});

function tellZone() {
  write(byId("zone-note"), `Times are in ${times.zoneName()}; days and hours are counted in UTC.`);
}

choice("zone", times.choose);
times.onChange(() => {
  tellZone();
  if (lastStage) showLedger(lastStage.ledger, lastStage.at);
});
tellZone();

const here = location.origin + location.pathname.replace(/\/$/, "");
byId("first-curl").textContent = `curl -s ${here}/events -d '{"event_type": "page_view", "user_id": "u123", "page": "/home"}'`;
for (const button of document.querySelectorAll("[data-copies]")) {
  button.addEventListener("click", () => copy(button, byId(button.dataset.copies).textContent));
}

byId("forget-key").hidden = !key.get();
asker.every(OFTEN_SECONDS, refreshStatus);
const tailLoop = asker.every(OFTEN_SECONDS, refreshTail);
asker.every(SELDOM_SECONDS, refreshHours);
const reportsLoop = asker.every(SELDOM_SECONDS, () => reports.refresh());
asker.every(SELDOM_SECONDS, () => rejections.refresh());
