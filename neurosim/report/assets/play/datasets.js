// The toy data sets, as in builtins/toy_datasets.py, and how a table becomes rows of splits, as in data/prepare.py.

const TRUTH = { and: [0, 0, 0, 1], or: [0, 1, 1, 1], nand: [1, 1, 1, 0], xor: [0, 1, 1, 0] };
const TURN = 2 * Math.PI;

// Points of two numbers with the label of their class, which take turns; `place` has x and y of a point but for noise.
function cloud(random, samples, noise, classes, place) {
  const labels = Int32Array.from({ length: samples }, (_, k) => k % classes);
  const points = place(labels);
  const [right, up] = [0, 1].map(() => random.normal(0, noise, samples));
  const features = Float32Array.from({ length: 2 * samples }, (_, k) => {
    const row = k >> 1;
    return k % 2 ? points[row][1] + up[row] : points[row][0] + right[row];
  });
  return { features, width: 2, labels, classes, names: ["x1", "x2"] };
}

const DATASETS = {
  ...Object.fromEntries(
    Object.entries(TRUTH).map(([name, labels]) => [
      name,
      () => ({
        features: Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1),
        width: 2,
        labels: Int32Array.from(labels),
        classes: 2,
        names: ["x1", "x2"],
      }),
    ]),
  ),
  blobs(random, { samples, noise, classes }) {
    const at = (label) => [4 * Math.cos((TURN * label) / classes), 4 * Math.sin((TURN * label) / classes)];
    return cloud(random, samples, noise, classes, (labels) => Array.from(labels, at));
  },
  circles: (random, { samples, noise }) =>
    cloud(random, samples, noise, 2, (labels) => {
      const angles = random.uniform(0, TURN, samples);
      return Array.from(labels, (label, k) => {
        const radius = label ? 0.5 : 1;
        return [radius * Math.cos(angles[k]), radius * Math.sin(angles[k])];
      });
    }),
  moons: (random, { samples, noise }) =>
    cloud(random, samples, noise, 2, (labels) => {
      const angles = random.uniform(0, Math.PI, samples);
      return Array.from(labels, (label, k) => {
        const side = label ? -1 : 1;
        return [side * (Math.cos(angles[k]) - 0.5), side * (Math.sin(angles[k]) - 0.25)];
      });
    }),
  spirals: (random, { samples, noise, turns }) =>
    cloud(random, samples, noise, 2, (labels) => {
      const ways = random.uniform(0, 1, samples).map(Math.sqrt);
      return Array.from(labels, (label, k) => {
        const angle = TURN * turns * ways[k] + Math.PI * label;
        return [5 * ways[k] * Math.sin(angle), 5 * ways[k] * Math.cos(angle)];
      });
    }),
  sine(random, { samples, noise }) {
    const x = random.uniform(-Math.PI, Math.PI, samples);
    const off = random.normal(0, noise, samples);
    const values = Float32Array.from(x, (place, k) => Math.sin(place) + off[k]);
    return { features: Float32Array.from(x), width: 1, values, targets: 1, names: ["x"] };
  },
};

// The table of a scenario's section [data], of which `own` may be what has been drawn or dropped on the page; null where
// the page cannot make it.
function makeTable({ source, seed, inputs, ...options }, catalog, own = null) {
  const drawn = source === "csv" && own;
  if (!drawn && !(source in DATASETS)) return null;
  const table = drawn
    ? tableOf(own, options.target)
    : DATASETS[source](new Stream(seed ?? 0, "data"), { ...catalog.datasets[source], ...options });
  const made = inputs === undefined ? null : stepsOf(inputs, table.names, catalog.made);
  return { ...table, made, inputNames: inputs ?? table.names };
}

// The row numbers of each split, in ascending order.
function deal(table, seed, forTest, forValidation) {
  const count = table.features.length / table.width;
  const order = new Stream(seed, "split").permutation(count);
  const groups = Array.from({ length: table.classes ?? 1 }, () => []);
  for (const row of order) groups[table.classes ? table.labels[row] : 0].push(row);
  const sizes = groups.map((group) => group.length);
  const test = shares(sizes, forTest, sizes.map((size) => size - 1));
  const validation = shares(sizes, forValidation, sizes.map((size, k) => size - 1 - test[k]));
  const parts = { train: [], validation: [], test: [] };
  groups.forEach((group, k) => {
    parts.test.push(...group.slice(0, test[k]));
    parts.validation.push(...group.slice(test[k], test[k] + validation[k]));
    parts.train.push(...group.slice(test[k] + validation[k]));
  });
  for (const rows of Object.values(parts)) rows.sort((a, b) => a - b);
  return parts;
}

