// The rows of a list, newest first and without gaps: the newest, and older ones as far as they were loaded.

export class Timeline {
  /** `keyOf(row)`: returns a row's unique key. `most`: about how many rows are kept. */
  constructor(keyOf, most) {
    Object.assign(this, {keyOf, most});
    this.clear();
  }

  clear() {
    // `older`: the cursor after the last row. `ends`: the last row of each loaded page, and its cursor.
    Object.assign(this, {rows: [], older: null, ends: [], extended: false});
  }

  isFull() {
    return this.rows.length >= this.most;
  }

  /** Whether the newest rows join the known ones without a gap. */
  meets(newest) {
    return !this.extended || this.lastOf(newest) >= 0;
  }

  /** Takes the newest rows, and the cursor after them. Older rows are kept if there is no gap. */
  take(newest, next) {
    const joined = this.join(newest, next);
    if (joined) this.rows = joined;
    else Object.assign(this, {rows: newest, older: next, ends: [], extended: false});
  }

  /** Takes a page of older rows, which follow the last row. */
  add(page, next) {
    if (!this.extended) this.ends = [this.end()];
    const known = new Set(this.rows.map(this.keyOf));
    this.rows = [...this.rows, ...page.filter((row) => !known.has(this.keyOf(row)))];
    Object.assign(this, {older: next, extended: true});
    this.ends.push(this.end());
  }

  end() {
    const last = this.rows.at(-1);
    return {key: last && this.keyOf(last), cursor: this.older};
  }

  lastOf(newest) {
    const keys = new Set(newest.map(this.keyOf));
    return this.rows.findLastIndex((row) => keys.has(this.keyOf(row)));
  }

  /** All rows, without the last pages if there are too many. Null if there is a gap, or no page end to cut at. */
  join(newest, next) {
    if (!this.extended) return null;
    const last = this.lastOf(newest);
    if (newest.length ? last < 0 : next === null) return null;
    let rows = newest.length ? [...newest, ...this.rows.slice(last + 1)] : this.rows;
    while (rows.length > this.most) {
      this.ends.pop();
      const end = this.ends.at(-1);
      const at = end ? rows.findIndex((row) => this.keyOf(row) === end.key) : -1;
      if (at < 0 || at + 1 === rows.length) return null;
      this.older = end.cursor;
      rows = rows.slice(0, at + 1);
    }
    return rows;
  }
}
