// The page's settings, in its address: a reload keeps them, and a link shares them. They follow "#", a part that
// browsers do not send. So no server's log contains a user's name.

const settings = new URLSearchParams(location.hash.slice(1));

export const setting = (name) => settings.get(name) ?? "";

export function set(name, value) {
  if (value) settings.set(name, value);
  else settings.delete(name);
  const text = settings.toString();
  history.replaceState(null, "", location.pathname + location.search + (text && `#${text}`));
}

addEventListener("hashchange", () => location.reload());
