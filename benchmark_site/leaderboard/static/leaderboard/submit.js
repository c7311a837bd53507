"use strict";
// A file of predictions goes up in pieces (tus): what breaks off goes on, by itself when the connection is back, or when the
// same file is chosen again. JSON is looked at first: a mistake of form costs no upload. Without this script the form sends
// the file whole, and the platform says the same.
const form = document.querySelector("form[data-uploads]");
const input = form.elements.file;
const zone = form.querySelector("[data-role=drop]");
const told = form.querySelector("[data-role=told]");
const bar = form.querySelector("progress");
const PIECE = 8 * 2 ** 20; // bytes of one request, which the web server takes in whole: what a broken line costs
const PAUSES = [0, 1000, 2000, 4000, 8000, 15000, 30000, 60000, 60000]; // ms before each try without a byte between
const LARGEST_LOOK = 64 * 2 ** 20; // bytes of JSON that a browser may well hold
const POLL = 1000, POLL_LATER = 15000; // ms
const WORDS = ["team", "kind", "method", "description", "paper_url", "code_url", "public", "parameters", "training_data",
  "external_data", "hardware", "run_time_s"];

const say = (text, wrong) => {
  told.textContent = text;
  told.classList.toggle("error", Boolean(wrong));
  told.hidden = !text;
};

// The first mistake of form in a file of predictions, or nothing; the platform looks closer.
function mistake(text, task) {
  let read;
  try {
    read = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    return `this is no JSON: ${error.message}`;
  }
  if (read === null || typeof read !== "object" || Array.isArray(read)) return "expected one object, in braces";
  if (task === "qa") {
    const wrong = Object.entries(read).find(([id, answer]) => !/^\d+$/.test(id) || !Number.isInteger(answer));
    return wrong && `question ${wrong[0]}: expected "id": answer, both whole numbers, not ${JSON.stringify(wrong[1])}`;
  }
  const tasks = ["VCMR", "SVMR", "VR"].filter((name) => name in read);
  if (!tasks.length) return "it holds none of VCMR, SVMR and VR";
  for (const name of tasks) {
    if (!Array.isArray(read[name])) return `${name}: expected a list`;
    for (const [row, one] of read[name].entries()) {
      if (!one || !("desc_id" in one) || !Array.isArray(one.predictions)) {
        return `${name}, row ${row}: expected "desc_id" and a list "predictions"`;
      }
      const bad = one.predictions.findIndex((line) => !Array.isArray(line) || !line.every(Number.isFinite));
      if (bad >= 0) return `${name}, query ${one.desc_id}, row ${bad}: expected a list of numbers`;
    }
  }
  return "";
}

async function look(file) {
  if (!/\.json$/i.test(file.name) || file.size > LARGEST_LOOK) return "";
  return mistake(await file.text(), form.dataset.task);
}

async function become(address) {
  for (;;) {
    const answer = await fetch(address, {headers: {Accept: "application/json"}});
    const found = await answer.json();
    if (found.errors) throw new Error(found.errors.map((one) => one.message).join(" "));
    if (found.page) return found.page;
    const waits = found.waits_for;
    if (waits) say(`The file is here, and becomes a submission by itself, this page closed or not: ${waits.message}`);
    await new Promise((done) => setTimeout(done, waits ? POLL_LATER : POLL));
  }
}

function send(file, dryRun) {
  const metadata = {filename: file.name, dry_run: dryRun ? "on" : ""};
  for (const name of WORDS) {
    const field = form.elements[name];
    if (field) metadata[name] = field.type === "checkbox" ? (field.checked ? "on" : "") : field.value;
  }
  const began = Date.now();
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(file, {
      endpoint: form.dataset.uploads,
      chunkSize: PIECE,
      retryDelays: PAUSES,
      removeFingerprintOnSuccess: true,
      headers: {"X-CSRFToken": form.elements.csrfmiddlewaretoken.value},
      metadata,
      // The words beside the file belong to the upload: with others it begins anew.
      fingerprint: async (chosen, options) => ["submission", options.endpoint, chosen.name, chosen.size,
        chosen.lastModified, JSON.stringify(metadata)].join("|"),
      onProgress: (done, total) => {
        bar.max = total;
        bar.value = done;
        const rate = done / Math.max(1, Date.now() - began) * 1000;
        const left = rate > 0 ? Math.ceil((total - done) / rate) : 0;
        say(`${(done / 2 ** 20).toFixed(1)} of ${(total / 2 ** 20).toFixed(1)} MiB sent, ${left} s left`);
      },
      onSuccess: () => resolve(upload.url),
      onError: reject,
    });
    upload.findPreviousUploads().then((found) => {
      if (found.length) upload.resumeFromPreviousUpload(found[0]);
      upload.start();
    }, reject);
  });
}

function reason(error) {
  const answer = error.originalResponse;
  if (!answer) return error.originalRequest ? "the connection broke: press again, and it goes on" : error.message;
  try {
    return JSON.parse(answer.getBody()).errors.map((one) => one.message).join(" ");
  } catch {
    return `the site answers ${answer.getStatus()}`;
  }
}

async function submit(dryRun) {
  const [file] = input.files;
  const buttons = form.querySelectorAll("button");
  buttons.forEach((button) => { button.disabled = true; });
  try {
    say("Looking at the file");
    const wrong = await look(file);
    if (wrong) throw new Error(`${file.name}: ${wrong}`);
    bar.hidden = false;
    const address = await send(file, dryRun);
    say("The file is here");
    location.assign(await become(address));
  } catch (error) {
    say(reason(error), true);
    bar.hidden = true;
    buttons.forEach((button) => { button.disabled = false; });
  }
}

async function chosen() {
  const [file] = input.files;
  if (!file) return;
  zone.querySelector("[data-role=name]").textContent = file.name;
  const wrong = await look(file);
  say(wrong ? `${file.name}: ${wrong}` : "", wrong);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit(event.submitter?.name === "dry_run");
});
input.addEventListener("change", chosen);
zone.hidden = false;
form.addEventListener("dragover", (event) => {
  event.preventDefault();
  zone.classList.add("over");
});
form.addEventListener("dragleave", () => zone.classList.remove("over"));
form.addEventListener("drop", (event) => {
  event.preventDefault();
  zone.classList.remove("over");
  input.files = event.dataTransfer.files;
  chosen();
});
