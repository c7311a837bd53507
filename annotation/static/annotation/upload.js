"use strict";
// Films go up one after the other, each with its subtitles, so that each has a progress of its own and one that fails
// costs only itself. Without this script the form sends them all at once.
const form = document.querySelector("form[data-role=upload]");
const list = form.querySelector("[data-role=uploads]");
const input = form.elements.files;

function groups(files) {
  const stems = [...files].filter((file) => !/\.(srt|vtt|ass|ssa|ttml|json3?)$/i.test(file.name));
  const stem = (file) => file.name.replace(/\.[^.]*$/, "");
  const taken = new Set(stems);
  const made = stems.map((film) => {
    const beside = [...files].filter((file) => !taken.has(file) && file.name.startsWith(`${stem(film)}.`));
    beside.forEach((file) => taken.add(file));
    return [film, ...beside];
  });
  const left = [...files].filter((file) => !taken.has(file));
  return left.length ? [...made, left] : made;
}

function send(files, line) {
  return new Promise((resolve) => {
    const data = new FormData(form);
    data.delete("files");
    files.forEach((file) => data.append("files", file));
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.upload.onprogress = (event) => { line.bar.max = event.total; line.bar.value = event.loaded; };
    request.onload = () => resolve(request.status === 200 ? JSON.parse(request.responseText).films
      : [{name: files[0].name, word: "refused", reason: `the site answers ${request.status}`}]);
    request.onerror = () => resolve([{name: files[0].name, word: "refused", reason: "the connection broke: send it again"}]);
    request.send(data);
  });
}

function show(files) {
  const item = document.createElement("li");
  const bar = document.createElement("progress");
  const text = document.createElement("span");
  text.textContent = `${files[0].name} `;
  item.append(text, bar);
  list.append(item);
  return {item, bar, text};
}

async function upload(files) {
  const lines = groups(files).map((group) => [group, show(group)]);
  for (const [group, line] of lines) {
    const told = await send(group, line);
    line.bar.remove();
    line.text.textContent = told.map((film) => `${film.name}: ${film.word} ${film.reason}`).join("; ");
    line.item.dataset.word = told[0].word;
  }
  input.value = "";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  upload(input.files);
});
form.addEventListener("dragover", (event) => event.preventDefault());
form.addEventListener("drop", (event) => {
  event.preventDefault();
  upload(event.dataTransfer.files);
});
