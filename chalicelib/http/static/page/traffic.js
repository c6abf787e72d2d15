// The charts: the last hour by minute, the time until events can be queried, days by hour, and the most frequent values.
import {get} from "./asking.js";
import {Chart} from "./charts.js";
import {byId, h, Numbers, table, write} from "./elements.js";
import {rankings, week} from "./judging.js";
import {count, day, minute, plural, small, time, visible} from "./wording.js";

const DAY_MS = 86400000;
const MOST_TYPES = 5;
const MOST_RANKED = 6;

const epoch = (text) => new Date(text).getTime() / 1000;
const iso = (milliseconds) => new Date(milliseconds).toISOString().slice(0, 19) + "Z";

const minutesChart = new Chart("minutes-plot", {none: "Nothing was sent in the last hour."});
const latencyChart = new Chart("latency-plot", {none: "No event was stored in the last hour.", fractions: true});
const hoursChart = new Chart("hours-plot", {none: "No events in these days."});
const minutesNumbers = new Numbers(byId("minutes-table"));
const latencyNumbers = new Numbers(byId("latency-table"));
const hoursNumbers = new Numbers(byId("hours-table"));

/** The last hour as the stage measured it, by the time of receipt. */
export function showMinutes(minutes) {
  const names = ["accepted", "stored", "duplicates", "rejected"];
  const kinds = ["bars", "line", "dots", "dots"];
  const series = names.map((name, at) => ({label: name, colour: name, kind: kinds[at]}));
  const xs = minutes.map((each) => epoch(each.start));
  const total = (name) => minutes.reduce((sum, each) => sum + each[name], 0);
  // Rejected events and duplicates are drawn only if there were some.
  const drawn = (name, at) => minutes.map((each) => (kinds[at] === "dots" ? each[name] || null : each[name]));
  minutesChart.show(series, [xs, ...names.map(drawn)],
    `Events a minute in the last hour: ${names.map((name) => `${count(total(name))} ${name}`).join(", ")}`);
  minutesNumbers.show(() => table("Events a minute", ["Minute", ...names],
    minutes.toReversed().map((each) => [minute(each.start), ...names.map((name) => count(each[name]))])));

  const percentiles = ["p50", "p95"];
  const value = (each, name) => each[`seconds_to_stored_${name}`];
  latencyChart.show(percentiles.map((name) => ({label: name, colour: name, kind: "dots"})),
    [xs, ...percentiles.map((name) => minutes.map((each) => value(each, name)))],
    "Seconds from accepted to queryable, minute by minute: median and 95th percentile");
  latencyNumbers.show(() => table("Seconds from accepted to queryable", ["Minute", ...percentiles],
    minutes.filter((each) => value(each, "p50") !== null).toReversed()
      .map((each) => [minute(each.start), ...percentiles.map((name) => small(value(each, name)))])));
}

/** The last hour of a project whose key does not see the stage's numbers: stored events by their own time. */
export async function showOwnMinutes() {
  const last = Math.floor(Date.now() / 60000) * 60000;
  const starts = Array.from({length: 60}, (_, at) => iso(last - (59 - at) * 60000));
  const {counts} = await get("counts", {grain: "minute", from: starts[0]});
  const sums = new Map(starts.map((start) => [start, 0]));
  for (const row of counts) if (sums.has(row.start)) sums.set(row.start, sums.get(row.start) + row.count);
  const values = [...sums.values()];
  write(byId("minutes-note"), "stored events by the minute of their own time");
  minutesChart.show([{label: "stored", colour: "accepted", kind: "bars"}], [starts.map(epoch), values], "Stored events a minute in the last hour");
  minutesNumbers.show(() => table("Stored events a minute", ["Minute", "stored"], starts.map((start) => [minute(start), count(sums.get(start))]).toReversed()));
  return values.reduce((sum, each) => sum + each, 0);
}

/** Days by hour: a week with events. Earlier weeks follow the days with reports, later weeks lead back the same way. */
export class Hours {
  constructor(asker) {
    // `ends`: the ends of the visited weeks; null: the newest. `known`: the days of the last of them, and its end.
    Object.assign(this, {ends: [null], known: null, earlier: false});
    byId("hours-back").addEventListener("click", () => asker.once(() => this.move(this.known?.earlier, () => this.ends.push(iso(this.known.first)))));
    byId("hours-on").addEventListener("click", () => asker.once(() => this.move(this.ends.length > 1, () => this.ends.pop())));
  }

