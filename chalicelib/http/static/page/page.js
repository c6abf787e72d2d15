// The page: decides when to query what, and which part shows the answer.
import {set, setting} from "./address.js";
import {Asker, awaited, get, key, Refused} from "./asking.js";
import {byId, choice, copy, write} from "./elements.js";
import {showHealth, showLedger, showPaused, showTiles, stageTiles} from "./health.js";
import {away, judge} from "./judging.js";
import {Rejections, Reports, showQuarantine} from "./lists.js";
import {Tail} from "./tail.js";
import {Hours, showMinutes, showOwnMinutes, showTop} from "./traffic.js";
import {clock, count, plural, times} from "./wording.js";

// Fast changing data is queried often, data by the minute or slower less often.
const OFTEN_SECONDS = 3;
const SELDOM_SECONDS = 15;
const RARELY_SECONDS = 300;
// After this long, an awaited answer counts as missing.
const PATIENCE_MS = 10000;
// After this long without any input, the page may reload without disturbing a reader.
const UNTOUCHED_MS = 60000;

const VERSION = new URL(".", import.meta.url).pathname.split("/").at(-2);
// `about`: the answer of GET /health. `heard`: when the stage last reported its health. `newest`: the newest day's report.
const state = {about: null, heard: null, status: null, newest: null, listed: 0, own: 0, touched: Date.now(), isLeft: false};

const asker = new Asker(hear);
const tail = new Tail(asker, () => tailLoop.wake());
const reports = new Reports(asker, () => asker.once(() => reports.refresh()));
const rejections = new Rejections(asker);
const hours = new Hours(asker);

/** A command of the toolbox for this stage. */
function command(text) {
  const stage = state.about?.stage ?? "local";
  return `millrace ${text}${stage === "local" ? "" : ` --stage ${stage}`}`;
}

async function refreshStatus() {
  state.about ??= await get("health");
  state.status = await get("status");
  state.heard = Date.now();
  const {project, stage} = state.status;
  write(byId("project"), project);
  byId("project").hidden = project === "default";
  byId("latency").hidden = !stage?.minutes;
  byId("minutes-title").closest("section").classList.toggle("span-3", !stage?.minutes);
  if (stage) showStage(stage);
  else if (Date.now() - state.own > SELDOM_SECONDS * 1000) await showProject();
  showFirstSteps();
}

function showStage(stage) {
  showHealth(judge(stage, command), state.about.stage);
  showTiles(stageTiles(stage));
  if (stage.minutes) showMinutes(stage.minutes);
  showLedger(stage);
  showQuarantine(stage, command);
}

/** The view of a key that does not belong to the operators' project. */
async function showProject() {
  const stored = await showOwnMinutes();
  state.own = Date.now();
  showHealth({level: "ok", kind: "project", sentence: `${plural(stored, "event")} of this project in the last hour.`,
    advice: "The numbers of the whole stage are for keys of its operators' project."}, state.about.stage);
  showTiles([{id: "own", label: "Stored", value: count(stored), note: "in the last hour, by event time"}]);
  showLedger(null);
  showQuarantine(null, command);
}

async function refreshTail() {
  await tail.refresh();
  if (!tail.isFiltered() && tail.isAnswered) byId("welcome").hidden = tail.timeline.rows.length > 0;
}

/** The newest report shows whether there are others. Only then are the lists of reports queried, and rarely. */
async function refreshReports() {
  const tomorrow = new Date((Math.floor(Date.now() / 86400000) + 1) * 86400000).toISOString().slice(0, 19) + "Z";
  const {reports: [newest]} = await get("reports", {grain: "day", to: tomorrow, limit: 1});
  const {newest: before} = state;
  const isLongAgo = Date.now() - state.listed > RARELY_SECONDS * 1000;
  if (isLongAgo || newest?.start !== before?.start) hours.forget();
  if (isLongAgo || !before || newest?.start !== before.start || newest?.version !== before.version) {
    await reports.refresh();
    state.listed = Date.now();
  }
  state.newest = newest;
  showTop(newest);
  const types = [...new Set((await hours.refresh()).map((row) => row.event_type))].sort();
  const list = byId("known-types");
  if (list.dataset.types !== JSON.stringify(types)) {
    list.dataset.types = JSON.stringify(types);
    list.replaceChildren(...types.map((type) => Object.assign(document.createElement("option"), {value: type})));
  }
}

