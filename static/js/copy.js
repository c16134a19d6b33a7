/* Buttons with data-copy put their text on the clipboard and say so. */
"use strict";

(() => {
  async function copy(text) {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text);
      return;
    }
    // Plain HTTP on an internal name is no secure context: the old way still works there.
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("readonly", "");
    area.className = "visually-hidden";
    (document.querySelector("dialog[open]") || document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("copy");
  }

  // Shows another icon of the sprite; the name of the one that was there.
  function swapIcon(button, name) {
    const use = button.querySelector("use");
    const [file, before] = use.getAttribute("href").split("#");
    use.setAttribute("href", `${file}#${name}`);
    return before;
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await copy(button.dataset.copy);
    } catch {
      window.portal.say(window.portal.text("sayNotCopied"));
      return;
    }
    window.portal.say(window.portal.text("sayCopied"));
    if (button.classList.contains("copied")) return;
    const before = swapIcon(button, "check");
    button.classList.add("copied");
    setTimeout(() => {
      swapIcon(button, before);
      button.classList.remove("copied");
    }, 1600);
  });
})();
