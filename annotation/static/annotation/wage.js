"use strict";
// What the reward comes to an hour, beside the reward, by the time that answers of this kind have taken so far.
document.addEventListener("DOMContentLoaded", () => {
  const told = document.getElementById("wage");
  const usual = JSON.parse(document.getElementById("usual-seconds").textContent);
  const reward = document.getElementById("id_reward");
  const kind = document.getElementById("id_kind");
  const show = () => {
    const seconds = usual[kind.value];
    const dollars = Number(reward.value);
    told.textContent = !seconds
      ? "No answer of this kind has come yet: what it pays an hour is not known."
      : `Half of the last answers of this kind took at most ${Math.round(seconds)} s: $${((3600 * dollars) / seconds).toFixed(2)} an hour.`;
  };
  for (const field of [reward, kind]) field.addEventListener("input", show);
  show();
});
