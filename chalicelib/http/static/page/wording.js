// The wording of numbers and times.

const whole = new Intl.NumberFormat("en", {maximumFractionDigits: 0});
const zone = {name: "utc", listeners: []};

export const count = (number) => whole.format(number);

/** A rate or a duration with three significant digits, never as 1e-7. */
export function small(number) {
  if (number === 0) return "0";
  if (number >= 100) return whole.format(number);
  return String(Number(Math.max(number, 0.001).toPrecision(number < 1 ? 2 : 3)));
}

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  if (value < 120) return `${small(value)} s`;
  if (value < 7200) return `${Math.round(value / 60)} min`;
  if (value < 172800) return `${Math.round(value / 3600)} h`;
  return `${Math.round(value / 86400)} days`;
}

/** A name from a client. A name of blanks alone is made visible. */
export const visible = (text) => (String(text).trim() ? text : "(blank)");

export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** Shows times in UTC or in the reader's zone. Parts that show times listen for changes. */
export const times = {
  isUtc: () => zone.name === "utc",
  choose(name) {
    zone.name = name;
    for (const listener of zone.listeners) listener();
  },
  onChange: (listener) => zone.listeners.push(listener),
  zoneName: () => (times.isUtc() ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone || "local time"),
};

function parts(moment, utc) {
  const local = utc ? moment : new Date(moment.getTime() - moment.getTimezoneOffset() * 60000);
  const text = local.toISOString();
  return {day: text.slice(0, 10), minute: text.slice(11, 16), second: text.slice(11, 19), millis: text.slice(19, 23)};
}

/** 2026-05-17 10:05:03 */
export function time(text, utc = times.isUtc()) {
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime())) return text;
  const {day, second} = parts(moment, utc);
  return `${day} ${second}`;
}

/** 10:05 */
export const minute = (text) => parts(new Date(text), times.isUtc()).minute;

/** 10:05:03 */
export const clock = (text) => parts(new Date(text), times.isUtc()).second;

/** 17 May 2015 */
export const day = (text) => new Intl.DateTimeFormat("en-GB", {dateStyle: "medium", timeZone: "UTC"}).format(new Date(text));
