// Charts by uPlot, with colours from the style sheet, widths from the page, and times in the chosen zone.
import {byId, h, write} from "./elements.js";
import {small, times} from "./wording.js";

const dark = matchMedia("(prefers-color-scheme: dark)");

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// Events are whole numbers, so there is no grid line between two of them.
const WHOLE_STEPS = [1, 2, 5].flatMap((step) => Array.from({length: 10}, (_, power) => step * 10 ** power)).sort((one, other) => one - other);

/** A chart in an element. `none`: the text if there is nothing to draw. `fractions`: whether values may be fractions. `series`: {label, colour, kind: "bars" | "line" | "area", shown}, drawn in order. */
export class Chart {
  constructor(id, {none, fractions = false}) {
    Object.assign(this, {place: byId(id), none, fractions, format: small, series: [], data: [[]]});
    this.legend = h("ul", {class: "legend", "aria-hidden": "true"});
    this.canvas = h("div", {class: "canvas", role: "img", "aria-label": "Nothing to draw yet"});
    this.empty = h("p", {class: "empty"}, "Asking the stage …");
    this.place.append(this.legend, this.canvas, this.empty);
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(this.canvas);
    dark.addEventListener("change", () => this.rebuild());
    times.onChange(() => this.rebuild());
  }

  /** `values(index)`: the legend's text for each series, if it differs from the drawn values. */
  show(series, data, summary, values = null) {
    const same = JSON.stringify(series) === JSON.stringify(this.series) && this.plot;
    Object.assign(this, {series, data, values});
    this.canvas.setAttribute("aria-label", summary);
    const isEmpty = !data.slice(1).some((values) => values.some(Boolean));
    write(this.empty, this.none);
    this.empty.hidden = !isEmpty;
    this.legend.hidden = this.canvas.hidden = isEmpty;
    if (same) {
      this.plot.setData(data);
      this.tell(this.plot.cursor.idx);
    } else {
      this.rebuild();
    }
  }

  size() {
    return {width: Math.max(this.canvas.clientWidth, 120), height: this.canvas.clientHeight || 200};
  }

  rebuild() {
    if (!this.series.length || !window.uPlot) return;
    this.plot?.destroy();
    this.legend.replaceChildren(...this.series.map((each) =>
      h("li", {"data-colour": each.colour}, h("i"), h("span", {}, each.label), h("b"))));
    this.plot = new window.uPlot(this.options(), this.data, this.canvas);
    this.tell(null);
  }

  options() {
    const ink = colour("muted");
    const axis = {
      stroke: ink, font: "11px system-ui, sans-serif", ticks: {show: false}, grid: {stroke: colour("grid"), width: 1},
    };
    return {
      ...this.size(),
      padding: [8, 18, 0, 0],
      legend: {show: false},
      cursor: {y: false, points: {size: 6}, drag: {x: false, y: false}},
      tzDate: (stamp) => (times.isUtc() ? window.uPlot.tzDate(new Date(stamp * 1000), "Etc/UTC") : new Date(stamp * 1000)),
      scales: {y: {range: (_, __, top) => [0, Math.max(top * 1.1, this.fractions ? 0.1 : 1)]}},
      axes: [
        {...axis, grid: {show: false}, size: 26, space: 64, values: clock},
        {...axis, size: 46, space: 36, ...(this.fractions ? {} : {incrs: WHOLE_STEPS}), values: (_, ticks) => ticks.map((tick) => this.format(tick))},
      ],
      series: [{}, ...this.series.map(drawn)],
      hooks: {setCursor: [(plot) => this.tell(plot.cursor.idx)]},
    };
  }

  /** Shows the numbers under the pointer in the legend, which is always visible, so that nothing moves. */
  tell(index) {
    const at = index === null || index === undefined ? null : index;
    const given = at === null ? null : this.values?.(at);
    [...this.legend.children].forEach((item, number) => {
      const value = given ? given[number] : this.data[number + 1]?.[at];
      write(item.lastChild, at === null || value === null || value === undefined ? "" : this.format(value));
    });
  }
}

function clock(plot, ticks) {
  let before = "";
  return ticks.map((tick) => {
    const at = plot._tz ? plot._tz(tick) : new Date(tick * 1000);
    const iso = times.isUtc() ? at.toISOString() : new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString();
    const [date, hours] = [iso.slice(5, 10), iso.slice(11, 16)];
    const text = hours === "00:00" || (before && before !== date) ? date : hours;
    before = date;
    return text;
  });
}

function drawn({label, colour: name, kind}) {
  const stroke = colour(name);
  if (kind === "bars") {
    return {label, stroke, fill: stroke, width: 0, points: {show: false}, paths: window.uPlot.paths.bars({size: [0.76, 18], radius: 0.15})};
  }
  return {label, stroke, width: 2, spanGaps: false, points: {show: kind === "dots", size: 5}, fill: kind === "area" ? `${stroke}22` : undefined};
}
