// Finds events by their id, or by a value of their properties or context.

const LONGEST_DEPTH = 40;

/** Whether an event has the id, or contains the text in its properties or context, ignoring case. */
export function matches(event, text) {
  if (!text) return true;
  const wanted = text.toLowerCase();
  return event.event_id === text || holds(event.properties, wanted, 0) || holds(event.context, wanted, 0);
}

function holds(value, wanted, depth) {
  if (value === null || value === undefined || depth > LONGEST_DEPTH) return false;
  if (typeof value === "object" && !JSON.isRawJSON?.(value)) {
    return Object.values(value).some((each) => holds(each, wanted, depth + 1));
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.toLowerCase().includes(wanted);
}
