"use strict";
// What was filled in is kept on the server a version at a time; nothing leaves this page before that has worked, or, for
// an answer whose server is down, before the marketplace itself has been reached.
(() => {
  const SAVE_AFTER_MS = 700;
  const RETRY_MS = 3000;
  const WAIT_MS = 10000; // for the server's word
  const FULL = [413, 429]; // nothing is wrong with the answer, only no room for its draft
  const MAX_FAULTS = 5; // in a row, of an answer that may go; then it goes to the marketplace: work is not held up
  const form = document.querySelector("form[data-role=task-form]");
  const saved = document.querySelector("[data-role=saved]");
  const told = document.querySelector("[data-role=told]");
  const names = [...new Set([...form.elements].map((field) => field.name))].filter(
    (name) => name !== "" && !["token", "conduct", "broken"].includes(name),
  );
  let version = Number(form.dataset.version);
  let held = JSON.stringify(read());
  let timer = 0;
  const unsure = new Set(); // what was sent and never answered: the server may hold any of it
  let faults = 0;
  let stopped = false; // another tab's draft or answer waits for the worker's word
  let leaving = null; // the button that was pressed, once the answer may go
  let changed = false; // since it was pressed: what is there now, nobody has said to send

  // An edge that is being typed (“1” of “12.5”) is not where the worker puts it: what stood there counts until it is left.
  function settled(field) {
    return field.dataset?.settled ?? field.value;
  }
  const typing = () => names.some((name) => settled(form.elements[name]) !== form.elements[name].value);

  function read() {
    return Object.fromEntries(names.map((name) => [name, settled(form.elements[name])]));
  }

  function fill(field, value) {
    if (field instanceof RadioNodeList) {
      for (const radio of field) radio.checked = radio.value === value; // none, where none was chosen
      return;
    }
    field.value = value;
    if (field.dataset.settled !== undefined) field.dataset.settled = value;
  }

  const same = (fields, text) => names.every((name) => fields[name] === JSON.parse(text)[name]);

  // How the answer came about: what earlier loads of this page saw, and what this one has seen since.
  const before = JSON.parse(document.getElementById("rules").textContent).conduct ?? { played: [], seconds: 0, pasted: 0 };
  let seconds = 0;
  let pasted = 0;
  setInterval(() => { if (document.visibilityState === "visible") seconds += 1; }, 1000);
  form.addEventListener("paste", (event) => { pasted += event.clipboardData.getData("text").length; });
  function conduct() {
    const ranges = player.video.played;
    const played = [...Array(ranges.length).keys()].map((i) => [ranges.start(i), ranges.end(i)]);
    return JSON.stringify({
      played: [...before.played, ...played], seconds: before.seconds + seconds, pasted: before.pasted + pasted,
    });
  }

  // One at a time: two on their way at once would take each other for another tab.
  let saving = Promise.resolve(true);
  function save() {
    clearTimeout(timer);
    saving = saving.then(put, put); // one that failed does not keep the next from being tried
    return saving;
  }

  // Status and word of the server; null where its word did not arrive whole, or another's page came in its place.
  async function ask(body) {
    try {
      const response = await fetch(form.dataset.draft, {
        method: "POST", body, credentials: "omit", signal: AbortSignal.timeout(WAIT_MS),
      });
      return { status: response.status, word: await response.json() };
    } catch {
      return null;
    }
  }

  // True once the server holds what the page showed.
  async function put() {
    if (stopped) return false;
    const fields = JSON.stringify(read());
    const body = new FormData();
    for (const [name, value] of Object.entries({ token: form.elements.token.value, version, fields, conduct: conduct() })) {
      body.append(name, value);
    }
    const answer = await ask(body);
    if (answer === null || answer.status >= 500 || FULL.includes(answer.status)) {
      unsure.add(fields);
      saved.textContent = `${answer === null ? "No connection" : "Server busy"}: kept in this page, tried again`;
      timer = setTimeout(leaving === null ? save : send, RETRY_MS);
      if (leaving !== null && (faults += 1) >= MAX_FAULTS) await handOver(leaving);
      return false;
    }
    faults = 0;
    if (answer.status === 200) {
      version = answer.word.version;
      held = fields;
      unsure.clear();
      const all = JSON.stringify(read()) === held; // else more was written meanwhile, and its turn comes
      const unsent = changed ? ", not sent: press Submit again" : "";
      saved.textContent = all ? `Saved ${new Date().toTimeString().slice(0, 5)}${unsent}` : "Not saved yet";
      return true;
    }
    if (answer.status === 409) {
      const theirs = answer.word;
      if ([...unsure].some((text) => same(theirs.fields, text))) { // this page's own, unheard
        version = theirs.version;
        return put();
      }
      conflict(theirs);
    } else if (answer.status === 410) answered();
    else return true; // the form itself is told why
    return false;
  }

  function say(text, choices) {
    stopped = true;
    leaving = null;
    saved.textContent = "";
    told.replaceChildren(text);
    for (const [label, act] of choices) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
      button.addEventListener("click", () => { told.hidden = true; stopped = false; act(); });
      told.append(" ", button);
    }
    told.hidden = false;
  }

  function conflict(theirs) {
    say("Another tab of this task has saved something since. Which one stays?", [
      ["What I see here", () => { version = theirs.version; save(); }],
      ["The other tab's", () => {
        version = theirs.version;
        for (const [name, value] of Object.entries(theirs.fields)) fill(form.elements[name], value);
        held = JSON.stringify(read());
        form.dispatchEvent(new Event("restored"));
        form.dispatchEvent(new Event("input"));
      }],
    ]);
  }

  function answered() {
    say("An answer to this task was received already, from another tab. What you see here was not sent.", [
      ["Send it all the same: both are kept, the first counts", () => leave(form.querySelector("p.send button"))],
    ]);
  }

  form.addEventListener("input", () => {
    if (stopped || (JSON.stringify(read()) === held && !typing())) return;
    if (leaving !== null) changed = true;
    leaving = null;
    saved.textContent = "Not saved yet";
    clearTimeout(timer);
    timer = setTimeout(save, SAVE_AFTER_MS);
  });
  form.addEventListener("change", () => form.dispatchEvent(new Event("input")));

  async function send() {
    const button = leaving;
    if (await save() && button !== null && leaving === button) leave(button);
  }

  // A number that is being typed counts once it is left, for the slider as for what is sent.
  function settle() {
    const field = document.activeElement;
    field.blur();
    field.focus();
  }

  function leave(button) {
    settle();
    clearTimeout(timer);
    if (!button.formNoValidate && !form.reportValidity()) {
      leaving = null;
      return;
    }
    form.elements.conduct.value = conduct();
    form.removeEventListener("submit", hold);
    form.requestSubmit(button);
  }

  // A form, as the frame must load the marketplace's answer; what is in it is checked when it is collected.
  async function handOver(button) {
    const { submitTo, assignment, worker } = form.dataset;
    const reached = await fetch(submitTo, {
      method: "HEAD", mode: "no-cors", credentials: "omit", signal: AbortSignal.timeout(WAIT_MS),
    }).catch(() => null);
    if (reached === null || leaving !== button) return; // the worker's own network is away, or it was written on
    settle();
    const broken = button.name === "broken";
    if (!broken && !form.reportValidity()) return; // written on meanwhile
    clearTimeout(timer);
    const answer = broken ? { broken: button.value } : read();
    const straight = Object.assign(document.createElement("form"), { method: "post", action: submitTo, hidden: true });
    const fields = { assignmentId: assignment, workerId: worker, answer: JSON.stringify(answer) };
    for (const [name, value] of Object.entries(fields)) {
      straight.append(Object.assign(document.createElement("input"), { name, value }));
    }
    document.body.append(straight);
    straight.submit();
  }

  function hold(event) {
    event.preventDefault();
    if (stopped) return told.querySelector("button").focus();
    if (leaving !== null) return; // a second click changes nothing
    leaving = event.submitter;
    changed = false;
    send();
  }
  form.addEventListener("submit", hold);
  document.addEventListener("keydown", (event) => { // from a text field, too
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    settle();
    form.requestSubmit(form.querySelector("p.send button"));
  });
  const problems = form.querySelector("[role=alert]");
  if (problems) problems.focus();
})();
