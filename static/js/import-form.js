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
      showReference(form);
    }
    if (form && event.target.name === "credential") {
      event.target.dataset.typed = "yes";
      showChosen(form, false);
      toggleOnce(form);
    }
    if (form && event.target.name === "mode") choose(form);
    if (form) dropPlan(form);
    if (form && event.target.name === "image_url") offerPlatforms(form, null);
    if (form && event.target.name === "platforms") form.dataset.chosePlatforms = "yes";
  });

  // A plan is of what stood there when it was asked for, also one that is still on its way.
  function dropPlan(form) {
    form.querySelectorAll("[hx-target='#import-plan']").forEach((asking) => htmx.trigger(asking, "htmx:abort"));
    form.querySelector("#import-plan").replaceChildren();
  }

  // Fill what the reader left alone with what the reference says.
  function follow(form) {
    const read = form.querySelector("[data-target_name]");
    for (const name of TARGETS) {
      const field = form.elements[name];
      if (!field.dataset.typed) field.value = read ? read.dataset[name] || "" : "";
    }
    showReference(form);
    choose(form);
    tick(form, read && read.dataset.platforms ? read.dataset.platforms.split(",") : null);
  }

  function platformsOf(form) {
    const fields = [...form.querySelectorAll("[name=platforms]")];
    const isBox = (field) => field.type === "checkbox";
    return [fields.filter(isBox), fields.find((field) => !isBox(field))];
  }

  // The boxes that a form came with, by form.
  const usual = new WeakMap();

  // Boxes are of the platforms that a plan has found at the source, until the source is another; what is ticked or typed
  // stays.
  function offerPlatforms(form, names) {
    const [boxes, others] = platformsOf(form);
    if (!boxes.length) return;
    if (!usual.has(form)) usual.set(form, boxes);
    const known = new Map([...boxes, ...usual.get(form)].map((box) => [box.value, box]));
    const typed = others.value.split(/[,\s]+/).filter(Boolean);
    const ticked = boxes.filter((box) => box.checked).map((box) => box.value);
    const shown = [...new Set([...(names || usual.get(form).map((box) => box.value)), ...ticked])];
    const labels = shown.map((name) => {
      const box = known.get(name) || boxOf(name, boxes[0]);
      box.checked = ticked.includes(name) || typed.includes(name);
      return box.closest("label");
    });
    boxes[0].closest(".checks").replaceChildren(...labels);
    others.value = typed.filter((name) => !shown.includes(name)).join(", ");
  }

  function boxOf(name, like) {
    const label = like.closest("label").cloneNode(true);
    const box = label.querySelector("input");
    box.defaultChecked = false;
    box.value = name;
    label.querySelector("span").textContent = name;
    return box;
  }

  // Platforms that a pasted command names are ticked until the reader ticks others; without any, as the form had them.
  function tick(form, named) {
    const [boxes, others] = platformsOf(form);
    if (!others || form.dataset.chosePlatforms || "bound" in form.dataset) return;
    const known = boxes.map((box) => box.value);
    for (const box of boxes) box.checked = named ? named.includes(box.value) : box.defaultChecked;
    others.value = named ? named.filter((name) => !known.includes(name)).join(", ") : others.defaultValue;
    if (named) form.querySelector("#import-options").open = true;
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

  // Several lines are a list: they go where lists are read.
  document.addEventListener("paste", (event) => {
    const form = formOf(event.target);
    if (!form || event.target.name !== "image_url" || !form.elements.mode || !form.elements.mode.value) return;
    const text = event.clipboardData ? event.clipboardData.getData("text") : "";
    if (text.split("\n").filter((line) => line.trim()).length < 2 || /\\\s*\n/.test(text)) return;
    event.preventDefault();
    form.querySelector("[name=mode][value=many]").checked = true;
    const list = form.elements.images;
    list.value = text;
    choose(form);
    list.focus();
    list.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // Once the typing rests the source is asked for the image, then for its tags where a tag is being typed: no registry
  // is asked for each letter, and never two things at once, which a plan might have to wait for.
  const RESTS = 600;
  const LOOKED_AT = ["image_url", ...TARGETS, "credential", "platforms", "overwrite"];
  let resting = 0;

  function typesTag(text) {
    return /^\S+:[^/@\s]*$/.test(text.trim()) && !/:\/\/[^/]*$/.test(text);
  }

  function dropLook(form) {
    clearTimeout(resting);
    const look = form.querySelector("#import-look");
    if (!look) return;
    htmx.trigger(look, "htmx:abort");
    look.replaceChildren();
  }

  function offerTags(form) {
    const offers = form.querySelector("#import-offers");
    const text = form.elements.image_url.value;
    if (!typesTag(text) || offers.dataset.of === text) return;
    offers.dataset.of = text;
    htmx.trigger(offers, "offer-tags");
  }

  function askSource(form) {
    if (!form.isConnected || !form.elements.image_url.value.trim() || form.elements.mode.value === "many") return;
    // A password for once may be half typed; the server tries none here.
    if (form.elements.username.value || form.elements.password.value) offerTags(form);
    else htmx.trigger(form.querySelector("#import-look"), "look-at-source");
  }

  document.addEventListener("input", (event) => {
    const form = formOf(event.target);
    if (!form || !form.querySelector("#import-look") || !LOOKED_AT.includes(event.target.name)) return;
    dropLook(form);
    if (event.target.name === "image_url") {
      const offers = form.querySelector("#import-offers");
      delete offers.dataset.of;
      if (!typesTag(event.target.value)) offers.replaceChildren();
    }
    resting = setTimeout(() => askSource(form), RESTS);
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt.id === "import-look" && formOf(event.detail.elt);
    if (form && event.detail.xhr.status) offerTags(form); // Without a status it was given up for the next.
  });

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
    if (!form || event.detail.target.id !== "import-plan") return;
    dropLook(form); // The plan says the same, and more.
    const plan = event.detail.target.querySelector("[data-source-platforms]");
    if (plan && plan.dataset.sourcePlatforms) offerPlatforms(form, plan.dataset.sourcePlatforms.split(","));
    // It is what the reader waits for, and may begin below what is seen of the form.
    event.detail.target.scrollIntoView({ block: "nearest" });
  });

  document.addEventListener("htmx:load", (event) => {
    const form = event.detail.elt.closest("form[data-import-form]");
    if (form && form === event.detail.elt) begin(form);
  });

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("form[data-import-form]").forEach(begin);
  });

  function showReference(form) {
    const reference = form.querySelector("[data-reference]");
    if (!reference) return;
    const name = form.elements.target_name.value || reference.dataset.name;
    const tag = form.elements.target_tag.value || reference.dataset.tag;
    reference.textContent = `${reference.dataset.prefix}/${name}:${tag}`;
  }

  // What was filled in for the reader is not sent, by htmx or by the browser: it may be that of the text before, and the
  // server fills it from the reference that is sent.
  document.addEventListener("formdata", (event) => {
    const form = formOf(event.target);
    if (!form) return;
    for (const name of TARGETS) {
      if (!form.elements[name].dataset.typed) event.formData.set(name, "");
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
    offerPlatforms(form, null); // Only what is in the form is reset.
    form.reset();
    offerPlatforms(form, null);
    for (const name of [...TARGETS, "credential"]) {
      if (form.elements[name]) delete form.elements[name].dataset.typed;
    }
    delete form.dataset.chosePlatforms;
    showChosen(form, false);
    toggleOnce(form);
    form.querySelectorAll(".errors").forEach((error) => error.remove());
    form.querySelectorAll("[aria-invalid]").forEach((field) => field.removeAttribute("aria-invalid"));
    dropLook(form);
    form.querySelectorAll("[data-clears]").forEach((part) => part.replaceChildren());
    dialog.close();
    const live = document.getElementById("imports-live");
    if (live) live.scrollIntoView({ block: "nearest" });
  });
})();
