"use strict";
// What is wrong with a text, said while it is written. The server asks again and decides.
(() => {
  const form = document.querySelector("form[data-role=task-form]");
  const [fewest, most] = JSON.parse(document.getElementById("rules").textContent).words;
  const said = [...document.querySelectorAll("[data-role=subtitles] li")].map((line) => line.textContent);
  const COPIED = 0.8;
  const LONGER = 1.3; // times as long as the longest wrong answer
  const words = (text) => text.match(/\S*[\p{L}\p{N}_]\S*/gu) ?? [];
  const fold = (text) => text.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}_\s]/gu, " ").trim().replace(/\s+/g, " ");
  const trigrams = (text) => {
    const padded = `  ${fold(text)} `;
    return new Set([...padded].slice(0, -2).map((_, i) => padded.slice(i, i + 3)));
  };
  function alike(a, b) {
    const left = trigrams(a), right = trigrams(b);
    const shared = [...left].filter((one) => right.has(one)).length;
    return shared / (left.size + right.size - shared);
  }
  const copied = (text) => words(text).length > 2 && said.some((line) => alike(text, line) >= COPIED);

  function tell(name, text, good) {
    const place = form.querySelector(`[data-check=${name}]`);
    place.textContent = text;
    place.className = text === "" ? "" : good ? "good" : "bad";
  }

  function checkQuery() {
    const text = form.elements.query.value;
    const count = words(text).length;
    const good = count >= fewest && count <= most;
    const much = `${count} word${count === 1 ? "" : "s"} (${fewest} to ${most})`;
    if (copied(text)) return tell("query", `${much} · repeats what is said`, false);
    tell("query", much, good);
  }

  const OPTIONS = ["correct", "wrong_1", "wrong_2", "wrong_3"];
  const NAMES = { correct: "the right answer", wrong_1: "wrong answer 1", wrong_2: "wrong answer 2", wrong_3: "wrong answer 3" };
  const value = (name) => form.elements[name].value;

  function checkOption(name) {
    const text = value(name);
    if (text === "") return tell(name, "", false);
    if (fold(text) === "") return tell(name, "needs a letter or a digit", false);
    const twin = OPTIONS.find((other) => other !== name && fold(value(other)) === fold(text));
    if (twin) return tell(name, `the same as ${NAMES[twin]}`, false);
    if (copied(text)) return tell(name, "repeats what is said", false);
    const wrong = OPTIONS.slice(1).map(value);
    const longest = Math.max(...wrong.map((one) => one.length));
    if (name === "correct" && wrong.every((one) => one !== "") && text.length > LONGER * longest) {
      return tell(name, "the longest: it can be guessed", false);
    }
    tell(name, "✓", true);
  }

  function checkQuestion() {
    const text = value("question").trim();
    tell("question", text === "" ? "" : text.endsWith("?") ? "✓" : "ends with a question mark", text.endsWith("?"));
    OPTIONS.forEach(checkOption);
  }

  const check = form.elements.query ? checkQuery : checkQuestion;
  form.addEventListener("input", check);
  check();
})();
