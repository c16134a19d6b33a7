/* Fragments that poll: nothing is asked while no one looks; open parts and the reader's place survive a swap;
   two missed polls are said, and the last numbers stay. */
"use strict";

(() => {
  const POLL = "[hx-trigger='every 2s']";
  const misses = new Map();
  let kept = { open: [], announced: "" };

  function isPoll(event) {
    return event.detail.elt && event.detail.elt.matches && event.detail.elt.matches(POLL);
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isPoll(event) && document.hidden) event.preventDefault();
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const target = event.detail.target;
    if (!target || !target.matches("[data-live]")) return;
    kept.open = [...target.querySelectorAll("details[id]")].map((part) => [part.id, part.open]);
  });

  document.addEventListener("htmx:afterSwap", () => {
    for (const [id, open] of kept.open) {
      const part = document.getElementById(id);
      if (part) part.open = open;
    }
    kept.open = [];
    const said = document.querySelector("[data-live] [data-announce]");
    const sentence = said ? said.dataset.announce : "";
    if (sentence && sentence !== kept.announced) window.portal.say(sentence);
    kept.announced = sentence;
    const titled = document.querySelector("[data-live] [data-page-title]");
    if (titled) document.title = titled.dataset.pageTitle;
  });

  function missed(event) {
    if (!isPoll(event)) return;
    const element = event.detail.elt;
    const count = (misses.get(element.id) || 0) + 1;
    misses.set(element.id, count);
    if (count >= 2 && !element.classList.contains("missed")) {
      element.classList.add("missed");
      const words = element.querySelector(".reconnecting");
      if (words) window.portal.say(words.textContent.trim());
    }
  }

  document.addEventListener("htmx:sendError", missed);
  document.addEventListener("htmx:timeout", missed);
  document.addEventListener("htmx:responseError", missed);
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    if (isPoll(event) && event.detail.xhr.status < 400) misses.delete(event.detail.elt.id);
  });
})();
