// Lists below the tail: rejections, quarantine, reports. Each row opens whole.
import {get, Refused} from "./asking.js";
import {bothTimes, openDetails} from "./details.js";
import {byId, choice, h, showRows, table} from "./elements.js";
import {count, day, plural, time, times, visible} from "./wording.js";

const SHOWN = 12;

/** A list in an element of the page. `cells(row)`: what a line shows; the first cell opens the row. */
class List {
  constructor(id, heads) {
    this.rows = [];
    this.body = h("tbody");
    this.table = h("table", {}, h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", {scope: "col"}, head)))), this.body);
    this.none = h("p", {class: "empty", hidden: true});
    byId(id).append(h("div", {class: "scroll short"}, this.table, this.none));
    times.onChange(() => this.redraw());
  }

  show(rows, none) {
    this.rows = rows;
    this.table.hidden = rows.length === 0;
    this.none.hidden = rows.length > 0;
    this.none.textContent = none;
    showRows(this.body, rows, (row) => this.keyOf(row), (row) => this.line(row));
  }

  redraw() {
    this.body.replaceChildren();
    showRows(this.body, this.rows, (row) => this.keyOf(row), (row) => this.line(row));
  }

  line(row) {
    const [first, ...rest] = this.cells(row);
    const open = h("button", {type: "button", class: "open", onclick: () => openDetails(this, this.keyOf(row))}, first);
    return h("tr", {}, h("td", {class: "time"}, open), ...rest.map((cell) => h("td", {}, cell)));
  }

  whole(row) { return row; }
}

/** Rejected events with their reasons; hidden where the stage or the key does not offer them. */
export class Rejections extends List {
  constructor() {
    super("rejections-list", ["Time", "Reason", "Field", "What to mend"]);
  }

  async refresh() {
    if (this.absent) return;
    let found;
    try {
      found = (await get("rejections", {limit: SHOWN})).rejections;
    } catch (error) {
      if (!(error instanceof Refused && [403, 404].includes(error.status))) throw error;
      this.absent = byId("rejections").hidden = true; // until the page is loaded again
      return;
    }
    byId("rejections").hidden = false;
    this.show(found, "Nothing was rejected. An event that is, shows up here with the reason.");
  }

  keyOf(row) { return JSON.stringify([row.received_at, row.code, row.index, row.field, row.event]); }
  cells(row) { return [time(row.received_at), h("code", {class: "reason"}, row.code), row.field ?? "–", row.message]; }
  title(row) { return `Rejected: ${row.code}`; }
  facts(row) {
    return [["Received", bothTimes(row.received_at)], ["Reason", row.code], ["Field", row.field ?? "–"], ["What to mend", row.message],
      ["The event", typeof row.event === "string" ? row.event : JSON.stringify(row.event)]];
  }
}

export class Reports extends List {
  constructor(changed) {
    super("reports-list", ["Window", "Events", "Users", "Version", "State"]);
    this.grain = "day";
    choice("grain", (grain) => {
      this.grain = grain;
      changed();
    });
  }

  async refresh() {
    const {grain} = this;
    const {reports} = await get("reports", {grain, limit: SHOWN});
    if (grain === this.grain) this.show(reports, "The first report comes some minutes after the first event.");
  }

  keyOf(row) { return `${row.grain} ${row.start} ${row.version} ${row.complete}`; }
  name(row) { return row.grain === "day" ? day(row.start) : time(row.start).slice(0, 16); }
  cells(row) {
    return [this.name(row), count(row.events), count(row.unique_users), `v${row.version}`,
      h("span", {class: "state", "data-complete": String(row.complete)}, row.complete ? "complete" : "open")];
  }
  title(row) { return `Report of ${this.name(row)}`; }
  facts(row) {
    return [
      ["Window", `${row.grain} from ${bothTimes(row.start)}`],
      ["Version", `${row.version}, ${row.complete ? "complete: its time is over" : "still open: its time is not over"}`],
      ["Events", `${count(row.events)} of ${plural(row.unique_users, "user")}`],
      ...Object.entries(row.counts).map(([type, number]) => [visible(type), count(number)]),
    ];
  }
}

function reasons(entries) {
  return h("div", {class: "scroll short", tabindex: "0", role: "region", "aria-label": "The newest in quarantine"},
    table("The newest in quarantine", ["Since", "Reason", "Events"],
      entries.map((entry) => [time(entry.quarantined_at), `${entry.code}: ${entry.reason}`, count(entry.accepted)])));
}

/** How many dead letters and quarantined chunks there are, and what to run. */
export function showQuarantine(stage) {
  byId("quarantine").hidden = !stage;
  if (!stage) return;
  const dead = stage.dead_letters?.count ?? 0;
  const quarantined = stage.quarantined?.count ?? 0;
  const text = (number, one, some, none, command) => h("div", {class: "quarantine", "data-level": number ? "bad" : ""},
    h("strong", {}, count(number)), h("div", {}, h("p", {}, number ? plural(number, one) + some : none), number ? h("code", {}, command) : null));
  byId("quarantine-list").replaceChildren(
    text(dead, "dead letter", ": failed too often, and kept for 14 days. Look why, then send them again.", "No dead letters. What fails too often ends here, whole.", "millrace dlq list"),
    text(quarantined, "message", " in quarantine: accepted, and cannot be processed.", "Nothing in quarantine.", "millrace quarantine list"),
    ...(quarantined ? [reasons(stage.quarantined.newest)] : []));
}