/** Reloads the page if the stage has a newer one: immediately if nobody uses it, else on demand. */
async function refreshPage() {
  const answer = await fetch(location.pathname, {cache: "no-cache"});
  if (!answer.ok || (await answer.text()).includes(VERSION)) return;
  if (Date.now() - state.touched > UNTOUCHED_MS && key.isKept() && !byId("details").open) location.reload();
  else byId("newer").hidden = false;
}

/** Shows the outcome of a turn at the top, or asks for the key if it is missing. */
function hear(error, loop) {
  if (!error) {
    if (loop === statusLoop && state.isLeft) {
      state.isLeft = false;
      asker.wake();
    }
    if (!state.isLeft) pulse("live", "Live");
  } else if (error instanceof Refused && (error.status === 401 || error.code === "forbidden")) {
    asker.stop();
    askForKey(error);
  } else {
    const message = error instanceof Refused ? error.message : "";
    pulse("trouble", message || (state.heard ? `No answer since ${clock(state.heard)}` : "No answer"));
    if (loop === statusLoop) leave({message});
    // fetch throws a TypeError if nobody answers, and a DOMException after a timeout.
    if (!(error instanceof Refused || error instanceof TypeError || error instanceof DOMException)) console.error(error);
  }
}

/** The stage does not report its health: the data on the page is old. */
function leave(reason) {
  state.isLeft = true;
  showHealth(away(state.heard, reason), state.about?.stage);
}

setInterval(() => {
  const waits = awaited.since !== null && Date.now() - awaited.since > PATIENCE_MS;
  if (waits && !document.hidden && !asker.stopped) leave({waits});
}, 1000);

function pulse(condition, text) {
  byId("pulse").dataset.state = condition;
  write(byId("pulse-text"), text);
}

function askForKey(error) {
  pulse("waiting", "Waiting for a key");
  byId("board").hidden = true;
  byId("key-form").hidden = false;
  byId("forget-key").hidden = true;
  write(byId("key-command"), command("keys create --project default --kind read"));
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

/** Commands that send a first event to this stage, with a key if it needs one. */
function showFirstSteps() {
  const {open: isOpen} = state.about;
  const header = isOpen ? "" : " -H 'Authorization: Bearer WRITE_KEY'";
  const here = location.origin + location.pathname.replace(/\/$/, "");
  write(byId("first-curl"), `curl -s ${here}/events${header} -d '{"event_type": "page_view", "user_id": "u123", "page": "/home"}'`);
  write(byId("first-file"), `.venv/bin/${command("send")}${isOpen ? "" : " --key WRITE_KEY"} examples/access.log.gz`);
  byId("first-key").hidden = isOpen;
  write(byId("first-key-command"), command(`keys create --project ${state.status.project} --kind write`));
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
byId("load-newer").addEventListener("click", () => location.reload());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address holds the page's settings
  byId("tail").focus();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) showPaused();
});
for (const touch of ["pointerdown", "keydown", "wheel"]) document.addEventListener(touch, () => { state.touched = Date.now(); }, {passive: true});

function tellZone() {
  write(byId("zone-note"), `Times are in ${times.zoneName()}; days and hours are counted in UTC.`);
}

if (setting("zone") === "local") times.choose("local");
choice("zone", setting("zone") || "utc", (zone) => {
  set("zone", zone === "local" && zone);
  times.choose(zone);
});
times.onChange(() => {
  tellZone();
  if (state.status?.stage) showStage(state.status.stage);
});
tellZone();

for (const button of document.querySelectorAll("[data-copies]")) {
  button.addEventListener("click", () => copy(button, byId(button.dataset.copies).textContent));
}

byId("forget-key").hidden = !key.get();
const statusLoop = asker.every(OFTEN_SECONDS, refreshStatus);
const tailLoop = asker.every(OFTEN_SECONDS, refreshTail);
asker.every(SELDOM_SECONDS, refreshReports);
asker.every(SELDOM_SECONDS, () => rejections.refresh());
asker.every(RARELY_SECONDS, refreshPage);
