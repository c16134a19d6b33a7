/* Files are sent by tus 1.0.0, piece by piece, and gone on with after a break; without scripts the form sends them whole. */
"use strict";

(() => {
  const TUS = { "Tus-Resumable": "1.0.0" };
  // Pauses before another try, milliseconds; then the reader adds the file again.
  const PAUSES = [500, 1000, 2000, 4000, 8000, 15000, 15000, 30000];

  // It passes: someone else writes, there were too many requests, or the server is away.
  const LATER = [423, 429, 502, 503, 504];
  // Only of a piece: another one is next, or it came spoilt.
  const SEND_AGAIN = [409, 460];

  class Refused extends Error {
    constructor(said, status) {
      super(said);
      this.status = status;
    }
  }

  function sleep(time) {
    return new Promise((done) => setTimeout(done, time));
  }

  function base64(bytes) {
    let text = "";
    for (const each of bytes) text += String.fromCharCode(each);
    return btoa(text);
  }

  // Plain HTTP on an internal name is no secure context and has no digests; the import checks all content anyway.
  async function checksum(piece) {
    if (!window.crypto || !window.crypto.subtle) return {};
    const found = await window.crypto.subtle.digest("SHA-256", await piece.arrayBuffer());
    return { "Upload-Checksum": `sha256 ${base64(new Uint8Array(found))}` };
  }

  function keyOf(form, file) {
    return `upload:${form.dataset.project}:${file.name}:${file.size}:${file.lastModified}`;
  }

  async function ask(form, method, place, headers, body) {
    const token = form.elements.csrfmiddlewaretoken.value;
    const answer = await fetch(place, {
      method,
      body,
      headers: { ...TUS, "X-CSRFToken": token, Accept: "application/json", ...headers },
      credentials: "same-origin",
    });
    if (LATER.includes(answer.status)) throw new Error("again");
    if (method === "PATCH" && SEND_AGAIN.includes(answer.status)) throw new Error("again");
    if (!answer.ok) {
      const said = method === "HEAD" ? {} : await answer.json().catch(() => ({}));
      const first = Object.values(said).flat().find((each) => typeof each === "string");
      throw new Refused(said.detail || first || `${answer.status}`, answer.status);
    }
    return answer;
  }

  async function begin(form, file) {
    const key = keyOf(form, file);
    const known = window.localStorage.getItem(key);
    if (known) {
      try {
        const answer = await ask(form, "HEAD", known, {});
        return { place: known, offset: Number(answer.headers.get("Upload-Offset")) };
      } catch (error) {
        // Only where the upload is gone: what has come of it counts after a sign-in, too.
        if (!(error instanceof Refused) || ![404, 410].includes(error.status)) throw error;
        window.localStorage.removeItem(key);
      }
    }
    const name = base64(new TextEncoder().encode(file.name));
    const answer = await ask(form, "POST", form.dataset.to, {
      "Upload-Length": String(file.size),
      "Upload-Metadata": `filename ${name}`,
    });
    const place = new URL(answer.headers.get("Location"), window.location.href).pathname;
    window.localStorage.setItem(key, place);
    return { place, offset: 0 };
  }

  async function send(form, file, tell) {
    const most = Number(form.dataset.piece);
    let at = null;
    let failures = 0;
    for (;;) {
      try {
        if (at === null) at = await begin(form, file);
        while (at.offset < file.size) {
          tell(at.offset, "");
          const piece = file.slice(at.offset, at.offset + most);
          const headers = {
            "Upload-Offset": String(at.offset),
            "Content-Type": "application/offset+octet-stream",
            ...(await checksum(piece)),
          };
          const answer = await ask(form, "PATCH", at.place, headers, piece);
          at.offset = Number(answer.headers.get("Upload-Offset"));
          failures = 0;
        }
        tell(file.size, form.dataset.sayDone);
        return at.place.split("/").pop();
      } catch (error) {
        if (error instanceof Refused || failures >= PAUSES.length) throw error;
        tell(null, form.dataset.sayAgain);
        await sleep(PAUSES[failures]);
        failures += 1;
        at = null;
      }
    }
  }

  function line(form, file) {
    const item = document.createElement("li");
    const name = document.createElement("div");
    name.className = "wraps";
    name.textContent = file.name;
    const bar = document.createElement("progress");
    bar.className = "bar-of";
    bar.max = Math.max(1, file.size);
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    const words = document.createElement("div");
    words.className = "fine quiet";
    item.append(name, bar, words);
    form.querySelector("[data-list]").append(item);
    return (offset, said) => {
      if (offset !== null) bar.value = offset;
      const percent = Math.floor((100 * bar.value) / bar.max);
      words.textContent = said || `${form.dataset.saySending} · ${percent} %`;
    };
  }

  async function sendAll(form, files) {
    if (!files.length || form.dataset.busy) return;
    form.dataset.busy = "yes";
    const button = form.querySelector("[data-send]");
    button.disabled = true;
    form.querySelector("[data-list]").replaceChildren();
    const ids = [];
    try {
      for (const file of files) {
        const tell = line(form, file);
        try {
          ids.push(await send(form, file, tell));
        } catch (error) {
          const said = error instanceof Refused ? error.message : form.dataset.sayFailed;
          tell(null, said);
          window.portal.say(said);
          return;
        }
      }
      window.portal.say(form.dataset.sayDone);
      const query = new URLSearchParams(ids.map((id) => ["upload", id]));
      window.location.assign(`${form.dataset.then}?${query}`);
    } finally {
      delete form.dataset.busy;
      button.disabled = false;
    }
  }

  for (const form of document.querySelectorAll("form[data-uploads]")) {
    for (const each of form.querySelectorAll("[data-with-scripts]")) each.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sendAll(form, [...form.elements.files.files]);
    });
    form.addEventListener("dragover", (event) => {
      event.preventDefault();
      form.classList.add("drop-over");
    });
    form.addEventListener("dragleave", () => form.classList.remove("drop-over"));
    form.addEventListener("drop", (event) => {
      event.preventDefault();
      form.classList.remove("drop-over");
      sendAll(form, [...event.dataTransfer.files]);
    });
  }
})();
