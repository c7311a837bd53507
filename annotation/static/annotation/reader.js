"use strict";
// The question as whoever answers it will see it: its options in an order that the writer has not chosen.
(() => {
  const OPTIONS = ["correct", "wrong_1", "wrong_2", "wrong_3"];
  const form = document.querySelector("form[data-role=task-form]");
  const reader = document.querySelector("[data-role=reader]");
  const asked = reader.querySelector("[data-role=asked]");
  const places = reader.querySelectorAll("[data-role=option]");
  let order = OPTIONS;

  function show() {
    const text = (name) => form.elements[name].value.trim() || "…";
    asked.textContent = text("question");
    places.forEach((place, i) => { place.textContent = text(order[i]); });
  }
  reader.addEventListener("toggle", () => { // another order each time, and none of its own while one writes
    order = OPTIONS.map((name) => [Math.random(), name]).sort(([a], [b]) => a - b).map(([, name]) => name);
    show();
  });
  form.addEventListener("input", show);
  show();
  reader.hidden = false;
})();