// How many rows of each class to keep apart: the fraction of each, rounded so that the total is right.
function shares(sizes, fraction, free) {
  const exact = sizes.map((size) => size * fraction);
  const taken = exact.map(Math.floor);
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
  const missing = Math.floor(sum(sizes) * fraction + 0.5) - sum(taken);
  const places = sizes.map((_, k) => k).sort((a, b) => taken[a] - exact[a] - (taken[b] - exact[b]));
  for (const place of places.slice(0, missing)) taken[place] += 1;
  return taken.map((number, k) => Math.min(number, Math.max(free[k], 0)));
}

// Mean 0 and standard deviation 1 of each column on some rows.
function standard(numbers, width, rows) {
  const scale = new Float64Array(width);
  const shift = new Float64Array(width);
  for (let k = 0; k < width; k += 1) {
    const column = rows.map((row) => numbers[row * width + k]);
    const mean = column.reduce((sum, x) => sum + x, 0) / column.length;
    const deviation = Math.sqrt(column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / column.length);
    const constant = deviation === 0 || column.every((x) => x === column[0]);
    scale[k] = constant ? 1 : 1 / deviation;
    shift[k] = constant ? -column[0] : -mean * scale[k];
  }
  return { scale, shift };
}

// The splits of a table as the network gets them, and the scales from its units to those of the network.
function splitsOf(table, section, network) {
  const { seed = 0, test_fraction: test = 0, validation_fraction: validation = 0 } = section;
  const parts = deal(table, seed, test, validation);
  const { labels, values, made } = table;
  const [features, width] = made ? [madeRows(table), made.length] : [table.features, table.width];
  const none = (size) => ({ scale: new Float64Array(size).fill(1), shift: new Float64Array(size) });
  const inputs = section.standardize ? standard(features, width, parts.train) : none(width);
  const scaled = section.standardize_targets && values;
  const outputs = scaled ? standard(values, table.targets, parts.train) : none(table.targets ?? 0);
  const fround = (number, { scale, shift }, k) => Math.fround(number * scale[k] + shift[k]);
  const splits = {};
  for (const [name, rows] of Object.entries(parts)) {
    if (!rows.length) continue;
    const x = new Float64Array(rows.length * width);
    rows.forEach((row, r) => {
      for (let k = 0; k < width; k += 1) x[r * width + k] = fround(features[row * width + k], inputs, k);
    });
    const raw = made && Float64Array.from(rows.flatMap((row) => [...table.features.subarray(row * table.width, (row + 1) * table.width)]));
    splits[name] = { x, raw, rows, ...answersOf(table, rows, network, (y, k) => fround(y, outputs, k)) };
  }
  return { splits, inputs, outputs };
}

// What a network with so many outputs, and a loss on classes or values, should answer for some rows.
function answersOf({ labels, values, targets: width }, rows, { outputs, targets }, scaled) {
  if (!labels) {
    const y = rows.flatMap((row) => Array.from({ length: width }, (_, k) => scaled(values[row * width + k], k)));
    return { values: Float64Array.from(y), classes: null, weights: null, accuracy: "none", targets };
  }
  const classes = rows.map((row) => labels[row]);
  const accuracy = outputs === 1 ? "threshold" : "argmax";
  const oneHot = () => classes.flatMap((label) => Array.from({ length: outputs }, (_, k) => Number(k === label)));
  const numbers = targets === "classes" ? null : Float64Array.from(outputs === 1 ? classes : oneHot());
  return { values: numbers, classes, weights: null, accuracy, targets };
}

// A table of columns with names, as `readCsv` gives it: one column is the target, and tells classes apart where it has
// words, or only a few whole numbers.
function tableOf({ names, rows }, target) {
  const at = names.indexOf(target);
  const features = names.map((_, k) => k).filter((k) => k !== at);
  const answers = rows.map((row) => row[at]);
  const numbers = answers.map(Number);
  const whole = numbers.every((number) => Number.isInteger(number));
  const labels = [...new Set(answers)].sort((a, b) => (whole ? a - b : a < b ? -1 : 1));
  const classes = !numbers.every(Number.isFinite) || (whole && labels.length <= 10);
  return {
    features: Float32Array.from(rows.flatMap((row) => features.map((k) => Number(row[k])))),
    width: features.length,
    names: features.map((k) => names[k]),
    ...(classes
      ? { labels: Int32Array.from(answers, (answer) => labels.indexOf(answer)), classes: labels.length, labelNames: labels }
      : { values: Float32Array.from(numbers), targets: 1 }),
  };
}

