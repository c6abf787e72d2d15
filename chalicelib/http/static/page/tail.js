// The live tail: events newest first, filtered by the stage, searched here, complete on a click.
import {set, setting} from "./address.js";
import {get, key} from "./asking.js";
import {bothTimes, openDetails} from "./details.js";
import {byId, dated, focusRow, h, showRows, write} from "./elements.js";
import {matches} from "./searching.js";
import {Timeline} from "./timeline.js";
import {count, plural, seconds, time, times, visible} from "./wording.js";

const PAGE = 50;
const MOST_ROWS = 1000;
// The most pages that are read to find where new events join the known ones.
const MOST_PAGES = 10;
const SEARCHED_PAGE = 500;
const SEARCHED_EVENTS = 5000;
const TYPING_MS = 350;

const FIELDS = {event_type: "type", user_id: "user"};

export class Tail {
  /** `asker`: takes a turn for each click. `changed`: called when the filter has changed, to query immediately. */
  constructor(asker, changed) {
    Object.assign(this, {asker, timeline: new Timeline((event) => event.key, MOST_ROWS), seen: null, isAnswered: false});
    this.inputs = {type: byId("filter-type"), user: byId("filter-user"), find: byId("find")};
    for (const [name, input] of Object.entries(this.inputs)) input.value = setting(name);
    let typing;
    const read = () => {
      clearTimeout(typing);
      const before = JSON.stringify(this.filter);
      this.readInputs();
      if (JSON.stringify(this.filter) !== before) {
        this.timeline.clear();
        Object.assign(this, {seen: null, isAnswered: false});
        changed();
      }
      this.show();
    };
    byId("filters").addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(read, TYPING_MS);
    });
    byId("filters").addEventListener("submit", (event) => {
      event.preventDefault();
      read();
      if (this.find) this.asker.once(() => this.search());
    });
    byId("clear-filters").addEventListener("click", () => {
      for (const input of Object.values(this.inputs)) input.value = "";
      this.inputs.type.focus();
      read();
    });
    byId("older").addEventListener("click", () => this.asker.once(() => (this.find ? this.search() : this.addOlder())));
    byId("events").addEventListener("keydown", moveFocus);
    times.onChange(() => this.drawAnew());
    this.readInputs();
  }

  readInputs() {
    const values = Object.fromEntries(Object.entries(this.inputs).map(([name, input]) => [name, input.value.trim()]));
    for (const [name, value] of Object.entries(values)) set(name, value);
    this.filter = Object.fromEntries(Object.entries(FIELDS).map(([parameter, name]) => [parameter, values[name]]));
    this.find = values.find;
    this.searched = null; // {found, cursor, examined, back}: a search beyond the listed rows
    byId("clear-filters").disabled = !Object.values(values).some(Boolean);
  }

  isFiltered() {
    return Object.values(this.filter).some(Boolean);
  }

  /** The listed rows. */
  get rows() {
    const rows = this.timeline.rows.filter((event) => matches(event, this.find));
    return this.searched ? [...rows, ...this.searched.found] : rows;
  }

  ask(limit, cursor) {
    return get("events", {...this.filter, limit, cursor}, {asSent: true});
  }

  async refresh() {
    if (this.searched) return; // the results of a search continue the listed rows
    const {filter} = this;
    let {events, next} = await this.ask(PAGE);
    for (let page = 1; page < MOST_PAGES && next && !this.timeline.meets(events); page += 1) {
      const more = await this.ask(PAGE, next);
      events = [...events, ...more.events];
      next = more.next;
    }
    if (filter !== this.filter || this.searched) return; // the answer to an outdated query
    this.timeline.take(events, next);
    this.isAnswered = true;
    this.show();
  }

  async addOlder() {
    const {filter} = this;
    const {events, next} = await this.ask(PAGE, this.timeline.older);
    if (filter !== this.filter) return;
    const {length} = this.timeline.rows;
    this.timeline.add(events, next);
    for (const event of events) this.seen.add(event.key); // older events are not marked as new
    const hadFocus = document.activeElement === byId("older");
    this.show();
    if (hadFocus && byId("older").hidden) focusRow(byId("events").children[length]);
  }

  /** Searches older events for the text, some thousands at a time, and stores only the matches. */
  async search() {
    const {filter, find} = this;
    this.searched ??= {found: [], cursor: this.timeline.older, examined: this.timeline.rows.length, back: this.timeline.rows.at(-1)?.timestamp};
    const {searched} = this;
    const last = searched.examined + SEARCHED_EVENTS;
    while (searched.cursor && searched.examined < last) {
      const {events, next} = await this.ask(SEARCHED_PAGE, searched.cursor);
      if (filter !== this.filter || find !== this.find || searched !== this.searched) return;
      searched.found.push(...events.filter((event) => matches(event, find)));
      searched.examined += events.length;
      Object.assign(searched, {cursor: next, back: events.at(-1)?.timestamp ?? searched.back});
      this.show();
      if (searched.found.length > MOST_ROWS || !events.length) break;
    }
  }

  drawAnew() {
    byId("events").replaceChildren();
    this.show();
  }

  show() {
    const today = time(new Date().toISOString()).slice(0, 10);
    if (today !== this.today) {
      this.today = today; // rows leave out today's date
      byId("events").replaceChildren();
    }
    const {rows} = this;
    showRows(byId("events"), rows, (event) => event.key, (event) => this.row(event));
    this.seen = this.isAnswered ? new Set(this.timeline.rows.map((event) => event.key)) : null; // to recognise new events later
    const more = this.searched ? this.searched.cursor : this.timeline.older;
    const isFull = !this.find && this.timeline.isFull();
    byId("older").hidden = !more || isFull;
    write(byId("older"), this.find ? "Search older events" : "Older events");
    byId("no-events").hidden = rows.length > 0 && !isFull;
    write(byId("no-events"), isFull ? `More than ${count(MOST_ROWS)} events are not listed here. Filter them, or see “millrace events --to TIME”.` : this.nothing());
    write(byId("tail-note"), this.find ? this.searchedText(rows.length) : "newest first");
  }

  searchedText(found) {
    const {examined, back} = this.searched ?? {examined: this.timeline.rows.length, back: this.timeline.rows.at(-1)?.timestamp};
    const which = this.searched?.cursor === null || (!this.searched && !this.timeline.older) ? "all" : "the newest";
    return `${count(found)} found in ${which} ${plural(examined, "event")}${back ? `, back to ${time(back)}` : ""}`;
  }

  nothing() {
    if (!this.isAnswered) return "Asking the stage …";
    if (this.find) return "None of the events that were searched has this event id, or this text in its properties or context.";
    if (this.timeline.older) return "None of the newest events fits this filter. The button below searches older ones.";
    if (this.isFiltered()) return "No event fits this filter. Types and users are compared whole, as they were sent.";
    return "No events yet.";
  }

  row(event) {
    const fresh = this.seen && !this.seen.has(event.key);
    const open = h("button", {type: "button", class: "open", onclick: () => openDetails(this, event.key)}, ...dated(event.timestamp, this.today));
    return h("tr", {class: fresh ? "fresh" : null},
      h("td", {class: "time"}, open),
      h("td", {class: "type"}, h("span", {}, visible(event.event_type))),
      h("td", {class: "user"}, h("span", {}, visible(userOf(event)))),
      h("td", {class: "rest"}, h("span", {}, brief(event.properties))));
  }

  // The interface that the details pane needs of a list:
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
      ["Ask again", askAgain(event.key)],
    ];
  }
}

const userOf = (event) => event.user_id ?? event.anonymous_id ?? "–";

// The properties that best distinguish events come first.
const TELLING = ["page", "path", "url", "name", "title", "query"];

/** Offers to load one event again: a link, or a command if that needs the reader's key. */
function askAgain(eventKey) {
  const address = `events/${eventKey}`;
  if (!key.get()) return h("a", {href: address}, `GET /${address}`);
  return h("code", {}, `curl -s -H "Authorization: Bearer $MILLRACE_KEY" ${location.origin}${location.pathname}${address}`);
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
