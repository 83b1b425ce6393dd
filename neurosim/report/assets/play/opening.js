// Opens a scenario.toml on the page: a reader of TOML, and what the page can do with what it reads.

function readToml(text) {
  const tree = {};
  let table = tree;
  let at = 0;
  const fail = (words) => {
    throw new Error(`line ${text.slice(0, at).split("\n").length}: ${words}`);
  };
  // Patterns are sticky: they begin where the reader is.
  const match = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  const space = () => match(/(?:[ \t\r\n]|#[^\n]*)*/y);
  const key = () => {
    const found = match(/[ \t]*(?:([\w-]+)|"([^"\\\n]*)"|'([^'\n]*)')[ \t]*/y) ?? fail("there should be a name");
    const name = found[1] ?? found[2] ?? found[3];
    return name === "__proto__" ? fail("that is no name") : name;
  };
  const path = () => {
    const keys = [key()];
    while (match(/\./y)) keys.push(key());
    return keys;
  };
  // Into a table, or the last one of a list of tables.
  const inner = (outer, name) => {
    const found = (outer[name] ??= {});
    return Array.isArray(found) ? found.at(-1) : found;
  };
  const unescaped = (words) => {
    const plain = words.replace(/\\\r?\n\s*/g, "").replace(/\r?\n/g, "\\n").replace(/\t/g, "\\t");
    return JSON.parse(`"${plain.replace(/\\.|"/g, (part) => (part === '"' ? '\\"' : part))}"`);
  };
  const list = (end, item) => {
    space();
    while (!match(end)) {
      item();
      space();
      if (!match(/,/y) && text[at] !== end.source) fail(`there should be a comma or ${end.source}`);
      space();
    }
  };
  const value = () => {
    let found = match(/"""\r?\n?([\s\S]*?)"""/y) ?? match(/"((?:[^"\\\n]|\\.)*)"/y);
    if (found) return unescaped(found[1]);
    found = match(/'''\r?\n?([\s\S]*?)'''/y) ?? match(/'([^'\n]*)'/y);
    if (found) return found[1];
    found = match(/[+-]?\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?/y);
    if (found) return Number(found[0].replaceAll("_", ""));
    found = match(/true|false/y);
    if (found) return found[0] === "true";
    if (match(/\[/y)) {
      const values = [];
      list(/]/y, () => values.push(value()));
      return values;
    }
    if (match(/\{/y)) {
      const made = {};
      list(/}/y, () => assign(made));
      return made;
    }
    return fail("this value cannot be read");
  };
  const assign = (outer) => {
    const keys = path();
    const last = keys.pop();
    if (!match(/=[ \t]*/y)) fail(`there should be = after ${last}`);
    keys.reduce(inner, outer)[last] = value();
  };
  for (space(); at < text.length; space()) {
    const several = match(/\[\[/y);
    if (several || match(/\[/y)) {
      const keys = path();
      if (!match(several ? /]]/y : /]/y)) fail("there should be ]");
      const last = several ? keys.pop() : null;
      table = keys.reduce(inner, tree);
      if (several) {
        (table[last] ??= []).push({});
        table = table[last].at(-1);
      }
    } else assign(table);
  }
  return tree;
}

// Numbers that decide how much there is to do: none may hold up the page for long.
const MOST = { units: 4096, samples: 20_000, batch_size: 20_000 };

// Throws what is wrong with the whole numbers of a table, and of those in it.
function checkCounts(table) {
  for (const [key, value] of Object.entries(table)) {
    if (typeof value === "object") checkCounts(value);
    else if (key in MOST && !(Number.isInteger(value) && value >= 1 && value <= MOST[key])) {
      throw new Error(`${key} is a whole number from 1 to ${MOST[key].toLocaleString("en")} here, not ${value}`);
    }
  }
}

// The sections of a scenario that the page knows, complete; throws what it cannot train.
function sectionsOf(tree, { catalog, settings, made }) {
  const { file } = settings;
  for (const name of ["data", "network", "optimizer", "training"]) if (!tree[name]) throw new Error(`it has no section [${name}]`);
  const { data, network, optimizer, training } = tree;
  const same = data.source === file.data.source && data.file === file.data.file;
  if (!(data.source in catalog.datasets) && !same) throw new Error(`its data (${data.source}) are not on this page`);
  const record = catalog.optimizers[optimizer.name];
  if (!record) throw new Error(`the page has no optimizer ${optimizer.name}`);
  if (!catalog.losses[made.choice(network.loss).name]) throw new Error("the page does not have its loss");
  if (training.batch_schedule) throw new Error("the page cannot train with batch_schedule");
  const layers = network.layers.map((table) => ({ ...NORMS[table.kind], ...table }));
  for (const table of [data, layers, training]) checkCounts(table);
  // It throws what cannot be made.
  if (!made.makeTable(data, catalog) && JSON.stringify(data.inputs) !== JSON.stringify(file.data.inputs)) {
    throw new Error("its inputs (data.inputs) cannot be made on this page");
  }
  for (const { activation } of layers) {
    const named = activation && made.choice(activation).name;
    if (named && !catalog.activations[named]) throw new Error(`the page has no activation ${named}`);
  }
  if (layers.some((table) => table.frozen)) throw new Error("the page cannot train with frozen layers");
  return {
    scenario: { name: "opened", seed: 0, ...tree.scenario },
    data,
    network: { ...network, layers },
    optimizer: { lr: record.params.lr, ...optimizer },
    training: { epochs: 1, batch_size: 32, ...training },
  };
}

// Gives the names of what is left out.
function openScenario(app, text) {
  const tree = readToml(text);
  const { settings } = app;
  const before = settings.now;
  Object.assign(app, { own: null, drawing: null, pinned: null });
  settings.now = sectionsOf(tree, app);
  try {
    app.begin();
  } catch {
    settings.now = before;
    app.begin();
    throw new Error("it has layers that the page cannot train");
  }
  return Object.keys(tree).filter((name) => !SECTIONS.includes(name));
}
