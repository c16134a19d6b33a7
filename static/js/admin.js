/* On a narrow screen the admin's tables are moved sideways in their boxes: those who use keys need a way into them. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".inline-group, #changelist .results").forEach((box) => {
    box.tabIndex = 0;
  });
});
