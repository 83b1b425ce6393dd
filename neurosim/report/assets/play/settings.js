// The scenario of the page, as an object with the tables of its TOML file; where it differs from the file it is in the
// page's address, and so is how it is looked at.

// How it is looked at, and whether a value of an address is one of these.
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
const VIEWS = {
  speed: isCount,
  test_rows: (value) => value === false,
  class_only: (value) => value === true,
  unit: (value) => Array.isArray(value) && value.length === 2 && value.every(isCount),
  row: isCount,
  hidden: (value) => Array.isArray(value) && value.length > 0 && value.every((name) => Object.hasOwn(GROUPS, name)),
};

class Settings {
  constructor(file) {
    this.file = file;
    this.view = {};
    this.forget();
    this.heard = [];
  }

  // The scenario as it is in the file.
  forget() {
    this.now = structuredClone(this.file);
  }

  get(path) {
    return path.split(".").reduce((table, key) => table?.[key], this.now);
  }

  // Change some values by dotted path; undefined takes a key away.
  set(changes) {
    for (const [path, value] of Object.entries(changes)) {
      const keys = path.split(".");
      const last = keys.pop();
      const table = keys.reduce((inner, key) => (inner[key] ??= {}), this.now);
      if (value === undefined) delete table[last];
      else table[last] = value;
    }
    for (const hear of this.heard) hear(Object.keys(changes));
  }

  // What is not as in the file: by section and key, since these are few.
  get differences() {
    const found = {};
    for (const section of SECTIONS) {
      const [own, other] = [this.now[section] ?? {}, this.file[section] ?? {}];
      for (const key of new Set([...Object.keys(own), ...Object.keys(other)])) {
        if (JSON.stringify(own[key]) !== JSON.stringify(other[key])) found[`${section}.${key}`] = own[key] ?? null;
      }
    }
    return found;
  }

  get address() {
    const found = { ...this.differences };
    for (const [name, value] of Object.entries(this.view)) if (VIEWS[name](value)) found[`view.${name}`] = value;
    return Object.keys(found).length ? `#${encodeURIComponent(JSON.stringify(found))}` : "";
  }

  // Anybody can write an address: what does not look like ours is left out.
  restore(address) {
    let found = {};
    try {
      found = JSON.parse(decodeURIComponent(address.slice(1) || "%7B%7D"));
    } catch {
      return false;
    }
    if (typeof found !== "object" || found === null) return false;
    for (const [path, value] of Object.entries(found)) {
      const [section, key, more] = path.split(".");
      if (section === "view" && more === undefined && Object.hasOwn(VIEWS, key) && VIEWS[key](value)) this.view[key] = value;
      if (!SECTIONS.includes(section) || !key || more !== undefined || !/^[a-z_0-9]+$/.test(key)) continue;
      if (value === null) delete this.now[section][key];
      else this.now[section][key] = value;
    }
    return true;
  }

  get toml() {
    return toml(this.now);
  }
}

const SECTIONS = ["scenario", "data", "network", "optimizer", "training"];

// TOML as people write it: tables of layers one below the other, all else inline.
function toml(tree) {
  const lines = [];
  for (const [section, table] of Object.entries(tree)) {
    if (typeof table !== "object" || table === null) continue;
    lines.push(`[${section}]`);
    for (const [key, value] of Object.entries(table)) {
      if (section !== "network" || key !== "layers") lines.push(`${key} = ${inline(value)}`);
    }
    lines.push("");
    if (section !== "network") continue;
    for (const layer of table.layers) {
      lines.push("[[network.layers]]", ...Object.entries(layer).map(([key, value]) => `${key} = ${inline(value)}`), "");
    }
  }
  return `${lines.join("\n").trim()}\n`;
}

function inline(value) {
  if (typeof value === "string") return JSON.stringify(value).replaceAll("\u007f", "\\u007F");
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  return `{ ${Object.entries(value).map(([key, inner]) => `${key} = ${inline(inner)}`).join(", ")} }`;
}
