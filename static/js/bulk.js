/* Lists with boxes: one box for all of them. Without scripts each is ticked by itself. */
"use strict";

(() => {
  const boxesOf = (form) => [...document.querySelectorAll(`input[type=checkbox][form="${form.id}"]`)];

  function begin(root) {
    root.querySelectorAll("form[data-bulk]").forEach((form) => {
      const all = form.querySelector("[data-bulk-all]");
      if (all) all.hidden = boxesOf(form).length === 0;
    });
  }

  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-bulk-all]");
    if (all) {
      boxesOf(all.closest("form")).forEach((box) => {
        box.checked = event.target.checked;
      });
      return;
    }
    const form = event.target.form;
    if (!form || !form.matches("[data-bulk]")) return;
    const boxes = boxesOf(form);
    const ticked = boxes.filter((box) => box.checked).length;
    const box = form.querySelector("[data-bulk-all] input");
    box.checked = ticked === boxes.length;
    box.indeterminate = ticked > 0 && ticked < boxes.length;
  });

  document.addEventListener("htmx:load", (event) => begin(event.detail.elt.parentElement || document));
  document.addEventListener("DOMContentLoaded", () => begin(document));
})();
