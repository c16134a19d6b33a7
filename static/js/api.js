/* Forms of the browsable API: their JSON is sent by their method, and the page of the answer takes this one's place. */
"use strict";

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const method = form.dataset.method;
  if (!method || event.defaultPrevented) return;
  event.preventDefault();
  const headers = { Accept: "text/html", ...JSON.parse(document.body.getAttribute("hx-headers")) };
  const field = form.querySelector("textarea");
  if (field) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(form.action, { method, headers, body: field ? field.value : undefined });
  } catch {
    window.portal.say(window.portal.text("sayNoAnswer"));
    return;
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = page.getElementById("main");
  document.getElementById("main").replaceWith(main);
  document.title = page.title;
  main.focus();
});
