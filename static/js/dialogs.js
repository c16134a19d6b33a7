/* Dialogs and menus. What opens a dialog is a form or link that leads to a page of its own without scripts. */
"use strict";

(() => {
  function open(dialog) {
    if (!dialog.open) dialog.showModal();
    // What is wrong, else what is asked for first; a question without fields leaves the focus where the browser put it.
    const first = [
      "[aria-invalid=true]",
      "[autofocus]",
      "form :is(input:not([type=hidden]), select, textarea):not(:disabled)",
    ].map((which) => dialog.querySelector(which)).find(Boolean);
    if (first) first.focus();
  }

  window.portal.open = open;

  document.addEventListener("submit", (event) => {
    const id = event.target.dataset.opens;
    const dialog = id && document.getElementById(id);
    if (!dialog) return;
    event.preventDefault();
    open(dialog);
    const sample = event.submitter && event.submitter.value;
    if (sample) {
      const field = dialog.querySelector("[name=image_url]");
      field.value = sample;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-closes]")) {
      event.preventDefault();
      event.target.closest("dialog").close();
    } else if (event.target instanceof HTMLDialogElement && event.target.id === "asked") {
      event.target.close();
    }
    document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });

  // An answer into the common dialog opens it.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "asked-body") open(document.getElementById("asked"));
  });

  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-submit-on-change]");
    if (form) form.requestSubmit();
  });

  // What was wrong was so of the old value: the sentence keeps its place, so nothing moves, and is said no more.
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (!field.matches || !field.matches("[aria-invalid=true]")) return;
    field.removeAttribute("aria-invalid");
    const box = document.getElementById(`${field.id}_error`);
    if (box) box.querySelectorAll(".errors").forEach((error) => error.classList.add("past"));
  });

  document.addEventListener("htmx:responseError", noAnswer);
  document.addEventListener("htmx:sendError", noAnswer);
  document.addEventListener("htmx:timeout", noAnswer);

  function noAnswer(event) {
    if (event.detail.elt.matches("[hx-trigger='every 2s']")) return;
    const box = (document.querySelector("dialog[open]") || document).querySelector("[data-no-answer]");
    if (box) {
      box.textContent = window.portal.text("sayNoAnswer");
      box.hidden = false;
    }
    window.portal.say(window.portal.text("sayNoAnswer"));
  }
})();

