// The lists below the tail: rejections, quarantine, reports. Each row opens in the details; older rows load on demand.
import {set, setting} from "./address.js";
import {get, Refused} from "./asking.js";
import {bothTimes, openDetails} from "./details.js";
import {byId, choice, dated, h, showRows, table, write} from "./elements.js";
import {Timeline} from "./timeline.js";
import {count, day, plural, time, times, visible} from "./wording.js";

const SHOWN = 12;
const MOST_ROWS = 500;

/** A list in an element of the page. `cells(row)`: the cells of a line; the first one opens the row. */
class List {
  /** `name`: of the path, and of the rows in its answer. `asker`: takes the turns of the button for older rows. */
  constructor(name, heads, none, asker) {
    Object.assign(this, {name, noneText: none});
    this.timeline = new Timeline((row) => this.keyOf(row), MOST_ROWS);
    this.body = h("tbody");
    this.table = h("table", {}, h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", {scope: "col"}, head)))), this.body);
    this.none = h("p", {class: "empty"}, "Asking the stage …");
    this.more = h("button", {type: "button", class: "quiet more", hidden: true, onclick: () => asker.once(() => this.addOlder())}, `Older ${name}`);
    this.ends = h("p", {class: "empty", hidden: true}, `More than ${count(MOST_ROWS)} are not listed here. “millrace ${name === "reports" ? "report" : name} --to TIME” lists older ones.`);
    this.table.hidden = true;
    byId(`${name}-list`).append(h("div", {class: "scroll short"}, this.table, this.none, this.more, this.ends));
    times.onChange(() => {
      this.body.replaceChildren();
      this.show();
    });
  }

  get rows() { return this.timeline.rows; }
  question() { return {limit: SHOWN}; }
  elementKey(row) { return this.keyOf(row); }
  whole(row) { return row; }

  async refresh() {
    const question = this.question();
    const {[this.name]: rows, next} = await get(this.name, question);
    if (JSON.stringify(question) !== JSON.stringify(this.question())) return; // the answer to an outdated query
    this.timeline.take(rows, next);
    this.show();
  }

  async addOlder() {
    const {[this.name]: rows, next} = await get(this.name, {...this.question(), cursor: this.timeline.older});
    this.timeline.add(rows, next);
    this.show();
  }

  show() {
    const {rows, older} = this.timeline;
    const isFull = this.timeline.isFull();
    this.table.hidden = rows.length === 0;
    this.none.hidden = rows.length > 0;
    write(this.none, this.noneText);
    this.more.hidden = !older || isFull;
    this.ends.hidden = !older || !isFull;
    showRows(this.body, rows, (row) => this.elementKey(row), (row) => this.line(row));
  }

  line(row) {
    const [first, ...rest] = this.cells(row);
    const open = h("button", {type: "button", class: "open", onclick: () => openDetails(this, this.keyOf(row))}, ...[first].flat());
    return h("tr", {}, h("td", {class: "time"}, open), ...rest.map((cell) => h("td", {}, cell)));
  }
}

/** Rejected events with their reasons. Hidden if the stage or the key does not offer them. */
export class Rejections extends List {
  constructor(asker) {
    super("rejections", ["Time", "Reason", "Lost by", "Field", "What to mend"], "Nothing was rejected in the last week. A rejected event appears here with the reason.", asker);
  }

  async refresh() {
    if (this.absent) return;
    try {
      await super.refresh();
    } catch (error) {
      if (!(error instanceof Refused && [403, 404].includes(error.status))) throw error;
      this.absent = true; // until the page is reloaded
    }
    byId("rejections").hidden = Boolean(this.absent);
  }

  keyOf(row) { return JSON.stringify([row.received_at, row.code, row.index, row.field, row.event]); }
  cells(row) { return [dated(row.received_at), h("code", {class: "reason"}, row.code), visible(row.library ?? "–"), row.field ?? "–", row.message]; }
  title(row) { return `Rejected: ${row.code}`; }
  facts(row) {
    return [["Received", bothTimes(row.received_at)], ["Reason", row.code], ["Lost by", row.library ?? "–"], ["Field", row.field ?? "–"], ["What to mend", row.message]];
  }
  get wholeName() { return "The event"; }
  whole(row) {
    try {
      return typeof row.event === "string" ? JSON.parse(row.event) : row.event;
    } catch {
      return row.event; // the event was cut, so it is not complete JSON
    }
  }
}

export class Reports extends List {
  /** `changed`: called when another grain is chosen. */
  constructor(asker, changed) {
    super("reports", ["Window", "Events", "Users", "Version", "State"], "The first report comes some minutes after the first event.", asker);
    this.grain = setting("reports") === "hour" ? "hour" : "day";
    choice("grain", this.grain, (grain) => {
      this.grain = grain;
      set("reports", grain === "hour" && grain);
      this.timeline.clear();
      changed();
    });
  }

  question() { return {grain: this.grain, limit: SHOWN}; }
  keyOf(row) { return `${row.grain} ${row.start}`; }
  elementKey(row) { return `${this.keyOf(row)} ${row.version} ${row.complete}`; }
  label(row) { return row.grain === "day" ? day(row.start) : time(row.start).slice(0, 16); }
  cells(row) {
    return [this.label(row), count(row.events), count(row.unique_users), `v${row.version}`,
      h("span", {class: "state", "data-complete": String(row.complete)}, row.complete ? "complete" : "open")];
  }
  title(row) { return `Report of ${this.label(row)}`; }
  facts(row) {
    return [
      ["Window", `${row.grain} from ${bothTimes(row.start)}`],
      ["Version", `${row.version}, ${row.complete ? "complete: its time is over" : "still open: its time is not over"}`],
      ["Events", `${count(row.events)} of ${plural(row.unique_users, "user")}`],
      ...Object.entries(row.counts).map(([type, number]) => [visible(type), count(number)]),
    ];
  }
}

function reasons({count: all, newest}) {
  return [
    h("div", {class: "scroll short", tabindex: "0", role: "region", "aria-label": "The newest in quarantine"},
      table("The newest in quarantine", ["Since", "Reason", "Events"],
        newest.map((entry) => [time(entry.quarantined_at), `${entry.code}: ${entry.reason}`, count(entry.accepted)]))),
    all > newest.length ? h("p", {class: "muted"}, `The newest ${newest.length} of ${count(all)}. The command lists all.`) : "",
  ];
}

/** Shows how many dead letters and quarantined chunks there are, and the commands to run. `command(text)`: for this stage. */
export function showQuarantine(stage, command) {
  byId("quarantine").hidden = !stage;
  if (!stage) return;
  const part = (number, text, run) => h("div", {class: "quarantine", "data-level": number ? "bad" : ""},
    h("strong", {}, number === null ? "–" : count(number)), h("div", {}, h("p", {}, text), number ? h("code", {}, command(run)) : ""));
  const dead = stage.dead_letters?.count ?? null;
  const quarantined = stage.quarantined?.count ?? null;
  byId("quarantine-list").replaceChildren(
    part(dead, dead === null ? "The dead letters could not be counted."
      : dead ? `${plural(dead, "dead letter")}: failed too often. SQS deletes each 14 days after it was accepted. Find the cause, then send them again.`
        : "No dead letters. A message that fails too often is stored here.", "dlq list"),
    part(quarantined, quarantined === null ? "The quarantine could not be read."
      : quarantined ? `${plural(quarantined, "message")} in quarantine. A message is stored here whole if it cannot be processed.` : "Nothing in quarantine.", "quarantine list"),
    ...(quarantined ? reasons(stage.quarantined) : []));
}
