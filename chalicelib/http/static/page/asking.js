// Asks the stage: with the key where one is needed, again and again while the page is seen, and gently.

const KEY = "millrace.key";
// A stage that answers slowly is asked less: waiting takes this many times as long as the answer did.
const EASE = 10;
const LONGEST_SECONDS = 120;
// API Gateway gives up after 29 seconds.
const ANSWER_MS = 30000;

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.message || `The stage answered ${status}.`);
    this.status = status;
    this.code = problem.code || "";
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

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
  const response = await fetch(query ? `${path}?${query}` : path, {headers, cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS)});
  const text = await response.text();
  let document = {};
  try {
    document = JSON.parse(text, asSent ? exact : undefined);
  } catch {
    if (response.ok) throw new Refused(response.status, {message: "The stage answered something else than JSON."});
  }
  if (!response.ok) throw new Refused(response.status, document);
  return document;
}

/**
 * Repeats tasks while the page is seen, one at a time: an open page keeps one Lambda container busy, not five.
 * A task that fails is tried again after longer and longer pauses; `outcome(error)` hears of each turn, with
 * null for one that went well.
 */
export class Asker {
  constructor(outcome) {
    this.outcome = outcome;
    this.loops = [];
    this.stopped = false;
    this.before = Promise.resolve();
    document.addEventListener("visibilitychange", () => {
      for (const loop of this.loops) loop.wake();
    });
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
    for (const loop of this.loops) loop.wake();
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
    const pause = Math.min(Math.max(this.seconds, took * EASE) * 2 ** this.failures, LONGEST_SECONDS);
    this.timer = setTimeout(() => this.turn(), pause * 1000 * (0.9 + Math.random() * 0.2));
  }

  /** How many seconds the answer took; null if nothing may be asked now. */
  async ask() {
    if (document.hidden || this.asker.stopped) return null;
    const started = performance.now();
    let error = null;
    try {
      await this.task();
      this.failures = 0;
    } catch (caught) {
      error = caught;
      this.failures += 1;
    }
    this.asker.outcome(error);
    return (performance.now() - started) / 1000;
  }
}
