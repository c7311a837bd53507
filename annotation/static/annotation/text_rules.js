"use strict";
// The rules of texts in the page's language: annotation/review/text/ and adversarial/text/normalise.py say the same, and
// both are held to the same cases. `rules` is annotation/review/text/text_rules.json.
const textRules = (rules) => {
  const OPTIONS = ["correct", "wrong_1", "wrong_2", "wrong_3"];
  const words = (text) => text.match(/\S*[\p{L}\p{N}_]\S*/gu) ?? [];
  // As Python's casefold: one lower case of each letter, and the dotless i is none of i's.
  const lower = (text) => text.split("ı").map(
    (part) => part.replaceAll("ẞ", "ss").toUpperCase().toLowerCase().replaceAll("ς", "σ"),
  ).join("ı");
  const blank = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
  const unseen = new RegExp(`(?![${blank}])\\p{C}`, "gu");
  const blanks = new RegExp(`[${blank}]+`, "gu");
  const normalise = ( // what is stored; NFC again, since a letter and its accent may have stood apart
    (text) => text.normalize("NFC").replace(unseen, "").replace(blanks, " ").trim().normalize("NFC")
  );
  // Signs that tell what would else be one text: -5 and 5, F+ and F-, C++ and C#, $5 and 5 %.
  const word = "\\p{L}\\p{M}\\p{N}_";
  const signed = `[%$€£]|(?<![${word})])-(?=\\p{Nd})|(?<=(?<![${word}])\\p{L})(?:\\+{1,2}|#|-)(?![${word}\\-])`;
  const notWord = new RegExp(`(?:(?!${signed}|(?<=\\+)\\+)[^${word}])+`, "gu");
  function canonical(text) {
    const seen = lower(text.normalize("NFKC")).replace(/['’\u200c\u200d\p{Variation_Selector}]/gu, "");
    const folded = seen.normalize("NFC").replaceAll("−", "-").replace(/\s+(?=%)/gu, "");
    return folded.replace(notWord, " ").trim() || folded.trim();
  }
  const tokens = (text) => canonical(text).split(/\s+/u).filter((token) => token !== "");

  function trigrams(text) {
    const padded = [..."  ", ...canonical(text), " "];
    return new Set(padded.slice(0, -2).map((_, i) => padded.slice(i, i + 3).join("")));
  }

  function alike(a, b) {
    const left = trigrams(a), right = trigrams(b);
    const shared = [...left].filter((one) => right.has(one)).length;
    const all = left.size + right.size - shared;
    return all === 0 ? 1 : shared / all;
  }

  function copied(text, sources) {
    const folded = tokens(text);
    const length = Math.max(rules.run_of_words, Math.ceil(rules.run_share * folded.length));
    if (folded.length > 2 && sources.some((source) => alike(text, source) >= rules.copied)) return true;
    const allSaid = ` ${sources.map(canonical).join(" ")} `;
    for (let i = 0; i + length <= folded.length; i += 1) {
      if (allSaid.includes(` ${folded.slice(i, i + length).join(" ")} `)) return true;
    }
    return false;
  }

  const places = new RegExp(rules.places.join("|"), "u"); // of the canonical text between blanks
  const saysWhere = (text) => places.test(` ${canonical(text)} `);

  const met = (tests) => Object.keys(tests).filter((kind) => tests[kind]);

  function ofSentence(text, usual, said) {
    const all = tokens(text), count = words(text).length, half = Math.floor(all.length / 2);
    const sorted = (some) => [...some].sort().join(" ");
    return met({
      length: count < usual[0] || count > usual[1],
      said: copied(text, said),
      instructions: rules.instructions.some((one) => copied(text, [one])),
      repeats: all.length > 0 && new Set(all).size <= half,
      halves: half > 2 && sorted(all.slice(0, half)) === sorted(all.slice(-half)),
    });
  }

  function ofOption(fields, name, said) {
    const text = fields[name];
    if (words(text).length === 0) return ["empty"];
    const others = OPTIONS.filter((other) => other !== name).map((other) => fields[other]);
    const size = (one) => [...one].length;
    const longest = Math.max(...OPTIONS.slice(1).map((other) => size(fields[other])));
    const equal = others.some((other) => canonical(other) === canonical(text));
    return met({
      equal,
      alike: !equal && others.some((other) => alike(text, other) >= rules.options_alike),
      said: copied(text, said),
      length: words(text).length > rules.most_answer_words,
      longest: name === "correct" && others.every((other) => other !== "") && size(text) > rules.longer * longest,
    });
  }

  // Pairs of a field and a word for what is odd.
  function hints(fields, said) {
    if ("query" in fields) {
      const odd = [...ofSentence(fields.query, rules.query_words, said), ...met({ place: saysWhere(fields.query) })];
      return odd.map((kind) => ["query", kind]);
    }
    return [
      ...ofSentence(fields.question, rules.question_words, said).map((kind) => ["question", kind]),
      ...OPTIONS.flatMap((name) => ofOption(fields, name, said).map((kind) => [name, kind])),
    ];
  }

  return { OPTIONS, normalise, words, canonical, alike, hints };
};
