// The live tail: events newest first, filtered by the stage, whole on click.
import {get} from "./asking.js";
import {bothTimes, openDetails} from "./details.js";
import {byId, h, showRows, write} from "./elements.js";
import {seconds, time, times, visible} from "./wording.js";

const PAGE = 50;
const MOST_ROWS = 500;
const TYPING_MS = 350;

export class Tail {
  /** `changed`: called when the filter has, to ask at once. */
  constructor(changed) {
    Object.assign(this, {rows: [], older: null, extended: false, seen: new Set(), first: true, filter: {}});
    this.type = byId("filter-type");
    this.user = byId("filter-user");
    let typing;
    const refilter = () => {
      clearTimeout(typing);
      this.filter = {event_type: this.type.value.trim(), user_id: this.user.value.trim()};
      Object.assign(this, {rows: [], older: null, extended: false, first: true});
      byId("clear-filters").disabled = !this.isFiltered();
      changed();
    };
    byId("filters").addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(refilter, TYPING_MS);
    });
    byId("filters").addEventListener("submit", (event) => {
      event.preventDefault();
      refilter();
    });
    byId("clear-filters").addEventListener("click", () => {
      this.type.value = this.user.value = "";
      refilter();
      this.type.focus();
    });
    byId("older").addEventListener("click", () => this.loadOlder());
    byId("events").addEventListener("keydown", moveFocus);
    times.onChange(() => {
      byId("events").replaceChildren();
      this.show();
    });
  }

  isFiltered() {
    return Boolean(this.filter.event_type || this.filter.user_id);
  }

  async refresh() {
    const {filter} = this;
    const page = await get("events", {...filter, limit: PAGE}, {asSent: true});
    if (filter !== this.filter) return; // the answer to an older question
    const keys = new Set(page.events.map((event) => event.key));
    const known = this.rows.filter((event) => !keys.has(event.key));
    this.rows = this.extended ? [...page.events, ...known].slice(0, MOST_ROWS) : page.events;
    if (!this.extended) this.older = page.next;
    this.show();
  }

  async loadOlder() {
    const button = byId("older");
    const {filter} = this;
    button.disabled = true;
    try {
      const page = await get("events", {...filter, limit: PAGE, cursor: this.older}, {asSent: true});
      if (filter !== this.filter) return;
      const keys = new Set(this.rows.map((event) => event.key));
      this.rows = [...this.rows, ...page.events.filter((event) => !keys.has(event.key))];
      this.older = page.next;
      this.extended = true;
      for (const event of page.events) this.seen.add(event.key);
      this.show();
    } finally {
      button.disabled = false;
    }
  }

  show() {
    showRows(byId("events"), this.rows, (event) => event.key, (event) => this.row(event));
    for (const event of this.rows) this.seen.add(event.key);
    this.first = false;
    const none = byId("no-events");
    none.hidden = this.rows.length > 0;
    write(none, this.nothing());
    byId("older").hidden = !this.older || this.rows.length >= MOST_ROWS;
  }

  nothing() {
    if (this.older) return "None of the newest events fits this filter. Older ones may: the button below looks on.";
    if (this.isFiltered()) return "No event fits this filter. Types and users are compared whole, as they were sent.";
    return "No events yet.";
  }

  row(event) {
    const fresh = !this.first && !this.seen.has(event.key);
    const open = h("button", {type: "button", class: "open", onclick: () => openDetails(this, event.key)}, ...dated(event.timestamp));
    return h("tr", {class: fresh ? "fresh" : null},
      h("td", {class: "time"}, open),
      h("td", {class: "type"}, h("span", {}, visible(event.event_type))),
      h("td", {class: "user"}, h("span", {}, visible(userOf(event)))),
      h("td", {class: "rest"}, h("span", {}, brief(event.properties))));
  }

  // What the details pane asks of a list:
  keyOf(event) { return event.key; }
  title(event) { return visible(event.event_type); }
  whole(event) { return event; }
  facts(event) {
    const waited = (new Date(event.received_at) - new Date(event.timestamp)) / 1000;
    return [
      ["Happened", bothTimes(event.timestamp)],
      ["Received", waited > 1 ? `${bothTimes(event.received_at)} · ${seconds(waited)} later` : bothTimes(event.received_at)],
      [event.user_id === undefined ? "Anonymous" : "User", userOf(event)],
      ["Event id", event.event_id],
      ["From", [event.source_ip, event.user_agent].filter(Boolean).join(" · ") || "–"],
      ["Chunk", event.chunk_id],
      ["Ask again", `GET /events/${event.key}`],
    ];
  }
}

const userOf = (event) => event.user_id ?? event.anonymous_id ?? "–";

// What tells events apart at a glance, where there is some of it, comes first.
const TELLING = ["page", "path", "url", "name", "title", "query"];

/** A time in two pieces: where there is no room, the date of today goes. */
function dated(text) {
  const whole = time(text);
  const today = time(new Date().toISOString()).slice(0, 10);
  const date = whole.slice(0, 11);
  return [h("span", {class: date.trim() === today ? "today" : null}, date), whole.slice(11)];
}

function brief(properties) {
  const rank = ([name]) => (TELLING.includes(name) ? TELLING.indexOf(name) : TELLING.length);
  return Object.entries(properties ?? {}).sort((one, other) => rank(one) - rank(other)).map(([name, value]) =>
    `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`).join("   ").slice(0, 300);
}

function moveFocus(event) {
  const step = {ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling"}[event.key];
  const next = step && event.target.closest("tr")?.[step];
  if (!next) return;
  event.preventDefault();
  next.querySelector("button").focus();
}
