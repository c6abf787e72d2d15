// Makes and changes elements. Text from outside always becomes text, never markup.
import {time} from "./wording.js";

/** Makes an element: h("td", {class: "n"}, "text", otherElement). A property that starts with "on" is a listener. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Changes text only if it differs, since screen readers announce every change. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows rows by key, in order. Elements of known keys are reused. The focus stays in its row, or moves to the row in its place. */
export function showRows(parent, rows, keyOf, make) {
  const focused = [...parent.children].findIndex((child) => child.contains(document.activeElement));
  const wanted = new Set(rows.map(keyOf));
  for (const child of [...parent.children]) if (!wanted.has(child.dataset.key)) child.remove();
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const row of rows) {
    const key = keyOf(row);
    let element = known.get(key);
    if (!element) {
      element = make(row);
      element.dataset.key = key;
      known.set(key, element);
    }
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  if (focused >= 0 && !parent.contains(document.activeElement)) focusRow(parent.children[Math.min(focused, parent.children.length - 1)]);
}

export const focusRow = (row) => row?.querySelector("button")?.focus();

/** A time in two pieces: if there is little room, today's date is left out. */
export function dated(text, today = "") {
  const whole = time(text);
  const date = whole.slice(0, 11);
  return [h("span", {class: date.trim() === today ? "today" : null}, date), h("span", {}, whole.slice(11))];
}

/** A table of numbers or short texts. The first column is the header of its row. */
export function table(caption, heads, rows) {
  return h("table", {},
    h("caption", {}, caption),
    h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", {scope: "col"}, head)))),
    h("tbody", {}, ...rows.map(([first, ...rest]) =>
      h("tr", {}, h("th", {scope: "row"}, first), ...rest.map((cell) => h("td", {}, cell))))));
}

/** A table below a chart. It is made when it is opened, and updated while it is open. */
export class Numbers {
  constructor(container) {
    this.container = container;
    this.details = container.closest("details");
    this.details.addEventListener("toggle", () => this.draw());
  }

  show(make) {
    this.make = make;
    this.draw();
  }

  draw() {
    if (this.details.open && this.make) this.container.replaceChildren(this.make());
  }
}

/** Buttons of which one is pressed, initially the one of `value`. */
export function choice(attribute, value, chosen) {
  const buttons = [...document.querySelectorAll(`button[data-${attribute}]`)];
  const press = (pressed) => {
    for (const each of buttons) each.setAttribute("aria-pressed", String(each === pressed));
  };
  for (const button of buttons) {
    if (button.dataset[attribute] === value) press(button);
    button.addEventListener("click", () => {
      press(button);
      chosen(button.dataset[attribute]);
    });
  }
}

/** A button that copies a text, and confirms it. */
export function copyButton(textOf, label = "Copy") {
  return h("button", {type: "button", class: "quiet", onclick: (event) => copy(event.currentTarget, textOf())}, label);
}

export async function copy(button, text) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy";
  }
  setTimeout(() => { button.textContent = label; }, 1500);
}
