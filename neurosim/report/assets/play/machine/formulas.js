// Formulas as machine code: a tree from TREES is gone through once, and what it does is written. Rows are lists of
// values; loops over them are written out, and of branches both are, with a choice between what they lead to.

const MOST_STATEMENTS = 2000;
const MOST_ENTRIES = 16;

class Formulas {
  constructor(lanes) {
    this.lanes = lanes;
    this.statements = 0;
  }

  // What a formula gives; rows among what it is given are filled.
  call(name, given) {
    const tree = TREES[name];
    if (!tree) throw new Unknown(name);
    return this.run(tree.body, new Map(tree.params.map((param, k) => [param, given[k]])));
  }

  run(body, known) {
    for (let k = 0; k < body.length; k += 1) {
      this.statements += 1;
      if (this.statements > MOST_STATEMENTS) throw new Unknown("too long");
      const [kind, ...parts] = body[k];
      const rest = body.slice(k + 1);
      if (kind === "return") return parts.length ? this.value(parts[0], known) : undefined;
      if (kind === "=") this.assign(parts[0], this.value(parts[1], known), known);
      else if (kind === "do") this.value(parts[0], known);
      else if (kind === "for") return this.run([...this.rounds(parts, known), ...rest], known);
      else if (kind !== "if") throw new Unknown(kind);
      else {
        const test = this.lanes.truth(this.value(parts[0], known));
        if (typeof test === "boolean") return this.run([...parts[test ? 1 : 2], ...rest], known);
        const ends = returns(parts[1]) || returns(parts[2]);
        const other = new Map([...known].map(([name, value]) => [name, Array.isArray(value) ? [...value] : value]));
        const [yes, no] = [
          this.run(ends ? [...parts[1], ...rest] : parts[1], known),
          this.run(ends ? [...parts[2], ...rest] : parts[2], other),
        ];
        this.join(test, known, other);
        if (ends) return yes === undefined ? undefined : this.choose(test, yes, no);
      }
    }
    return undefined;
  }

  rounds([name, bounds, body], known) {
    const numbers = bounds.map((bound) => this.value(bound, known));
    if (!numbers.every(Number.isInteger)) throw new Unknown("range");
    const [first, last, step] = numbers.length === 1 ? [0, numbers[0], 1] : [...numbers, 1];
    const written = [];
    for (let k = first; step > 0 ? k < last : k > last; k += step) written.push(["=", [name], k], ...body);
    if (written.length > MOST_STATEMENTS) throw new Unknown("range");
    return written;
  }

  choose(test, yes, no) {
    return Array.isArray(yes) ? yes.map((value, k) => this.choose(test, value, no[k])) : this.lanes.select(test, yes, no);
  }

  // What is known after both of two branches.
  join(test, known, other) {
    for (const [name, no] of other) {
      const yes = known.get(name) ?? no;
      if (Array.isArray(yes)) yes.forEach((value, k) => (yes[k] = this.lanes.select(test, value, no[k])));
      else known.set(name, this.lanes.select(test, yes, no));
    }
  }

  assign(targets, value, known) {
    for (const target of targets) {
      if (typeof target === "string") known.set(target, value);
      else if (target[0] === "tuple") target.slice(1).forEach((own, k) => this.assign([own], value[k], known));
      else {
        const row = known.get(target[1]);
        const index = this.value(target[2], known);
        for (const [k, test] of this.places(row, index)) row[k] = this.lanes.select(test, this.lanes.number(value), row[k]);
      }
    }
  }

  // The entries that an index may mean, and whether it does.
  places(row, index) {
    if (typeof index === "object") {
      if (row.length > MOST_ENTRIES) throw new Unknown("index");
      return row.map((_, k) => [k, this.lanes.both("==", index, k)]);
    }
    const place = index < 0 ? index + row.length : index;
    if (!(place in row)) throw new Unknown("index");
    return [[place, true]];
  }

  value(node, known) {
    if (typeof node === "number") return node;
    if (typeof node === "string") {
      if (!known.has(node)) throw new Unknown(node);
      return known.get(node);
    }
    const { lanes } = this;
    const [name, ...parts] = node;
    if (name === "len") return known.get(parts[0]).length;
    if (name === "[]") {
      const row = known.get(parts[0]);
      const places = this.places(row, this.value(parts[1], known));
      return places.reduce((found, [k, test]) => lanes.select(test, row[k], found), NaN);
    }
    if (name === "call") return this.call(parts[0], parts.slice(1).map((part) => this.value(part, known)));
    const values = parts.map((part) => this.value(part, known));
    if (name === "tuple") return values;
    if (name === "entry") {
      const [index, ...row] = values;
      if (typeof index !== "object") return lacking.entry(row, index);
      return this.places(row, index).reduce((found, [k, test]) => lanes.select(test, row[k], found), NaN);
    }
    if (name === "and" || name === "or") return lanes.all(name, values.map((value) => lanes.truth(value)));
    if (name === "not") return lanes.not(lanes.truth(values[0]));
    if (name === "?") return this.choose(lanes.truth(values[0]), values[1], values[2]);
    if (name === "min" || name === "max") return values.reduce((a, b) => lanes.both(name, a, b));
    if (name in KNOWN) return lanes.both(name, ...values);
    const [x, y] = values.map((value) => lanes.number(value));
    if (name === "**" || name === "pow") return lanes.pow(x, y);
    if (name === "//") return lanes.one("floor", lanes.both("/", x, y));
    if (name === "copysign") return lanes.signed(x, y);
    if (name === "isnan") return lanes.both("!=", x, x);
    if (name === "isfinite") return lanes.both("<", lanes.one("abs", x), Infinity);
    if (name === "isinf") return lanes.both("==", lanes.one("abs", x), Infinity);
    if (name === "float") return x;
    if (name === "fabs" || name === "abs") return lanes.one("abs", x);
    if (["neg", "sqrt", "floor", "ceil", "trunc"].includes(name)) return lanes.one(name, x);
    if (["exp", "expm1", "tanh", "log", "log1p", "erf"].includes(name)) return lanes[name](x);
    throw new Unknown(name);
  }
}

function returns(body) {
  return body.some(([kind, ...parts]) => kind === "return" || (kind === "if" && (returns(parts[1]) || returns(parts[2]))));
}
