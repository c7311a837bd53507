"use strict";
// Says when a question can be guessed without the film, and why. Whatever takes longer than a second is not said.
(() => {
  const AFTER_MS = 600; // of rest
  const EVERY_MS = 200;
  const WITHIN_MS = 1000;
  const form = document.querySelector("form[data-role=task-form]");
  const place = document.querySelector("[data-role=blind]");
  const names = ["question", "correct", "wrong_1", "wrong_2", "wrong_3"];
  const texts = () => names.map((name) => form.elements[name].value.trim());
  let timer = 0;
  let round = 0;
  let stood = ""; // what was there when something was last written

  async function ask() {
    const mine = (round += 1);
    const body = new FormData();
    body.append("token", form.elements.token.value);
    names.forEach((name, i) => body.append(name, texts()[i]));
    const end = Date.now() + WITHIN_MS;
    while (Date.now() < end && mine === round) {
      const response = await fetch(form.dataset.blind, {
        method: "POST", body, credentials: "omit", signal: AbortSignal.timeout(end - Date.now()),
      }).catch(() => null);
      if (response?.status === 200) {
        const { why } = await response.json();
        if (mine === round && why !== "") place.textContent = `Can be guessed without watching: ${why}.`;
        return;
      }
      if (response?.status !== 202) return;
      await new Promise((done) => setTimeout(done, EVERY_MS));
    }
  }

  function rest() {
    const written = texts();
    if (JSON.stringify(written) === stood) return; // a field was only left: what is said of it stays
    stood = JSON.stringify(written);
    round += 1;
    place.textContent = "";
    clearTimeout(timer);
    if (written.every((text) => text !== "")) timer = setTimeout(ask, AFTER_MS);
  }
  form.addEventListener("input", rest);
  rest(); // a draft may be complete
})();
