// What the page is set to, in its address: a reload keeps it, and a colleague can open it. It stands behind "#":
// browsers keep that part to themselves, so that no server's log gets to know a user's name.

const settings = new URLSearchParams(location.hash.slice(1));

export const setting = (name) => settings.get(name) ?? "";

export function set(name, value) {
  if (value) settings.set(name, value);
  else settings.delete(name);
  const text = settings.toString();
  history.replaceState(null, "", location.pathname + location.search + (text && `#${text}`));
}

addEventListener("hashchange", () => location.reload());