// Rows of a CSV file: its first line has the names. Throws what is wrong with it, for the reader.
const MOST_ROWS = 5000;
const MOST_COLUMNS = 64;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const WITH_COMMA = /^[+-]?\d*,\d+$/;

// The fields of a CSV file, and the line where each record begins. What is between quotes is as it is: separators and
// line breaks too, and a doubled quote is one.
function recordsOf(text, between) {
  const records = [];
  let [fields, field, line, begun] = [[], "", 1, 1];
  let quoted = false; // Whether this field is in quotes, and whether these are still open.
  let open = false;
  const next = () => {
    fields.push(quoted ? field : field.trim());
    [field, quoted] = ["", false];
  };
  const end = () => {
    next();
    if (fields.length > 1 || fields[0]) records.push({ fields, line: begun });
    fields = [];
  };
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    const breaks = letter === "\n" || (letter === "\r" && text[at + 1] !== "\n");
    if (breaks) line += 1;
    if (open) {
      if (letter !== '"') field += letter;
      else if (text[at + 1] === '"') [field, at] = [`${field}"`, at + 1];
      else open = false;
    } else if (letter === between) next();
    else if (breaks) {
      end();
      begun = line;
    } else if (letter === '"' && !quoted && !field.trim()) [field, quoted, open] = ["", true, true];
    else if (!quoted) field += letter;
    else if (letter.trim()) throw new Error(`line ${line}: there is something behind the quotes of "${field}"`);
  }
  if (open) throw new Error(`line ${begun}: its quotes are not closed`);
  end();
  return records;
}

// What parts the fields of the first line, outside of quotes.
function separatorOf(text) {
  const found = { ",": 0, ";": 0, "\t": 0 };
  let open = false;
  for (const letter of text) {
    if (letter === '"') open = !open;
    else if (open) continue;
    else if (letter in found) found[letter] += 1;
    else if (/[\r\n]/.test(letter)) break;
  }
  return Object.keys(found).sort((a, b) => found[b] - found[a])[0];
}

function readCsv(text) {
  const plain = text.replace(/^\ufeff/, "");
  const records = recordsOf(plain, separatorOf(plain.trimStart()));
  if (records.length < 3) throw new Error("a table has a line with names and at least two rows");
  const [{ fields: names }, ...rest] = records;
  if (names.length < 2) throw new Error("a table has at least two columns: inputs, and a target as the last one");
  if (names.length > MOST_COLUMNS) throw new Error(`it has ${names.length} columns; the page takes ${MOST_COLUMNS}`);
  if (names.every((name) => NUMBER.test(name))) throw new Error("its first line has numbers where the names should be");
  const nameless = names.indexOf("") + 1;
  if (nameless) throw new Error(`column ${nameless} has no name`);
  const twice = names.find((name, k) => names.indexOf(name) < k);
  if (twice !== undefined) throw new Error(`two of its columns are called "${twice}"`);
  if (rest.length > MOST_ROWS) throw new Error(`it has ${rest.length} rows; the page takes ${MOST_ROWS}`);
  // A target may be words, but not numbers with a comma, which would be as many classes.
  const numeric = rest.every(({ fields }) => NUMBER.test(fields.at(-1)) || WITH_COMMA.test(fields.at(-1)));
  for (const { fields, line } of rest) {
    if (fields.length !== names.length) {
      throw new Error(`line ${line} has ${fields.length} fields, the first line ${names.length}`);
    }
    if (!fields.at(-1)) throw new Error(`line ${line} has nothing in its last column, the target`);
    (numeric ? fields : fields.slice(0, -1)).forEach((field, k) => {
      if (WITH_COMMA.test(field)) {
        const point = field.replace(",", ".");
        throw new Error(`line ${line}, column ${names[k]}: write ${point} with a point instead of ${field}`);
      }
      if (!NUMBER.test(field)) throw new Error(`line ${line}, column ${names[k]}: "${field}" is no number`);
    });
  }
  const rows = rest.map(({ fields }) => fields);
  const answers = new Set(rows.map((row) => row.at(-1)));
  if (answers.size < 2) throw new Error(`its last column, the target, is "${[...answers][0]}" in all rows`);
  return { names, rows };
}

// In quotes what would else be taken for more than one field.
function writeCsv({ names, rows }) {
  const field = (text) => (/[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [names, ...rows].map((row) => row.map(field).join(",")).join("\n") + "\n";
}
