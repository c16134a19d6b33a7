/* One polite voice: what changes without the reader's doing is said to assistive technology. */
"use strict";

window.portal = {
  text(name) {
    return document.body.dataset[name] || "";
  },
  say(sentence) {
    const voice = document.getElementById("announcer");
    if (!voice || !sentence) return;
    voice.textContent = "";
    setTimeout(() => {
      voice.textContent = sentence;
    }, 60);
  },
};
