/* On a narrow screen the tab of this page may stand outside of what is seen of its row. */
"use strict";

document.querySelectorAll(".tabs [aria-current=page]").forEach((tab) => {
  const row = tab.closest(".tabs");
  row.scrollLeft = tab.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
});
