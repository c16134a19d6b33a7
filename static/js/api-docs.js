/* Swagger UI is dark by a class: by the theme that was chosen for the portal, else by the system's. */
"use strict";

(() => {
  const page = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  function follow() {
    const chosen = page.dataset.bsTheme;
    page.classList.toggle("dark-mode", chosen ? chosen === "dark" : system.matches);
  }

  follow();
  system.addEventListener("change", follow);
})();
