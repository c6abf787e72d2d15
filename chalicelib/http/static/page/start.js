// Starts the page. During a deployment some of its files may come from another version: then it is loaded again.

const AGAIN_MS = 5000;

const sentence = document.getElementById("sentence");

/** Loads the page again once its address answers; a browser that loads it sooner stays on a page of its own. */
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
