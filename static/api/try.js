/* The page of a table in the API: sends what was typed, and shows the answer. Reading works without this file. */
(() => {
  "use strict";
  const form = document.querySelector("[data-try]");
  if (!form) return;
  const { elements } = form, answer = document.getElementById("answer");

  const request = () => {
    const method = elements.do.value, id = elements.number.value, version = elements.version.value;
    const headers = { "X-CSRFToken": elements.csrf_token.value, Accept: "application/json" };
    if (method !== "POST" && version) headers["If-Match"] = `"${version}"`;
    if (method !== "DELETE") headers["Content-Type"] = "application/json";
    return {
      url: form.dataset.try + (method === "POST" ? "" : encodeURIComponent(id)),
      options: { method, headers, body: method === "DELETE" ? undefined : elements.body.value },
    };
  };

  const show = (text) => { answer.textContent = text; answer.hidden = false; };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (elements.do.value !== "POST" && !elements.number.value) { elements.number.focus(); show("Which record? Type its number."); return; }
    const { url, options } = request();
    show("Sending…");
    try {
      const got = await fetch(url, options), text = await got.text();
      const head = [`${options.method} ${url}`, `${got.status} ${got.statusText}`];
      for (const name of ["ETag", "Location"]) if (got.headers.get(name)) head.push(`${name}: ${got.headers.get(name)}`);
      let body = text;
      try { body = JSON.stringify(JSON.parse(text), null, 2); } catch { /* no JSON: as it is */ }
      show(`${head.join("\n")}\n\n${body}`.trim());
    } catch { show("The server does not answer. Try again."); }
  });
})();
