/* Fragments that poll: little is asked while no one looks; open parts and the reader's place survive a swap;
   two missed polls are said, and the last numbers stay. Title and icon of the tab follow; who wants it is notified. */
"use strict";

(() => {
  const POLL = "[hx-trigger='every 2s']";
  // Often enough for the tab's title and icon, and while what has just arrived is still listed. Milliseconds.
  const HIDDEN_EVERY = 20000;
  const icon = document.querySelector("link[rel=icon]");
  const plain = icon ? icon.getAttribute("href") : "";
  const misses = new Map();
  const tab = { running: false, followed: false, ended: "" };
  let asked = Date.now();
  let kept = { open: [], announced: "" };

  function isPoll(event) {
    return event.detail.elt && event.detail.elt.matches && event.detail.elt.matches(POLL);
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!isPoll(event)) return;
    if (document.hidden && Date.now() - asked < HIDDEN_EVERY) event.preventDefault();
    else asked = Date.now();
  });

  function draw(state) {
    const href = (icon && icon.dataset[state]) || plain;
    if (icon && icon.getAttribute("href") !== href) icon.setAttribute("href", href);
  }

  // The browser keeps whether it may; it never may where pages come over plain HTTP.
  const may = () => (window.isSecureContext && "Notification" in window ? Notification.permission : "denied");

  function offer() {
    for (const button of document.querySelectorAll("[data-notify]")) button.hidden = !tab.running || may() !== "default";
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-notify]")) Notification.requestPermission().then(offer);
  });

  function notify() {
    const said = document.querySelector("[data-live] [data-announce]");
    const body = said ? said.dataset.announce : "";
    try {
      const shown = new Notification(document.title, { body, icon: icon ? icon.href : "", tag: location.pathname });
      shown.addEventListener("click", () => window.focus());
    } catch (error) {
      // Chrome on Android has the name and refuses it to pages; title and icon tell it there.
      console.info(error.message);
    }
  }

  // How an import ended is shown to who has seen it run here, a failure before all that arrived.
  function follow() {
    const told = document.querySelector("[data-live] [data-page-state]");
    const words = told ? told.dataset.pageState.split(" ") : [];
    const running = words.includes("running");
    if (running && !tab.running) Object.assign(tab, { followed: true, ended: "" });
    const over = tab.running && !running;
    tab.running = running;
    if (tab.followed && words.includes("failed")) tab.ended = "failed";
    if (tab.followed && words.includes("done")) tab.ended = tab.ended || "done";
    draw(running ? "running" : tab.ended);
    if (over && document.hidden && may() === "granted") notify();
    offer();
  }

  // Who has looked and goes on knows it.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden || tab.running) return;
    Object.assign(tab, { followed: false, ended: "" });
    draw("");
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
    follow();
  });
  follow();

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
