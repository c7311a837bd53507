"use strict";
// What is wrong with a text, said while it is written. The server asks again and decides.
(() => {
  const form = document.querySelector("form[data-role=task-form]");
  const rules = JSON.parse(document.getElementById("rules").textContent);
  const { OPTIONS, normalise, words, canonical, hints } = textRules(rules);
  const said = [...document.querySelectorAll("[data-role=subtitles] li")].map((line) => line.textContent);
  const NAMES = { correct: "the right answer", wrong_1: "wrong answer 1", wrong_2: "wrong answer 2", wrong_3: "wrong answer 3" };
  const SENTENCES = {
    said: "repeats what is said",
    instructions: "repeats the instructions",
    repeats: "says few different words",
    halves: "says the same twice",
    place: "says where, not what",
    empty: "needs a letter or a digit",
    alike: "nearly the same as another answer",
    length: "unusually long",
    longest: "the longest: it can be guessed",
  };

  function tell(name, text, good) {
    const place = form.querySelector(`[data-check=${name}]`);
    place.textContent = text;
    place.className = text === "" ? "" : good ? "good" : "bad";
  }

  function checkQuery(fields) {
    const count = words(fields.query).length;
    const [fewest, most] = rules.query_words;
    const odd = count === 0 ? [] : hints(fields, said).filter(([, kind]) => kind !== "length").map(([, kind]) => SENTENCES[kind]);
    const much = `${count} word${count === 1 ? "" : "s"} (${fewest} to ${most})`;
    tell("query", [much, ...odd].join(" · "), odd.length === 0 && count >= fewest && count <= most);
  }

  function checkQuestion(fields) {
    const found = hints(fields, said);
    const text = fields.question.trim();
    const odd = found.find(([name, kind]) => name === "question" && kind !== "length");
    if (text === "") tell("question", "", false);
    else if (!text.endsWith("?")) tell("question", "ends with a question mark", false);
    else if (words(text).length === 0) tell("question", SENTENCES.empty, false);
    else tell("question", odd ? SENTENCES[odd[1]] : "✓", !odd);
    for (const name of OPTIONS) {
      const first = found.find(([other]) => other === name);
      if (fields[name] === "") tell(name, "", false);
      else if (first) tell(name, first[1] === "equal" ? `the same as ${NAMES[twin(fields, name)]}` : SENTENCES[first[1]], false);
      else tell(name, "✓", true);
    }
  }

  const twin = (fields, name) => OPTIONS.find((other) => other !== name && canonical(fields[other]) === canonical(fields[name]));

  function check() {
    const names = form.elements.query ? ["query"] : ["question", ...OPTIONS];
    const fields = Object.fromEntries(names.map((name) => [name, normalise(form.elements[name].value)]));
    (form.elements.query ? checkQuery : checkQuestion)(fields);
  }
  form.addEventListener("input", check);
  check();
})();
