/* Roundtrip: what makes pages quicker. Everything works without this file. */
(() => {
  "use strict";
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const say = (text) => { const region = one("#say"); if (region) region.textContent = text; };
  const make = (tag, text, attributes = {}) => {
    const element = document.createElement(tag);
    element.textContent = text;
    for (const name in attributes) element.setAttribute(name, attributes[name]);
    return element;
  };

  /* Focus: a form that came back begins at its summary; a link in it leads into the field */
  one(".errors")?.focus();
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('.errors a[href^="#"]');
    const input = link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!input) return;
    event.preventDefault();
    (input.closest(".field") || input).scrollIntoView({ block: "nearest" });
    input.focus();
  });

  /* Forms: the pressed button says what happens, and a second click does nothing */
  document.addEventListener("submit", (event) => {
    const form = event.target, button = event.submitter;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    if (!button) return;
    button.dataset.label = button.textContent;
    setTimeout(() => { /* after the browser has read name and value */
      button.style.minWidth = `${button.offsetWidth}px`;
      button.textContent = button.dataset.busy || "Saving…";
      button.disabled = true;
      say(button.textContent);
    });
  });
  addEventListener("pageshow", (event) => { /* back by the browser's memory: as if never pressed */
    if (!event.persisted) return;
    for (const form of all("form[data-sent]")) delete form.dataset.sent;
    for (const button of all("button[data-label]")) { button.textContent = button.dataset.label; button.disabled = false; }
  });

  /* Copy, show password, close a message */
  const copy = async (text) => {
    try { await navigator.clipboard.writeText(text); return true; } catch { /* no secure context: the old way */ }
    const area = make("textarea", "", { class: "vh", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  };
  const actions = {
    async copy(button) {
      const source = one(button.dataset.copy);
      if (!source) return;
      const label = button.dataset.was ??= button.textContent;
      const text = await copy((source.value ?? source.textContent).trim()) ? "Copied" : "Not copied";
      button.focus();
      button.style.minWidth = `${button.offsetWidth}px`;
      button.textContent = text;
      say(text);
      setTimeout(() => { button.textContent = label; }, 2000);
    },
    show(button) {
      const input = one(button.dataset.show), shown = input.type === "password";
      input.type = shown ? "text" : "password";
      button.setAttribute("aria-pressed", String(shown));
      button.textContent = shown ? "Hide" : "Show";
    },
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy], [data-show], .toast .close, .foot .keys");
    if (!button) return;
    if (button.dataset.copy) actions.copy(button);
    else if (button.dataset.show) actions.show(button);
    else if (button.matches(".close")) button.closest(".toast").remove();
    else keysDialog().showModal();
  });

  /* Toasts: gone after ten seconds, unless somebody is at them; in the narrow column they stay */
  for (const toast of all(".frame .toast")) {
    const leave = () => toast.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : toast.remove();
    setTimeout(leave, 10000);
  }

  /* Menus: a click elsewhere or Esc closes them */
  document.addEventListener("click", (event) => {
    for (const menu of all("details[data-menu][open], details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  /* Polling: a region with data-poll="2000" and an id is asked for again until it carries no data-poll any more */
  const watch = (region) => {
    const wait = () => setTimeout(ask, Math.max(500, Number(region.dataset.poll) || 2000));
    const ask = async () => {
      if (!region.isConnected) return;
      if (document.hidden) { document.addEventListener("visibilitychange", ask, { once: true }); return; }
      try {
        const answer = await fetch(location.href, { headers: { "X-Fragment": "1" } });
        if (!answer.ok || answer.redirected) return;
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(region.id);
        if (!fresh) return;
        if (fresh.outerHTML !== region.outerHTML) {
          const held = region.contains(document.activeElement) && document.activeElement.id;
          region.replaceWith(fresh);
          region = fresh;
          if (held) document.getElementById(held)?.focus();
        }
        if (region.dataset.poll) wait();
      } catch { /* the server is away: the page stays as it is, a reload asks again */ }
    };
    wait();
  };
  all("[data-poll][id]").forEach(watch);

  /* Links: while a title is typed, the server is asked for those that fit */
  let asking = 0;
  document.addEventListener("input", (event) => {
    const { target } = event, list = target.dataset?.options && target.list;
    if (!list) return;
    clearTimeout(asking);
    asking = setTimeout(async () => {
      try {
        const answer = await fetch(`${target.dataset.options}?q=${encodeURIComponent(target.value)}`);
        if (answer.ok) list.replaceChildren(...(await answer.json()).map((value) => make("option", "", { value })));
      } catch { /* the server is away: a title can be typed without help */ }
    }, 150);
  });

  /* Keys: single letters, off while typing and where a person has switched them off */
  const STORE = "roundtrip-keys";
  const keysOn = () => {
    try { if (localStorage.getItem(STORE) === "off") return false; } catch { /* storage is closed to us */ }
    return document.body.dataset.keys !== "off";
  };
  const typing = (target) => target.closest?.("input:not([type=checkbox], [type=radio], [type=submit]), textarea, select, [contenteditable]");
  const rows = () => all("main tbody tr").filter((row) => one("a", row) && row.getClientRects().length);
  const move = (by) => {
    const list = rows(), at = list.findIndex((row) => row.contains(document.activeElement));
    const row = list[at < 0 ? (by > 0 ? 0 : list.length - 1) : Math.min(list.length - 1, Math.max(0, at + by))];
    if (row) one("a", row).focus();
  };
  const keyed = (key) => all("[data-key]").find((element) => element.dataset.key === key && element.getClientRects().length);
  const keysDialog = () => {
    const old = one("#keys");
    if (old) return old;
    const dialog = make("dialog", "", { id: "keys", "aria-labelledby": "keys-title" });
    const list = make("dl", "", { class: "pairs" });
    const lines = [["/", "Search"], ["j  k", "Next or previous row"], ["Enter", "Open the row"], ["g h", "Home"],
      ["Ctrl Enter", "Send the form"], ["Esc", "Close, or leave the field"], ["?", "This list"]];
    for (const element of all("[data-key]")) lines.push([element.dataset.key, element.textContent.trim()]);
    for (const [key, text] of lines) {
      const term = make("dt", "");
      term.append(make("kbd", key));
      list.append(term, make("dd", text));
    }
    const box = make("input", "", { type: "checkbox" }), label = make("label", "", { class: "choice" });
    box.checked = keysOn();
    box.disabled = document.body.dataset.keys === "off";
    box.addEventListener("change", () => { try { localStorage.setItem(STORE, box.checked ? "on" : "off"); } catch { /* not kept */ } });
    label.append(box, "Single keys are on");
    const form = make("form", "", { method: "dialog" });
    form.append(make("button", "Close", { class: "btn" }));
    dialog.append(make("h2", "Keys", { id: "keys-title" }), list, label, form);
    document.body.append(dialog);
    return dialog;
  };
  const single = {
    "/": () => { const field = one('main input[type="search"]'); field?.focus(); field?.select(); return field; },
    "?": () => { keysDialog().showModal(); return true; },
    j: () => { move(1); return true; },
    k: () => { move(-1); return true; },
    x: () => { const box = document.activeElement?.closest("tr") && one('[type="checkbox"]', document.activeElement.closest("tr")); box?.click(); return box; },
  };
  let before = "";
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.isComposing) return;
    if (key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const form = target.form || target.closest?.("form") || one("main form[data-main]");
      if (form) { event.preventDefault(); form.requestSubmit(one(".btn.primary", form) || undefined); }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === "Escape") {
      const menu = one("details[data-menu][open], details.menu[open]");
      if (menu) { menu.open = false; one("summary", menu).focus(); } else if (typing(target) && !target.closest("dialog")) target.blur();
      return;
    }
    if (!keysOn() || typing(target) || one("dialog[open]")) return;
    if (before === "g" && key === "h") { before = ""; one("[data-key-home]")?.click(); return; }
    before = key;
    const control = keyed(key);
    if (control) { event.preventDefault(); control.click(); }
    else if (Object.hasOwn(single, key) && single[key]()) event.preventDefault();
  });
})();
