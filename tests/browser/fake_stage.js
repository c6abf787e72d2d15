// Answers in the place of a stage, inside the page: what a test sets in `stage` is so at the next question.
// Between two questions `stage.step` events arrive, one a second. No question may be asked before the last is answered.
{
  const MINUTE_MS = 60000;
  const iso = (moment) => new Date(moment).toISOString();
  const stage = window.stage = {
    events: 1000, step: 0, keyLength: 20, down: false, hangs: false, newer: false, asked: [], pending: 0, most: 0,
    delayMs: 0, status: {}, reports: 1, restarted: false,
  };

  function event(number) {
    const at = iso(Date.now() - (stage.events - number) * 1000);
    return {
      key: String(number).padStart(stage.keyLength, "k"), event_id: `id-${number}`, event_type: "view", user_id: "ann", timestamp: at,
      received_at: at, properties: {page: `/${number}`}, context: {}, chunk_id: "c",
    };
  }

  function events({limit, cursor}) {
    if (!cursor) stage.events += stage.step;
    const first = cursor ? Number(cursor) : stage.events;
    const found = Array.from({length: Math.min(Number(limit), first)}, (_, index) => event(first - index));
    return {events: found, next: first > found.length ? String(first - found.length) : null};
  }

  function status() {
    const last = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
    const minutes = Array.from({length: 60}, (_, index) => ({
      start: iso(last - (59 - index) * MINUTE_MS), accepted: stage.events, stored: stage.events, rejected: 0, duplicates: 0,
      seconds_to_stored_p50: 0.2, seconds_to_stored_p95: 0.4,
    }));
    const ledger = {
      from: iso(last), balances: true, accepted: stage.events, stored: stage.events, duplicates: 0, in_flight: 0, dead: 0,
      quarantined: 0, missing: 0, rejected: 0, unanswered: 0, uncertain: [], chunks: {dead: 0, missing: 0},
    };
    return {
      at: iso(Date.now()), queue: {depth: 0, oldest_seconds: null}, dead_letters: {count: 0, max_deliveries: 5},
      quarantined: {count: 0, newest: []}, minutes, last_accepted: {from: iso(last), grain: "minute"},
      alarms: {count: 15, ringing: []}, ledger, ...stage.status,
    };
  }

  function report(start) {
    return {
      project: "default", grain: "day", start: iso(start), version: stage.reports, complete: false, events: 1, unique_users: 1,
      counts: {view: 1}, top: {page: [{value: "/", count: 1}]},
    };
  }

  function reports({limit, to}) {
    const DAY_MS = 86400000;
    const end = Math.floor((to ? Date.parse(to) : Date.now() + DAY_MS) / DAY_MS) * DAY_MS;
    return {reports: Array.from({length: Number(limit)}, (_, index) => report(end - (index + 1) * DAY_MS)), next: "more"};
  }

  function answer(path, parameters) {
    switch (path) {
      case "health": return {status: "ok", open: true, stage: "prod"};
      case "status": return {project: "default", stage: status()};
      case "events": return events(parameters);
      case "counts": return {counts: [{start: parameters.from, event_type: "view", count: 1}]};
      case "reports": return reports(parameters);
      case "rejections": return {rejections: [], next: null};
    }
    throw new Error(`nobody asks for ${path}`);
  }

  const real = window.fetch.bind(window);
  window.fetch = async (address, options) => {
    const url = new URL(address, location.href);
    const path = url.pathname.slice(1);
    if (path === "" && stage.newer) return new Response("<!doctype html> another version");
    if (path === "" || path.startsWith("assets/")) return real(address, options);
    stage.asked.push(path + url.search);
    stage.pending += 1;
    stage.most = Math.max(stage.most, stage.pending);
    try {
      if (stage.hangs) await new Promise((resolve) => { stage.release = resolve; });
      if (stage.delayMs) await new Promise((resolve) => setTimeout(resolve, stage.delayMs));
      if (stage.down) throw new TypeError("Failed to fetch");
      if (stage.refuses) return new Response(JSON.stringify({code: "internal_error", message: stage.refuses}), {status: 500});
      return new Response(JSON.stringify(answer(path, Object.fromEntries(url.searchParams))));
    } finally {
      stage.pending -= 1;
    }
  };
}
