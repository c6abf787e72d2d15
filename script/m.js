// The script of one line of HTML: page views and events of a site, sent to the stage that served the script.
// `make script` writes chalicelib/http/static/m.js from this file. docs/script.md says what it does.
// @ts-check

/** @typedef {{ timestamp?: string, context: Record<string, unknown> }} Sent what is looked at of an event */
/** @typedef {{ track(type: string, properties?: Record<string, unknown>): void, identify(user: string,
 *   traits?: Record<string, unknown>): void, reset(): void, consent(given: boolean): void }} Millrace */

(() => {
  const script = /** @type {HTMLScriptElement} */ (document.currentScript ?? document.querySelector('script[data-key]'));
  if ('millrace' in window) return;
  const { key = '', consent: asks, pages } = script.dataset;
  const host = script.src.replace(/\/(assets\/[^/]+\/)?m\.js.*/, '');
  const prefix = 'millrace:';
  const queued = `${prefix}event:${key}:`;
  // A browser lets 64 KB be in flight while it leaves a page: a request that was begun, and the last one.
  const mostBytes = 30_000;
  const mostEvents = 500;
  const mostWaitMs = 300_000;
  const firstWaitMs = 1_000;
  const gatherMs = 200;

  /** Values outlive the page in local storage, and only the page where a browser blocks that.
   * @type {Map<string, string>} */
  const memory = new Map();
  const storage = (() => {
    try {
      const store = localStorage;
      store.setItem(prefix, '');
      store.removeItem(prefix);
      return store;
    } catch {
      return null;
    }
  })();
  /** @param {string} name */
  const get = (name) => memory.get(name) ?? storage?.getItem(name) ?? undefined;
  /** @param {string} name @param {string} [value] */
  const set = (name, value) => {
    memory.delete(name);
    try {
      if (value === undefined) storage?.removeItem(name);
      else if (storage) return storage.setItem(name, value);
    } catch {
      // Full: the page remembers it.
    }
    if (value !== undefined) memory.set(name, value);
  };
  /** Names of all values, of this page and in local storage. */
  const names = () => [...new Set([...memory.keys(), ...Object.keys(storage ?? {})])].filter((name) => name.startsWith(prefix));

  const id = () =>
    [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

  const isRefused =
    navigator.doNotTrack === '1' || /** @type {any} */ (navigator).globalPrivacyControl === true;
  const isOn = () => !isRefused && (asks === undefined ? get(`${prefix}consent`) !== 'no' : get(`${prefix}consent`) === 'yes');

  // The queue: each event is a value of its own, so that two tabs never overwrite each other's. Their names sort by time.
  // After a failure, `wait` is the time until the next request.
  let wait = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let isSending = false;
  let isStopped = false;

  /** @param {number} ms */
  const flushIn = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = undefined;
      // Of several tabs one sends at a time.
      void (navigator.locks ? navigator.locks.request(prefix, flush) : flush());
    }, ms);
  };
  const flushSoon = () => timer ?? flushIn(wait || gatherMs);

  const waiting = () => names().filter((name) => name.startsWith(queued)).sort();
  /** @param {string} text */
  const sizeOf = (text) => new Blob([text]).size;

  /** The oldest events that fit into a request, as [name, JSON]. */
  const next = () => {
    let room = mostBytes;
    return waiting()
      .map((name) => /** @type {[string, string]} */ ([name, get(name) ?? '']))
      .filter(([, text]) => (room -= sizeOf(text)) > 0);
  };

  /** @param {[string, string][]} batch */
  const bodyOf = (batch) => `{"write_key":${JSON.stringify(key)},"events":[${batch.map(([, text]) => text)}]}`;

  /** Take events that were answered out of the queue. One whose time the stage refuses comes again without it.
   * @param {[string, string][]} batch @param {{ events?: { status: string, code?: string, message?: string }[] }} answer */
  const settle = (batch, { events = [] }) =>
    batch.forEach(([name, text], index) => {
      const { status, code, message } = events[index] ?? {};
      /** @type {Sent} */
      const event = JSON.parse(text);
      set(name);
      if (code?.startsWith('timestamp_') && event.timestamp) {
        event.context.client_timestamp = event.timestamp;
        delete event.timestamp;
        set(name, JSON.stringify(event));
      } else if (status === 'rejected') console.warn('Millrace rejected an event:', message, event);
    });

  const flush = async () => {
    const batch = isOn() && !isSending && !isStopped ? next() : [];
    if (!batch.length) return;
    isSending = true;
    wait = Math.min(wait * 2 || firstWaitMs, mostWaitMs);
    try {
      // Plain text and no other headers: a browser then asks no permission first.
      const response = await fetch(`${host}/events`, { method: 'POST', body: bodyOf(batch), keepalive: true, credentials: 'omit' });
      const { status } = response;
      if (status === 200 || status === 422) {
        settle(batch, await response.json());
        wait = 0;
      } else if (status < 500 && status !== 429 && status !== 408) {
        isStopped = true; // until the page is loaded again: nothing of this page will be taken
        console.error('Millrace does not take events of this page:', (await response.json()).detail);
      } else wait = Math.max(wait, 1_000 * Number(response.headers.get('Retry-After')) || 0);
    } catch {
      // Offline, or the answer was lost: sending again changes nothing.
    }
    isSending = false;
    flushIn(wait);
  };

  // What is sent while the page goes has no answer. It stays in the queue, and the next page sends it again.
  const leave = () => {
    const batch = isOn() && !isStopped ? next() : [];
    if (batch.length) navigator.sendBeacon(`${host}/events`, bodyOf(batch));
  };

  /** @param {string} event_type @param {Record<string, unknown>} [properties] */
  const track = (event_type, properties = {}) => {
    if (!isOn()) return;
    const anonymous_id = get(`${prefix}anonymous`) ?? id();
    set(`${prefix}anonymous`, anonymous_id);
    const timestamp = new Date().toISOString();
    const event_id = id();
    const context = { page: path(), language: navigator.language, screen: `${screen.width}x${screen.height}` };
    try {
      const text = JSON.stringify({ event_id, event_type, timestamp, anonymous_id, user_id: get(`${prefix}user`), properties, context });
      if (sizeOf(text) > mostBytes) throw new RangeError(`The event has more than ${mostBytes} bytes.`);
      waiting().slice(0, 1 - mostEvents).forEach((name) => set(name));
      set(`${queued}${timestamp}:${event_id}`, text);
    } catch (error) {
      console.warn('Millrace cannot send an event:', error); // what breaks here must not break the site
    }
    flushSoon();
  };

  /** The path of the page, with the part behind "#/" of single-page apps. */
  const path = () => location.pathname + (location.hash.startsWith('#/') ? location.hash : '');

  let seen = '';
  let referrer = document.referrer.replace(/[?#].*/, '');
  const view = () => {
    if (pages === 'off' || path() === seen || !isOn()) return;
    seen = path();
    const campaign = [...new URLSearchParams(location.search)].filter(([name]) => name.startsWith('utm_'));
    track('page_view', { path: seen, title: document.title, referrer, ...Object.fromEntries(campaign) });
    referrer = location.origin + seen;
  };

  /** @type {Millrace} */
  const api = {
    track,
    identify(user, traits) {
      if (!isOn() || (get(`${prefix}user`) === user && !traits)) return;
      set(`${prefix}user`, user);
      track('identify', traits);
    },
    reset() {
      set(`${prefix}user`);
      set(`${prefix}anonymous`);
    },
    consent(given) {
      if (!given) names().forEach((name) => set(name));
      if (!isRefused) set(`${prefix}consent`, given ? 'yes' : 'no');
      view();
    },
  };
  /** @type {any} */ (window).millrace = api;

  for (const name of /** @type {const} */ (['pushState', 'replaceState'])) {
    const original = history[name];
    history[name] = function (...rest) {
      original.apply(this, rest);
      // The app sets the title after the address.
      setTimeout(view);
    };
  }
  addEventListener('popstate', () => setTimeout(view));
  addEventListener('hashchange', view);
  addEventListener('pagehide', leave);
  addEventListener('pageshow', (event) => {
    if (event.persisted) {
      seen = '';
      view();
    }
  });
  addEventListener('online', () => flushIn(0));
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') leave();
  });
  const start = () => {
    view();
    flushSoon();
  };
  // A page that is loaded before it is asked for may never be seen.
  if (/** @type {any} */ (document).prerendering) document.addEventListener('prerenderingchange', start, { once: true });
  else start();
})();
