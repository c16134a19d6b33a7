/* What asks once before it acts: forms with data-confirm and buttons with hx-confirm, in the page's own dialog.
   On the form or its button: data-title, data-yes and data-no name the parts; data-calm: what it does can be undone. */
"use strict";

(() => {
  const dialog = document.getElementById("sure");
  let agreed = null;

  function part(name) {
    return dialog.querySelector(`[data-sure=${name}]`);
  }

  // The words of the one who asks, else those of its button, else the dialog's own.
  function ask(question, button, words, go) {
    part("title").textContent = words.title || button.textContent.trim();
    part("question").textContent = question;
    part("yes").textContent = words.yes || button.textContent.trim();
    part("no").textContent = words.no || part("no").dataset.word;
    part("yes").classList.toggle("btn-danger", !("calm" in words));
    part("yes").classList.toggle("btn-primary", "calm" in words);
    agreed = go;
    dialog.showModal();
    part("no").focus();
  }

  dialog.addEventListener("close", () => {
    agreed = null;
  });

  part("yes").addEventListener("click", () => {
    const go = agreed;
    dialog.close();
    if (go) go();
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.confirm) return;
    if (form.dataset.agreed) {
      delete form.dataset.agreed;
      return;
    }
    event.preventDefault();
    const button = event.submitter || form.querySelector("button");
    ask(form.dataset.confirm, button, form.dataset, () => {
      form.dataset.agreed = "yes";
      form.requestSubmit(button);
    });
  });

  document.addEventListener("htmx:confirm", (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    const button = event.detail.elt;
    ask(event.detail.question, button, button.dataset, () => event.detail.issueRequest(true));
  });
})();
