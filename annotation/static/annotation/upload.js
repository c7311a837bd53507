"use strict";
// Films go up in pieces (tus, docs/footage.md), two at a time, each after its subtitles: what breaks off goes on, by
// itself when the connection is back, or when the same file is chosen again. Without this script the form sends them whole.
const form = document.querySelector("form[data-role=upload]");
const list = form.querySelector("[data-role=uploads]");
const input = form.elements.files;
const PIECE = 8 * 2 ** 20; // bytes of one request, which the web server takes in whole: what a broken line costs
const PAUSES = [0, 1000, 2000, 4000, 8000, 15000, 30000, 60000, 60000]; // ms before each try without a byte between
const LANES = 2;
const POLL = 2000; // ms
const headers = {"X-CSRFToken": form.elements.csrfmiddlewaretoken.value};

const isSubtitles = (file) => /\.(srt|vtt|ass|ssa|ttml|dfxp|json3|jsonl?|csv|tsv|xml)$/i.test(file.name);

function groups(files) {
  const films = [...files].filter((file) => !isSubtitles(file));
  const stem = (file) => file.name.replace(/\.[^.]*$/, "");
  const taken = new Set(films);
  const made = films.map((film) => {
    const beside = [...files].filter((file) => !taken.has(file) && file.name.startsWith(`${stem(film)}.`));
    beside.forEach((file) => taken.add(file));
    return {film, subtitles: beside};
  });
  return {made, left: [...files].filter((file) => !taken.has(file))};
}

function show(name) {
  const item = document.createElement("li");
  const bar = document.createElement("progress");
  const text = document.createElement("span");
  bar.setAttribute("aria-label", `Upload of ${name}`);
  text.textContent = `${name} `;
  item.append(text, bar);
  list.append(item);
  return {
    at: (done, total) => { bar.max = total; bar.value = done; },
    end: (told) => {
      bar.remove();
      text.textContent = told.map((film) => `${film.name}: ${film.word} ${film.reason}`).join("; ");
      item.dataset.word = told[0].word;
    },
  };
}

// Sends one file, from where it broke off; resolves to its address.
async function send(file, about, progress) {
  const sent = new Promise((resolve, reject) => {
    const upload = new tus.Upload(file, {
      endpoint: form.dataset.uploads,
      chunkSize: PIECE,
      retryDelays: PAUSES,
      removeFingerprintOnSuccess: true,
      headers,
      metadata: {filename: file.name, ...about},
      onProgress: progress,
      onSuccess: () => resolve(upload.url),
      onError: reject,
    });
    upload.findPreviousUploads().then((found) => {
      if (found.length) upload.resumeFromPreviousUpload(found[0]);
      upload.start();
    }, reject);
  });
  return sent;
}

async function become(address) {
  for (;;) {
    const answer = await fetch(address, {headers: {Accept: "application/json"}});
    if (!answer.ok) throw new Error(`the site answers ${answer.status}`);
    const {films} = await answer.json();
    if (films) return films;
    await new Promise((done) => setTimeout(done, POLL));
  }
}

async function bring({film, subtitles}, line) {
  const about = Object.fromEntries(["source", "licence", "language"].map((name) => [name, form.elements[name].value]));
  try {
    const theirs = [];
    for (const file of subtitles) theirs.push(await send(file, {}, () => {}));
    about.subtitles = theirs.map((address) => address.split("/").at(-2)).join(" ");
    line.end(await become(await send(film, about, line.at)));
  } catch (error) {
    const answer = error.originalResponse;
    const reason = answer ? answer.getBody().trim() || `the site answers ${answer.getStatus()}`
      : "the connection broke: choose it again, and it goes on";
    line.end([{name: film.name, word: answer ? "refused" : "broken off:", reason}]);
  }
}

async function upload(files) {
  const {made, left} = groups(files);
  left.forEach((file) => show(file.name).end([
    {name: file.name, word: "refused", reason: "no film of this name came with it"},
  ]));
  const waiting = made.map((group) => [group, show(group.film.name)]);
  const lane = async () => { while (waiting.length) await bring(...waiting.shift()); };
  await Promise.all(Array.from({length: LANES}, lane));
  input.value = "";
}

async function discard(item) {
  const answer = await fetch(item.dataset.upload, {method: "DELETE", headers: {...headers, "Tus-Resumable": "1.0.0"}});
  if (answer.ok || answer.status === 404) item.remove();
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
form.querySelectorAll("[data-upload]").forEach((item) => {
  item.querySelector("button").addEventListener("click", () => discard(item));
});
