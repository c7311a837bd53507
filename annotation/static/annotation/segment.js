"use strict";
// One moment, held in one place: pointer, keys and fields all pass through `set`, and everything shown comes from it.
(() => {
  const form = document.querySelector("form[data-role=task-form]");
  const bar = document.querySelector("[data-role=slider]");
  const fields = [form.elements.start, form.elements.end];
  const least = JSON.parse(document.getElementById("rules").textContent).least_segment_s;
  const last = Math.floor(player.duration * 10 + 0.001) / 10;
  const tenth = (seconds) => Math.round(seconds * 10) / 10;
  let now = [0, Math.min(10, last)];
  let edge = 0; // 0 start, 1 end: the one that was moved last

  // The edge that is moved stays where it is put; the other one makes room.
  function set(seconds, moved) {
    let [start, end] = seconds.map(tenth);
    if (moved === 0) {
      start = Math.min(Math.max(start, 0), tenth(last - least));
      end = Math.min(Math.max(end, start + least), last);
    } else {
      end = Math.min(Math.max(end, least), last);
      start = Math.max(Math.min(start, end - least), 0);
    }
    bar.noUiSlider.set([tenth(start), tenth(end)]);
    show([tenth(start), tenth(end)], moved);
  }

  function show(seconds, moved) {
    now = seconds;
    edge = moved;
    now.forEach((value, handle) => { fields[handle].value = fields[handle].dataset.settled = value.toFixed(1); });
    form.querySelector("[data-check=end]").textContent = `${tenth(now[1] - now[0]).toFixed(1)} s`;
    player.setMoment(now[0], now[1]);
    form.dispatchEvent(new Event("input"));
  }

  // What the fields say; where one says nothing, its edge stays where it is.
  const given = () => fields.map((field, handle) => (field.value === "" ? now[handle] : Number(field.value)));
  const first = given();
  noUiSlider.create(bar, {
    start: first, connect: true, step: 0.1, margin: least, range: { min: 0, max: last }, behaviour: "drag-tap",
    keyboardDefaultStep: last * 10 > 100 ? last : 10, // arrows a tenth, page keys more
    animate: false, // while a handle glides, the slider takes no pointer
    handleAttributes: [{ "aria-label": "Start of the segment" }, { "aria-label": "End of the segment" }],
    ariaFormat: { to: (value) => `${value.toFixed(1)} seconds` },
  });
  set(first, fields[1].value === "" ? 0 : 1);
  edge = 0;
  if (form.querySelector("fieldset").disabled) {
    bar.noUiSlider.disable();
    for (const name of ["in", "out"]) player.root.querySelector(`[data-action=${name}]`).disabled = true;
    return;
  }
  bar.noUiSlider.on("slide", (_, handle, values) => { show(values.map(tenth), handle); player.seek(now[handle]); });
  const move = (handle, seconds) => set(now.map((value, place) => (place === handle ? seconds : value)), handle);
  fields.forEach((field, handle) => field.addEventListener("change", () => {
    const typed = field.value === "" ? NaN : Number(field.value);
    if (Number.isNaN(typed)) return set(now, edge);
    move(handle, typed);
    player.seek(now[handle]);
  }));
  form.addEventListener("restored", () => set(given(), edge)); // both at once
  const nudge = (by) => { move(edge, now[edge] + by); player.seek(now[edge]); };
  Object.assign(player.actions, { in: () => move(0, player.now()), out: () => move(1, player.now()) });
  Object.assign(player.keys, {
    i: player.actions.in, o: player.actions.out,
    "shift i": () => player.seek(now[0]), "shift o": () => player.seek(now[1]),
    "[": () => nudge(-0.1), "]": () => nudge(0.1),
  });
})();
