// Nothing here is needed: pages work without it. It spares a person who changed a form from losing what was typed, and copies.
for (const form of document.querySelectorAll("form.card[method=post]")) {
  let changed = false;
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { changed = false; });
  addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
}

// Enter sends a field to the button beside it, not to that of the form it belongs to.
for (const field of document.querySelectorAll("input[form]")) {
  field.addEventListener("keydown", (event) => {
    const button = field.closest("section")?.querySelector(".actions button");
    if (event.key !== "Enter" || !button) return;
    event.preventDefault();
    button.click();
  });
}

const german = document.documentElement.lang === "de";
for (const text of document.querySelectorAll("code.secret, code.copy")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = german ? "Kopieren" : "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text.textContent.trim());
    button.textContent = german ? "Kopiert" : "Copied";
  });
  if (navigator.clipboard) text.after(" ", button);
}
