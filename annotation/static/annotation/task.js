"use strict";
// The worker's task: player keys, the segment slider, the word count. The form works without any of it.
const main = document.querySelector("main[data-kind]");
const video = main.querySelector("video[data-role=clip]");
const form = main.querySelector("form[data-role=task-form]");
const clock = main.querySelector("[data-role=clock]");
const duration = Number(main.dataset.duration);
const start = Number(main.dataset.start ?? 0);
const end = Number(main.dataset.end ?? duration);

main.querySelector(".controls").hidden = false;

function seek(seconds) {
  video.currentTime = Math.min(Math.max(seconds, 0), duration);
}

video.addEventListener("loadedmetadata", () => { if (start > 0) seek(start); }, { once: true });
video.addEventListener("timeupdate", () => {
  clock.textContent = `${video.currentTime.toFixed(1)} s`;
  if (main.dataset.end && video.currentTime >= end && !video.paused) video.pause();
  for (const line of main.querySelectorAll("[data-role=subtitles] li")) {
    line.classList.toggle("now", video.currentTime >= line.dataset.start && video.currentTime < line.dataset.end);
  }
});

const actions = {
  play: () => { if (video.paused) { if (main.dataset.end && video.currentTime >= end) seek(start); video.play(); } else video.pause(); },
  back: () => seek(video.currentTime - 1),
  forward: () => seek(video.currentTime + 1),
  in: () => setBound("start"),
  out: () => setBound("end"),
};
for (const button of main.querySelectorAll("[data-action]")) {
  button.addEventListener("click", () => actions[button.dataset.action]());
}
const keys = { " ": "play", ArrowLeft: "back", ArrowRight: "forward", i: "in", o: "out" };
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [role=slider], video");
  const pressing = event.key === " " && event.target.closest("button, a, summary");
  const action = keys[event.key];
  if (typing || pressing || !action || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  actions[action]();
});

let setBound = () => {};
const bar = main.querySelector("[data-role=slider]");
if (bar && form.querySelector("fieldset:not([disabled])")) {
  const fields = [form.elements.start, form.elements.end];
  if (!fields[0].value) [fields[0].value, fields[1].value] = ["0.0", Math.min(10, duration).toFixed(1)];
  noUiSlider.create(bar, {
    start: fields.map((field) => Number(field.value)), connect: true, step: 0.1, margin: 2,
    range: { min: 0, max: duration }, behaviour: "drag-tap", keyboardDefaultStep: Math.max(duration, 10),
    handleAttributes: [{ "aria-label": "Start of the segment" }, { "aria-label": "End of the segment" }],
    ariaFormat: { to: (value) => `${value.toFixed(1)} seconds` },
  });
  bar.noUiSlider.on("slide", (values, handle) => { fields[handle].value = Number(values[handle]).toFixed(1); seek(Number(values[handle])); });
  fields.forEach((field, handle) => field.addEventListener("change", () => bar.noUiSlider.setHandle(handle, field.value)));
  setBound = (name) => {
    form.elements[name].value = video.currentTime.toFixed(1);
    bar.noUiSlider.setHandle(name === "start" ? 0 : 1, video.currentTime);
  };
}

const counter = main.querySelector("[data-role=word-count]");
if (counter) {
  const show = () => {
    const count = (form.elements.query.value.match(/\S*[\p{L}\p{N}_]\S*/gu) ?? []).length;
    counter.textContent = `${count} word${count === 1 ? "" : "s"} (8 to 20)`;
  };
  form.elements.query.addEventListener("input", show);
  show();
}
