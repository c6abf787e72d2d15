// Queries the stage, with the key if one is needed. Repeats queries while the page is visible, at a gentle pace.

const KEY = "millrace.key";
// A slow stage is queried less often: the pause is this many times as long as the answer took.
const EASE = 10;
const LONGEST_SECONDS = 120;
// A failed stage is queried at least this often, so that its return is noticed soon.
const LONGEST_FAILURE_SECONDS = 30;
// API Gateway times out after 29 seconds.
const ANSWER_MS = 30000;

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.message || `The stage answered ${status}.`);
    this.status = status;
    this.code = problem.code || "";
  }
}

// If the browser stores nothing for the page, the key lasts until a reload.
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

/** Since when an answer is awaited, or null. */
export const awaited = {since: null};

/** For JSON.parse: keeps a number that JavaScript cannot represent as text, which JSON.stringify then writes unchanged. */
function exact(name, value, context) {
  const isOther = typeof value === "number" && context?.source !== undefined && String(value) !== context.source;
  return isOther && JSON.rawJSON ? JSON.rawJSON(context.source) : value;
}

/**
 * Returns the answer to GET path?parameters. `asSent`: its numbers are only shown, never used in calculations.
 * Throws Refused, or the errors of fetch.
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
 * Repeats tasks while the page is visible, one at a time: so an open page uses one Lambda container, not five.
 * The pauses after a failed task grow. `outcome(error, loop)` is called after each turn, with null after a success.
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

  /** Takes one turn for a click. No other task runs meanwhile. */
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

  /** Takes no more turns until `start`: a page without its key sends no queries. */
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

  /** Takes a turn now, or right after the current one. */
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

  /** The seconds that the answer took; null if nothing may be queried now. */
  async ask() {
    if (document.hidden || this.asker.stopped) return null;
    const started = performance.now();
    const went = await attempt(this.asker, this, this.task);
    this.failures = went ? 0 : this.failures + 1;
    return (performance.now() - started) / 1000;
  }
}

/** Whether a task succeeded. */
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
