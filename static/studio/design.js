/* The designer without loading the page: the same requests as its buttons make, and the answer's parts swapped in. */
(() => {
  "use strict";
  const form = document.getElementById("design");
  const at = (id) => document.getElementById(id);
  const STEPS = ["add", "remove", "up", "down", "preview"];
  let turn = 0, timer = 0, plain = false;

  const swap = (page, ids) => {
    const open = [...form.querySelectorAll("details[open]")].map((one) => one.closest("li").id);
    const focused = document.activeElement?.id;
    for (const id of ids) if (at(id) && page.getElementById(id)) at(id).replaceWith(page.getElementById(id));
    for (const id of open) at(id)?.querySelector("details").setAttribute("open", "");
    if (focused && document.activeElement?.id !== focused) at(focused)?.focus();
  };
  const ask = async (ids, name = "preview", value = "1") => {
    const mine = ++turn, sent = new URLSearchParams(new FormData(form));
    sent.append(name, value);
    try {
      const answer = await fetch(form.getAttribute("action"), { method: "POST", body: sent });
      if (!answer.ok || answer.redirected) return false;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (mine === turn) swap(page, ids);
      return true;
    } catch { return false; /* the server is away: what was typed stays */ }
  };

  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (plain || !STEPS.includes(button?.name)) return;
    event.preventDefault();
    const { name, value } = button, goal = button.getAttribute("formaction").slice(1);
    clearTimeout(timer);
    if (!await ask(["rows", "add", "preview"], name, value)) { plain = true; button.click(); return; }
    const again = form.querySelector(`button[name="${name}"][value="${value}"]:enabled`);
    (name !== "add" && again || at(goal))?.focus();
  });
  form.addEventListener("input", ({ target }) => {
    clearTimeout(timer);
    const row = target.name.startsWith("type-") ? [target.closest("li").id] : [];
    timer = setTimeout(() => ask([...row, "preview"]), row.length ? 0 : 400);
  });

  /* Drag: a row follows the pointer, and the places are counted anew where it is dropped */
  let dragged = null;
  form.addEventListener("dragstart", (event) => {
    dragged = event.target.closest?.("[draggable]")?.closest("li");
    if (dragged) event.dataTransfer.setDragImage(dragged, 16, 16);
  });
  form.addEventListener("dragover", (event) => {
    const over = dragged && event.target.closest("#rows > li");
    if (dragged) event.preventDefault();
    if (!over || over === dragged) return;
    const { top, height } = over.getBoundingClientRect();
    over[event.clientY > top + height / 2 ? "after" : "before"](dragged);
  });
  form.addEventListener("drop", (event) => event.preventDefault());
  form.addEventListener("dragend", () => {
    if (!dragged) return;
    dragged = null;
    form.querySelectorAll('[name^="place-"]').forEach((one, index) => { one.value = index + 1; });
    ask(["rows", "preview"]);
  });
})();
