// Activations, inside a layer and as a layer of their own.

// What an activation does in a layer: forward from z to a, backward from da to dz. Of a whole row it is given a list of
// rows, else all numbers.
class Activating {
  constructor(network, layer, chosen, units) {
    const record = network.catalog.activations[chosen.name];
    Object.assign(this, { record, units, isRow: record.row });
    const names = Object.keys(record.params);
    this.params = names.map((name) => chosen.params[name] ?? record.params[name]);
    this.all = { forward: FORMULAS[record.forward], backward: FORMULAS[record.backward] };
    this.each = { f: FORMULAS[record.f], df: FORMULAS[record.df] };
    const count = (chosen.per ?? record.per) === "unit" ? units : 1;
    this.learned = Object.entries(record.learn).map(([name, slope]) => ({
      place: names.indexOf(name),
      slope: FORMULAS[slope],
      array: layer.learn(network, name, [count], true),
      start: this.params[names.indexOf(name)],
    }));
  }

  start(values) {
    for (const { array, start } of this.learned) values.fill(Math.fround(start), array.offset, array.offset + array.size);
  }

  // The parameters of a unit, those that are learned among them.
  own(values, unit) {
    const own = [...this.params];
    for (const { place, array } of this.learned) own[place] = values[array.offset + (unit % array.size)];
    return own;
  }

  forward(z, a, rows, values) {
    if (!this.learned.length) {
      this.all.forward(z, a, this.isRow ? rows : rows * this.units, this.params);
      return;
    }
    for (let k = 0; k < rows * this.units; k += 1) a[k] = this.each.f(z[k], ...this.own(values, k % this.units));
  }

  backward(z, a, d, dz, rows, { values, gradient }) {
    if (!this.learned.length) {
      this.all.backward(z, a, d, dz, this.isRow ? rows : rows * this.units, this.params);
      return;
    }
    for (let k = 0; k < rows * this.units; k += 1) {
      const unit = k % this.units;
      const own = this.own(values, unit);
      for (const { slope, array } of this.learned) {
        gradient[array.offset + (unit % array.size)] += d[k] * slope(z[k], a[k], ...own);
      }
      dz[k] = d[k] * this.each.df(z[k], a[k], ...own);
    }
  }
}

class Activate extends Layer {
  constructor(network, name, inputs, table) {
    super(name, inputs, inputs);
    this.activating = new Activating(network, this, choice(table.activation), inputs);
  }

  start(seed, { values }) {
    this.activating.start(values);
  }

  forward(x, pass, { values }) {
    const { held, units } = this;
    held.hold(pass.rows);
    this.x = x;
    const { isRow } = this.activating;
    const z = isRow ? rowsOf(x, units, pass.rows) : x;
    this.activating.forward(z, isRow ? held.outRows : held.out, pass.rows, values);
    return held.out;
  }

  backward(d, pass, network, fromSums = false) {
    if (fromSums) return d;
    const { x, held, units } = this;
    if (!this.activating.isRow) this.activating.backward(x, held.out, d, held.back, pass.rows, network);
    else {
      const [z, error] = [x, d].map((array) => rowsOf(array, units, pass.rows));
      this.activating.backward(z, held.outRows, error, held.backRows, pass.rows, network);
    }
    return held.back;
  }
}
