// Inputs that are made of the features of a table: those that the page offers, and those that its scenario has.

// What the page offers: each of a few features by itself, its square and its sine, and the product of two.
function offeredInputs(names) {
  if (names.length > 2 || names.some((name) => name.includes("`"))) return [];
  const word = (name) => (/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name) ? name : `\`${name}\``);
  const each = (write, ...steps) => names.map((name, k) => ({ text: write(name), steps: [["feature", k], ...steps] }));
  const steps = [["feature", 0], ["feature", 1], ["operation", "*"]];
  return [
    ...each((name) => name),
    ...each((name) => `${word(name)}^2`, ["power", 2]),
    ...(names.length === 2 ? [{ text: names.map(word).join("*"), steps }] : []),
    ...each((name) => `sin(${word(name)})`, ["call", "sin"]),
  ];
}

// The steps of each of these inputs; `known` has those of the scenario, for features with these names. Throws what the
// page cannot make.
function stepsOf(texts, names, known) {
  if (!Array.isArray(texts) || !texts.length) throw new Error("data.inputs is no list of inputs");
  const own = known && names.join() === known.names.join() ? known.steps : {};
  const offered = Object.fromEntries(offeredInputs(names).map(({ text, steps }) => [text, steps]));
  return texts.map((text, k) => {
    const steps = [offered, own].find((some) => Object.hasOwn(some, text))?.[text];
    if (!steps || texts.indexOf(text) < k) throw new Error(`the page cannot make the input ${text} here`);
    return steps;
  });
}

// The inputs of all rows of a table.
function madeRows({ features, width, made, inputNames }) {
  const rows = Array.from({ length: features.length / width }, (_, r) => madeInputs(made, features.subarray(r * width, (r + 1) * width)));
  const wrong = inputNames.find((_, k) => !rows.every((row) => Number.isFinite(row[k])));
  if (wrong !== undefined) throw new Error(`the input ${wrong} is not a number for some rows`);
  return Float64Array.from(rows.flat());
}
