// Starts the page. During a deployment, some files may belong to another version: then it reloads the page.

const AGAIN_MS = 5000;

const sentence = document.getElementById("sentence");

/** Reloads the page once its address answers. A browser that reloads sooner would show its own error page. */
function loadAgain() {
  const later = () => setTimeout(loadAgain, AGAIN_MS);
  fetch(location.pathname, {cache: "no-store"}).then((answer) => (answer.ok ? location.reload() : later()), later);
}

try {
  await import("./page.js");
  if (!window.uPlot || document.styleSheets.length < document.querySelectorAll("link[rel=stylesheet]").length) {
    throw new Error("A file of the page is missing.");
  }
} catch (error) {
  sentence.textContent = "Part of the page could not be loaded. It tries again.";
  console.info(error);
  setTimeout(loadAgain, AGAIN_MS);
}
