// Asks the stage: with the key where one is needed, again and again while the page is seen, and gently.

const KEY = "millrace.key";
// A stage that answers slowly is asked less: waiting takes this many times as long as the answer did.
const EASE = 10;
const LONGEST_SECONDS = 120;
// A stage that failed is asked again at least so often: it is heard soon after it is back.
const LONGEST_FAILURE_SECONDS = 30;
// API Gateway gives up after 29 seconds.
const ANSWER_MS = 30000;

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.message || `The stage answered ${status}.`);
    this.status = status;
    this.code = problem.code || "";
  }
}

// Where the browser keeps nothing for the page, the key lasts until it is loaded again.
let ownKey = null;

function storage() {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}

export const key = {
  isKept: () => storage() !== null,
  get: () => storage()?.getItem(KEY) ?? ownKey,
  set(value) {
    ownKey = value;
    storage()?.setItem(KEY, value);
  },
  forget() {
    ownKey = null;
    storage()?.removeItem(KEY);
  },
};

/** Since when an answer is awaited; null: none is. */
export const awaited = {since: null};

/** For JSON.parse: a number that JavaScript cannot hold as it was written stays the text it was, for JSON.stringify. */
function exact(name, value, context) {
  const isOther = typeof value === "number" && context?.source !== undefined && String(value) !== context.source;
  return isOther && JSON.rawJSON ? JSON.rawJSON(context.source) : value;
}

/**
 * The answer to GET path?parameters. `asSent`: its numbers are to be shown, and not to be reckoned with.
 * Throws Refused, or what fetch throws.
 */
export async function get(path, parameters = {}, {asSent = false} = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(given).toString();
  const headers = {Accept: "application/json"};
  if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
  awaited.since = Date.now();
  let response, text;
  try {
    response = await fetch(query ? `${path}?${query}` : path, {headers, cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS)});
    text = await response.text();
  } finally {
    awaited.since = null;
  }
  let document = {};
  try {
    document = JSON.parse(text, asSent ? exact : undefined);
  } catch {
    if (response.ok) throw new Refused(response.status, {message: "The stage did not answer with JSON."});
  }
  if (!response.ok) throw new Refused(response.status, document);
  return document;
}

/**
 * Repeats tasks while the page is seen, one at a time: an open page keeps one Lambda container busy, not five.
 * A task that fails is tried again after longer and longer pauses; `outcome(error, loop)` hears of each turn, with
 * null for one that went well.
 */
export class Asker {
  constructor(outcome) {
    this.outcome = outcome;
    this.loops = [];
    this.stopped = false;
    this.before = Promise.resolve();
    document.addEventListener("visibilitychange", () => this.wake());
  }

  wake() {
    for (const loop of this.loops) loop.wake();
  }

  /** One turn for what was clicked: no other task is at work meanwhile. */
  once(task) {
    this.before = this.before.then(() => attempt(this, null, task));
    return this.before;
  }

  every(seconds, task) {
    const loop = new Loop(this, seconds, task);
    this.loops.push(loop);
    loop.wake();
    return loop;
  }

  /** No more turns until `start`; a page that waits for its key asks nothing. */
  stop() {
    this.stopped = true;
  }

  start() {
    this.stopped = false;
    this.wake();
  }
}

class Loop {
  constructor(asker, seconds, task) {
    Object.assign(this, {asker, seconds, task, failures: 0, running: false, again: false, timer: null});
  }

  /** Take a turn now, or right after the one that is being taken. */
  wake() {
    clearTimeout(this.timer);
    if (this.running) this.again = true;
    else this.turn();
  }

  async turn() {
    this.running = true;
    const mine = this.asker.before.then(() => this.ask());
    this.asker.before = mine;
    const took = await mine;
    this.running = false;
    const {again} = this;
    this.again = false;
    if (again) {
      this.turn();
      return;
    }
    if (took === null) return;
    const longest = this.failures ? LONGEST_FAILURE_SECONDS : LONGEST_SECONDS;
    const pause = Math.min(Math.max(this.seconds, took * EASE) * 2 ** this.failures, longest);
    this.timer = setTimeout(() => this.turn(), pause * 1000 * (0.9 + Math.random() * 0.2));
  }

  /** How many seconds the answer took; null if nothing may be asked now. */
  async ask() {
    if (document.hidden || this.asker.stopped) return null;
    const started = performance.now();
    const went = await attempt(this.asker, this, this.task);
    this.failures = went ? 0 : this.failures + 1;
    return (performance.now() - started) / 1000;
  }
}

/** Whether a task went well. */
async function attempt(asker, loop, task) {
  let error = null;
  try {
    await task();
  } catch (caught) {
    error = caught;
  }
  asker.outcome(error, loop);
  return error === null;
}
