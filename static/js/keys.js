/* "/" goes to the search of the page, Ctrl+K or ⌘K to the one over everything. Esc is the browser's own for dialogs; here
   it closes menus. */
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
    const typing = event.target.closest && event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    const search = document.querySelector("main input[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (openFinder()) {
      event.preventDefault();
    }
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
