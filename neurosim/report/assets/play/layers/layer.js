// What all layers have. The kinds of layers, forward and backward for a batch of rows, are the twin of the reference
// backend.
//
// A layer keeps its outputs, and what the pass back needs, in arrays of its own: numbers of row r begin at r * units.
// `pass` says what a pass is for: {rows, training, keys, first, move}.

// A record that a scenario names, alone or in a table with parameters.
function choice(value) {
  if (typeof value === "string") return { name: value, params: {} };
  const { name, per, ...params } = value;
  return { name, per, params };
}

const IDENTITY = choice("identity");

// Arrays for so many rows, which are made anew when there are more.
class Buffers {
  constructor(widths) {
    this.widths = widths;
    this.rows = 0;
  }

  hold(rows) {
    if (rows <= this.rows) return;
    this.rows = rows;
    for (const [name, width] of Object.entries(this.widths)) {
      this[name] = new Float64Array(rows * width);
      this[`${name}Rows`] = Array.from({ length: rows }, (_, r) => this[name].subarray(r * width, (r + 1) * width));
    }
  }
}

class Layer {
  constructor(name, inputs, units) {
    Object.assign(this, { name, inputs, units });
    this.held = new Buffers({ out: units, back: inputs });
  }

  // An array that the layer learns, at its place in the network's vector.
  learn(network, what, shape, isBias) {
    return network.parameter(`${this.name}.${what}`, shape, isBias);
  }

  get inside() {
    return [];
  }
}

function rowsOf(array, width, rows) {
  return Array.from({ length: rows }, (_, r) => array.subarray(r * width, (r + 1) * width));
}
