/* hx-swap="morph": an answer changes what is other in it and leaves the rest of the page's elements alone, so that a
   selection, the focus and what the reader has opened stay. For elements with hx-ext="morph". */
"use strict";

(() => {
  const TIMES = "time[datetime], relative-time[datetime]";

  // Times are written in the reader's zone by scripts; the server's text of the same moment is no news.
  function beforeNodeMorphed(before, after) {
    const same = before.matches && before.matches(TIMES) && after.getAttribute("datetime") === before.getAttribute("datetime");
    return !same;
  }

  // What is open is the reader's own.
  function beforeAttributeUpdated(name, element) {
    return !(name === "open" && element.tagName === "DETAILS");
  }

  htmx.defineExtension("morph", {
    isInlineSwap: (style) => style === "morph",
    handleSwap(style, target, fragment) {
      if (style !== "morph") return false;
      return window.Idiomorph.morph(target, fragment.firstElementChild, {
        morphStyle: "outerHTML",
        callbacks: { beforeNodeMorphed, beforeAttributeUpdated },
      });
    },
  });
})();
