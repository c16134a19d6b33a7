/* Exact times in the reader's own zone, in the form that the page's language writes. */
"use strict";

(() => {
  const chinese = document.documentElement.lang.startsWith("zh");

  function parts(date) {
    const format = new Intl.DateTimeFormat("en-GB", {
      year: "numeric", month: chinese ? "numeric" : "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false,
    });
    return Object.fromEntries(format.formatToParts(date).map((part) => [part.type, part.value]));
  }

  function exact(date) {
    const p = parts(date);
    return chinese
      ? `${p.year}年${Number(p.month)}月${Number(p.day)}日 ${p.hour}:${p.minute}`
      : `${p.day} ${p.month} ${p.year} ${p.hour}:${p.minute}`;
  }

  function localise(root) {
    root.querySelectorAll("relative-time[data-exact]").forEach((element) => {
      element.title = exact(new Date(element.getAttribute("datetime")));
    });
    root.querySelectorAll("time[data-local]").forEach((element) => {
      const date = new Date(element.getAttribute("datetime"));
      element.title = exact(date);
      const today = new Date().toDateString() === date.toDateString();
      const p = parts(date);
      element.textContent = today && element.dataset.local === "short" ? `${p.hour}:${p.minute}` : exact(date);
    });
  }

  localise(document);
  document.addEventListener("htmx:afterSettle", (event) => localise(event.detail.elt.parentElement || document));
})();
