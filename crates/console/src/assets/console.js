// Conveniences. Every page works without them.

// Dates in the reader's zone; UTC stays in the title.
for (const time of document.querySelectorAll("time")) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.valueOf())) {
    time.textContent = at.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  }
}

// Copy
if (navigator.clipboard) {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.classList.add("done");
      setTimeout(() => button.classList.remove("done"), 1500);
    });
  }
}

// What cannot be undone: the button waits for the word. The server asks for it too.
for (const form of document.querySelectorAll("form[data-confirm]")) {
  const word = form.querySelector("input[name=confirm]");
  const button = form.querySelector("button[type=submit]");
  const look = () => { button.disabled = word.value.trim() !== form.dataset.confirm; };
  word.addEventListener("input", look);
  look();
}

// All boxes of a list at once.
for (const form of document.querySelectorAll("form[data-selection]")) {
  const all = form.querySelector("input[data-all]");
  const boxes = [...form.querySelectorAll("input[name=key]")];
  if (!all || boxes.length === 0) continue;
  all.hidden = false;
  all.addEventListener("change", () => boxes.forEach((box) => { box.checked = all.checked; }));
}

// A menu closes by Escape and by a click elsewhere.
const menus = () => document.querySelectorAll("details.person[open], details.popup[open]");
addEventListener("keydown", (event) => { if (event.key === "Escape") menus().forEach((menu) => { menu.open = false; menu.querySelector("summary").focus(); }); });
addEventListener("click", (event) => { menus().forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; }); });
