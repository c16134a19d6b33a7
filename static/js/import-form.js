/* The import form: the targets follow the reference until the reader types into them. */
"use strict";

(() => {
  const TARGETS = ["target_name", "target_tag"];

  function formOf(element) {
    return element && element.closest ? element.closest("form[data-import-form]") : null;
  }

  document.addEventListener("input", (event) => {
    const form = formOf(event.target);
    if (form && TARGETS.includes(event.target.name)) {
      event.target.dataset.typed = event.target.value ? "yes" : "";
      showGoal(form);
    }
    if (form && event.target.name === "credential") toggleOnce(form);
  });

  // Fill what the reader left alone with what the reference says.
  function follow(form) {
    const read = form.querySelector("[data-target_name]");
    for (const name of TARGETS) {
      const field = form.elements[name];
      if (!field.dataset.typed) field.value = read ? read.dataset[name] || "" : "";
    }
    showGoal(form);
  }

  // A form that came from the server: the targets in it were typed, for others are not sent.
  function begin(form) {
    for (const name of TARGETS) {
      if (form.elements[name].value) form.elements[name].dataset.typed = "yes";
    }
    follow(form);
    toggleOnce(form);
    const wrong = form.querySelector("[aria-invalid=true]");
    if (wrong) wrong.focus();
  }

  document.addEventListener("htmx:afterSwap", (event) => {
    const form = formOf(event.detail.target);
    if (form && event.detail.target.matches("[data-reading]")) follow(form);
  });

  document.addEventListener("htmx:load", (event) => {
    const form = event.detail.elt.closest("form[data-import-form]");
    if (form && form === event.detail.elt) begin(form);
  });

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("form[data-import-form]").forEach(begin);
  });

  function showGoal(form) {
    const goal = form.querySelector("[data-goal]");
    if (!goal) return;
    const name = form.elements.target_name.value || goal.dataset.name;
    const tag = form.elements.target_tag.value || goal.dataset.tag;
    goal.textContent = `${goal.dataset.prefix}/${name}:${tag}`;
  }

  // What was filled in for the reader is not sent: the server fills it from the reference that is sent.
  document.addEventListener("htmx:configRequest", (event) => {
    const form = formOf(event.detail.elt);
    if (!form) return;
    for (const name of TARGETS) {
      if (!form.elements[name].dataset.typed) event.detail.parameters[name] = "";
    }
  });

  function toggleOnce(form) {
    const saved = form.elements.credential && form.elements.credential.value;
    for (const name of ["username", "password"]) {
      const field = form.elements[name];
      field.disabled = Boolean(saved);
      field.title = saved ? form.dataset.sayCredential : "";
      if (saved) field.value = "";
    }
  }

  // The import was taken: the form is as new, the dialog closes.
  document.addEventListener("import-started", () => {
    const dialog = document.getElementById("import-dialog");
    const form = dialog && dialog.querySelector("form[data-import-form]");
    if (!form) return;
    form.reset();
    for (const name of TARGETS) delete form.elements[name].dataset.typed;
    toggleOnce(form);
    form.querySelectorAll(".errors").forEach((error) => error.remove());
    form.querySelectorAll("[aria-invalid]").forEach((field) => field.removeAttribute("aria-invalid"));
    form.querySelectorAll("[data-clears]").forEach((part) => part.replaceChildren());
    dialog.close();
    const live = document.getElementById("imports-live");
    if (live) live.scrollIntoView({ block: "nearest" });
  });
})();
