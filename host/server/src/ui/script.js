// Nothing here is needed: it spares a person who changed a form from losing what was typed.
for (const form of document.querySelectorAll("form.card[method=post]")) {
  let changed = false;
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { changed = false; });
  addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
}
