/* "/" goes to the search of the page, "i" to the import form, "?" to the list of keys; Ctrl+K or ⌘K opens the search over
   everything. Esc is the browser's own for dialogs; here it closes menus. */
"use strict";

(() => {
  const finder = () => document.getElementById("finder");

  function openFinder() {
    const dialog = finder();
    if (!dialog || (document.querySelector("dialog[open]") && !dialog.open)) return false;
    window.portal.open(dialog);
    dialog.querySelector("[type=search]").select();
    return true;
  }

  function search() {
    const field = document.querySelector("main input[type=search]");
    if (!field) return openFinder();
    field.focus();
    field.select();
    return true;
  }

  // Where the page has a form for it, that is used; else the menu's link leads to one.
  function startImport() {
    const form = document.querySelector("#import-dialog form[data-import-form]");
    const field = document.querySelector("#start-image, main form[data-import-form] [name=image_url]");
    const link = document.getElementById("start-import");
    if (form) window.portal.open(form.closest("dialog"));
    else if (field) field.focus();
    else if (link) link.click();
    return Boolean(form || field || link);
  }

  function listKeys() {
    const link = document.getElementById("keys");
    if (link) link.click();
    return Boolean(link);
  }

  // By the character: where it lies on a keyboard, and whether Shift is part of it, differs.
  const SINGLE = new Map([["/", search], ["i", startImport], ["?", listKeys]]);

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
        menu.open = false;
        menu.querySelector("summary").focus();
      });
    }
    if ((event.key || "").toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      if (openFinder()) event.preventDefault();
      return;
    }
    const act = SINGLE.get(event.key);
    const typing = event.target.closest && event.target.closest("input, textarea, select, [contenteditable]");
    if (!act || typing || event.isComposing || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if ("keysOff" in document.body.dataset || document.querySelector("dialog[open]")) return;
    if (act()) event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("#find");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && openFinder()) event.preventDefault();
    if (event.target === finder()) finder().close();
  });

  // What was found for another text goes at once, and what is on its way for it: Enter then asks for what is typed.
  let typed = "";
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (!field.closest("#finder") || field.value === typed) return;
    typed = field.value;
    window.htmx.trigger(field, "htmx:abort");
    document.getElementById("finder-found").replaceChildren();
    finder().querySelector("[data-no-answer]").hidden = true;
  });

  // Arrows walk through what was found; Enter in the field opens the first of it. Keys that choose characters of an
  // input method are its own; Safari tells the last of them by its code only.
  document.addEventListener("keydown", (event) => {
    const dialog = event.target.closest && event.target.closest("#finder");
    if (!dialog || event.isComposing || event.keyCode === 229) return;
    const links = [...dialog.querySelectorAll(".found a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "Enter" && at < 0 && links.length) {
      event.preventDefault();
      links[0].click();
    } else if (event.key === "ArrowDown" && links.length) {
      event.preventDefault();
      links[Math.min(at + 1, links.length - 1)].focus();
    } else if (event.key === "ArrowUp" && at >= 0) {
      event.preventDefault();
      (at ? links[at - 1] : dialog.querySelector("[type=search]")).focus();
    }
  });
})();
