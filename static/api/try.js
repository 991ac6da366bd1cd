/* The page of a table in the API: sends what was typed, and shows the answer. Reading works without this file. */
(() => {
  "use strict";
  const form = document.querySelector("[data-try]");
  if (!form) return;
  const { elements } = form, answer = document.getElementById("answer");

  /* What is asked of each: only the inputs that it needs are there */
  const whole = { number: true, version: true, body: true };
  const does = {
    create: { method: "POST", body: true },
    change: { method: "PATCH", ...whole },
    replace: { method: "PUT", ...whole },
    delete: { method: "DELETE", number: true, version: true },
    restore: { method: "POST", number: true, end: "/restore" },
  };
  const chosen = () => does[elements.do.value];

  const arrange = () => {
    for (const name of ["number", "version", "body"]) elements[name].closest(".field").hidden = !chosen()[name];
  };

  const request = () => {
    const { method, number, version, body, end = "" } = chosen();
    const headers = { "X-CSRFToken": elements.csrf_token.value, Accept: "application/json" };
    if (version && elements.version.value) headers["If-Match"] = `"${elements.version.value}"`;
    if (body) headers["Content-Type"] = "application/json";
    return {
      url: form.dataset.try + (number ? encodeURIComponent(elements.number.value) + end : ""),
      options: { method, headers, body: body ? elements.body.value : undefined },
    };
  };

  const show = (text) => { answer.textContent = text; answer.hidden = false; };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (chosen().number && !elements.number.value) { elements.number.focus(); show("Which record? Type its number."); return; }
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

  elements.do.addEventListener("change", arrange);
  addEventListener("pageshow", arrange); /* the browser may have kept what was chosen before */
  arrange();
})();