  async move(isPossible, change) {
    if (!isPossible) return;
    change();
    this.known = null;
    await this.refresh();
  }

  /** Loads the days again, since there may be new ones. */
  forget() {
    this.known = null;
  }

  async refresh() {
    this.known ??= week(await this.days());
    const {first, last, earlier} = this.known;
    byId("hours-back").disabled = !earlier;
    byId("hours-on").disabled = this.ends.length === 1;
    const {counts} = await get("counts", {grain: "hour", from: iso(first), to: iso(last + DAY_MS)});
    write(byId("hours-span"), first === last ? day(iso(last)) : `${day(iso(first))} – ${day(iso(last))}`);
    this.show(counts, first, last);
    return counts;
  }

  /** The newest days before the end of the week that have a report: one more than a week has. Today if none has one. */
  async days() {
    const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    const end = this.ends.at(-1) ?? iso(today + DAY_MS);
    const {reports} = await get("reports", {grain: "day", to: end, limit: 8});
    return reports.length ? reports.map((report) => Date.parse(report.start)) : [today];
  }

  show(counts, first, last) {
    const totals = new Map();
    for (const row of counts) totals.set(row.event_type, (totals.get(row.event_type) ?? 0) + row.count);
    const ranked = [...totals.keys()].sort((one, other) => totals.get(other) - totals.get(one));
    const named = ranked.slice(0, MOST_TYPES);
    const labels = ranked.length > MOST_TYPES ? [...named.map(visible), "other types"] : named.map(visible);
    const starts = [];
    for (let start = first; start < last + DAY_MS; start += DAY_MS / 24) starts.push(iso(start));
    const at = new Map(starts.map((start, index) => [start, index]));
    const values = labels.map(() => starts.map(() => 0));
    for (const row of counts) {
      const place = named.indexOf(row.event_type);
      if (at.has(row.start)) values[place < 0 ? labels.length - 1 : place][at.get(row.start)] += row.count;
    }
    // Stacked: each bar's height is the sum of its own value and those below. The highest is drawn first.
    const stacked = values.map((_, top) => starts.map((__, index) => {
      let sum = 0;
      for (let each = 0; each <= top; each += 1) sum += values[each][index];
      return sum || null;
    }));
    const series = labels.map((label, number) => ({label, colour: `type-${number + 1}`, kind: "bars"}));
    const total = [...totals.values()].reduce((sum, each) => sum + each, 0);
    hoursChart.show(series.toReversed(), [starts.map(epoch), ...stacked.toReversed()],
      `Events by hour from ${day(iso(first))} to ${day(iso(last))}: ${plural(total, "event")}`,
      (index) => values.map((each) => each[index]).toReversed());
    hoursNumbers.show(() => table("Events by hour", ["Hour", ...labels],
      starts.map((start, index) => [time(start).slice(0, 16), ...values.map((each) => each[index])])
        .filter(([, ...cells]) => cells.some(Boolean)).toReversed().map(([start, ...cells]) => [start, ...cells.map(count)])));
  }
}

/** The types and pages of the newest day with a report. */
export function showTop(report) {
  if (!report) {
    byId("top").replaceChildren(h("p", {class: "empty"}, "The first report comes some minutes after the first event."));
    return;
  }
  write(byId("top-note"), `${day(report.start)}, by its report`);
  byId("top").replaceChildren(...rankings(report, MOST_RANKED).flatMap(([title, rows]) => ranking(title, rows)));
}

function ranking(title, rows) {
  const most = Math.max(1, ...rows.map((row) => row.count));
  return [h("h3", {}, title), h("ol", {class: "ranking"}, ...rows.map((row) => {
    const bar = h("i", {"aria-hidden": "true"});
    bar.style.width = `${100 * row.count / most}%`;
    return h("li", {}, bar, h("span", {title: row.value}, visible(row.value)), h("b", {}, count(row.count)));
  }))];
}
