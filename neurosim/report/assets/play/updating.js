// One step of an optimizer on all that a network learns, number by number, as its rule is written.

const REDUCTIONS = {
  sum: (x) => x.reduce((sum, value) => sum + value, 0),
  mean: (x) => REDUCTIONS.sum(x) / x.length,
  l1: (x) => x.reduce((sum, value) => sum + Math.abs(value), 0),
  l2: (x) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0)),
  rms: (x) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length),
  largest: (x) => x.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
  count: (x) => x.length,
};

class Updating {
  constructor(section, network, catalog) {
    this.network = network;
    this.record = catalog.optimizers[section.name];
    this.orthogonal = catalog.orthogonal;
    const own = { ...this.record.params, ...section };
    this.names = Object.keys(this.record.params);
    this.params = this.names.map((name) => own[name]);
    this.biases = section.biases ? this.names.map((name) => section.biases[name] ?? own[name]) : this.params;
    this.whole = [{ offset: 0, size: network.size, isBias: false }];
    this.restart();
  }

  restart() {
    const { network, record } = this;
    const vector = (name) => network.machine?.vector(name) ?? new Float64Array(network.size);
    this.state = Object.fromEntries(record.slots.map((slot) => [slot, vector(slot)]));
    const named = { w: network.values, g: network.gradient, u: vector("u"), ...this.state };
    // The value of each reduction for each number. The only helper that none gives says whether a number is a bias.
    const reduced = record.parts.flatMap((part) => part.before);
    this.known = Object.fromEntries(reduced.map(({ name }) => [name, vector(name)]));
    this.parts = record.parts.map((part) => ({
      ...part,
      update: FORMULAS[part.update],
      reductions: part.before.map((reduction) => [reduction, named[reduction.of], this.known[reduction.name]]),
      columns: [...part.numbers.map((name) => named[name]), ...part.helpers.map((name) => this.known[name])],
      targets: part.results.map((name) => named[name]),
    }));
  }

  // Step number `t`, with the factors of schedules by parameter; the learning rate is given as it is.
  step(t, rate, factors = null) {
    const { network, names } = this;
    const scheduled = (params) =>
      params.map((value, k) => (names[k] === "lr" ? rate : value * (factors?.[names[k]] ?? 1)));
    const ofWeights = scheduled(this.params);
    const ofBiases = this.biases === this.params ? ofWeights : scheduled(this.biases);
    this.parts.forEach((part, k) => {
      for (const [reduction, vector, values] of part.reductions) this.reduce(reduction, vector, values);
      const quick = network.machine?.updates[k];
      if (quick) {
        const spans = quick.flagged || ofBiases !== ofWeights ? network.arrays : this.whole;
        network.machine.update(k, spans, t, ofWeights, ofBiases);
        return;
      }
      for (const { offset, size, isBias } of network.arrays) {
        part.update(part.columns, part.targets, offset, offset + size, Number(isBias), t, isBias ? ofBiases : ofWeights);
      }
    });
  }

  reduce({ operation, scope }, vector, values) {
    const reduce = REDUCTIONS[operation];
    if (scope === "network") {
      values.fill(reduce(vector));
      return;
    }
    for (const { offset, size, isBias, shape } of this.network.arrays) {
      const columns = isBias ? 1 : shape.at(-1);
      const rows = size / columns;
      const at = (row, column) => offset + row * columns + column;
      if (operation === "orthogonal") {
        values.set(this.orthogonalized(vector.subarray(offset, offset + size), rows, columns), offset);
      } else if (scope === "array") {
        values.fill(reduce(vector.subarray(offset, offset + size)), offset, offset + size);
      } else if (scope === "row") {
        for (let r = 0; r < rows; r += 1) {
          values.fill(reduce(vector.subarray(at(r, 0), at(r + 1, 0))), at(r, 0), at(r + 1, 0));
        }
      } else {
        for (let c = 0; c < columns; c += 1) {
          const value = reduce(Float64Array.from({ length: rows }, (_, r) => vector[at(r, c)]));
          for (let r = 0; r < rows; r += 1) values[at(r, c)] = value;
        }
      }
    }
  }

  // Nearly the nearest matrix with orthogonal rows, or columns if there are fewer, by Newton and Schulz.
  orthogonalized(numbers, rows, columns) {
    const { factors, steps, epsilon } = this.orthogonal;
    const turned = rows > columns;
    let x = Array.from({ length: rows }, (_, r) => Array.from(numbers.subarray(r * columns, (r + 1) * columns)));
    if (turned) x = transposed(x);
    const length = Math.max(Math.sqrt(numbers.reduce((sum, value) => sum + value * value, 0)), epsilon);
    x = x.map((row) => row.map((value) => value / length));
    for (let step = 0; step < steps; step += 1) {
      const square = product(x, transposed(x));
      const fourth = product(square, square);
      const sum = square.map((row, r) => row.map((value, c) => factors[1] * value + factors[2] * fourth[r][c]));
      const more = product(sum, x);
      x = x.map((row, r) => row.map((value, c) => factors[0] * value + more[r][c]));
    }
    return (turned ? transposed(x) : x).flat();
  }
}

function transposed(x) {
  return x[0].map((_, c) => x.map((row) => row[c]));
}

function product(x, y) {
  const columns = transposed(y);
  return x.map((row) => columns.map((column) => row.reduce((sum, value, k) => sum + value * column[k], 0)));
}
