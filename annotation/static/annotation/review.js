"use strict";
// Verdicts by keyboard, and the other answers about the clip on its time line.
(() => {
  const rejecting = document.querySelector("[data-role=reject]");
  const keysOn = document.querySelector("[data-role=keys-on]"); // none where there is nothing to play
  if (keysOn) { // until the tab is closed, not until the next answer
    keysOn.checked = sessionStorage.getItem("keys") !== "off";
    keysOn.addEventListener("change", () => sessionStorage.setItem("keys", keysOn.checked ? "on" : "off"));
  }
  // Enter in a field would press the form's first button, which uses and pays.
  rejecting?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input")) return;
    event.preventDefault();
    if (event.target.name === "feedback" && !event.isComposing) rejecting.querySelector("button").click();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || keysOn?.checked === false) return;
    const writing = event.target.closest("input:not([type=radio], [type=checkbox]), textarea");
    if (writing) return;
    if (/^[1-9]$|^Enter$/.test(event.key) && !rejecting?.open) return;
    if (event.key === "Enter" && event.target.closest("button, a, summary")) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const wanted = document.querySelector(`[data-key="${CSS.escape(name)}"]`);
    if (!wanted) return;
    event.preventDefault();
    wanted.click();
    if (wanted.type === "radio") wanted.focus();
  });
  const bonus = document.querySelector("[data-role=bonus]");
  bonus?.addEventListener("toggle", () => {
    if (bonus.open) bonus.querySelector("input:not([type=hidden])").focus();
  });
  if (typeof player === "undefined") return;
  for (const row of document.querySelectorAll("[data-role=neighbours] [data-start]")) {
    const band = Object.assign(document.createElement("span"), { className: "neighbour" });
    document.querySelector("[data-role=strip]").append(band);
    player.place(band, Number(row.dataset.start), Number(row.dataset.end));
  }
  player.video.muted = true; // browsers play by themselves only what is silent
  player.video.play().catch(() => {}); // where they do not, the space key does
})();
