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
    if (form && event.target.name === "credential") {
      event.target.dataset.typed = "yes";
      showChosen(form, false);
      toggleOnce(form);
    }
    if (form && event.target.name === "mode") choose(form);
  });

  // Fill what the reader left alone with what the reference says.
  function follow(form) {
    const read = form.querySelector("[data-target_name]");
    for (const name of TARGETS) {
      const field = form.elements[name];
      if (!field.dataset.typed) field.value = read ? read.dataset[name] || "" : "";
    }
    showGoal(form);
    choose(form);
  }

  // The registry's only saved credential is chosen until the reader chooses, and is seen to be.
  function choose(form) {
    const field = form.elements.credential;
    if (!field || field.dataset.typed || form.elements.username.value || form.elements.password.value) return;
    const read = form.querySelector("[data-target_name]");
    const found = form.elements.mode.value === "one" && read && read.dataset.credential;
    field.value = found || "";
    showChosen(form, Boolean(found));
    toggleOnce(form);
  }

  function showChosen(form, chosen) {
    const words = form.querySelector("[data-chosen]");
    if (words) words.hidden = !chosen;
  }

  // A form that came from the server: the targets in it were typed, for others are not sent.
  function begin(form) {
    for (const name of TARGETS) {
      if (form.elements[name].value) form.elements[name].dataset.typed = "yes";
    }
    const credential = form.elements.credential;
    const words = form.querySelector("[data-chosen]");
    if (credential && ("bound" in form.dataset || (credential.value && words.hidden))) credential.dataset.typed = "yes";
    follow(form);
    toggleOnce(form);
    const dialog = form.closest("dialog");
    if (dialog && form.elements.again && !dialog.open) window.portal.open(dialog);
    const wrong = form.querySelector("[aria-invalid=true]");
    if (wrong) wrong.focus();
    else if (form.dataset.tag) selectTag(form);
  }

  // "Pick another tag": the next key replaces it.
  function selectTag(form) {
    const field = form.elements.image_url;
    const from = field.value.length - form.dataset.tag.length;
    field.focus();
    field.setSelectionRange(from, field.value.length);
  }

  document.addEventListener("click", (event) => {
    const picked = event.target.closest("[data-picks]");
    const form = picked && formOf(picked);
    if (!form) return;
    event.preventDefault();
    const field = form.elements.image_url;
    field.value = field.value.replace(/(:[^:/@]*)?(@.*)?$/, `:${picked.dataset.picks}`);
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // A dialog that was for one failed import is a plain one when it opens the next time.
  document.addEventListener(
    "close",
    (event) => {
      const form = event.target.id === "import-dialog" && event.target.querySelector("form[data-import-form]");
      if (!form || !form.elements.again) return;
      htmx.ajax("GET", form.getAttribute("action"), { target: form, swap: "outerHTML" });
    },
    true,
  );

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
    for (const name of [...TARGETS, "credential"]) {
      if (form.elements[name]) delete form.elements[name].dataset.typed;
    }
    showChosen(form, false);
    toggleOnce(form);
    form.querySelectorAll(".errors").forEach((error) => error.remove());
    form.querySelectorAll("[aria-invalid]").forEach((field) => field.removeAttribute("aria-invalid"));
    form.querySelectorAll("[data-clears]").forEach((part) => part.replaceChildren());
    dialog.close();
    const live = document.getElementById("imports-live");
    if (live) live.scrollIntoView({ block: "nearest" });
  });
})();
