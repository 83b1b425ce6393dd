// All kinds, and how layers are made of a scenario's tables.

class Flatten extends Layer {
  constructor(network, name, inputs) {
    super(name, inputs, inputs);
  }

  forward(x) {
    return x;
  }

  backward(d) {
    return d;
  }
}

// Layers that follow each other.
class Chain {
  constructor(layers) {
    this.layers = layers;
  }

  forward(x, pass, network) {
    return this.layers.reduce((passed, layer) => layer.forward(passed, pass, network), x);
  }

  backward(d, pass, network) {
    return this.layers.reduceRight((error, layer) => layer.backward(error, pass, network), d);
  }
}

const LAYERS = {
  dense: Dense,
  activation: Activate,
  gated: Combination,
  maxout: Combination,
  dropout: Dropout,
  batch_norm: BatchNorm,
  layer_norm: LayerNorm,
  flatten: Flatten,
  residual: Residual,
  concatenation: Concatenation,
};

// The layers of a scenario's tables, one after the other; each is named after its place, counted as in Python.
function buildChain(network, path, inputs, tables) {
  const built = [];
  let width = inputs;
  const put = (table) => {
    if (table.kind === "group") {
      for (let copy = 0; copy < (table.repeat ?? 1); copy += 1) table.layers.forEach(put);
      return;
    }
    for (let copy = 0; copy < (table.repeat ?? 1); copy += 1) {
      built.push(new LAYERS[table.kind](network, `${path}.${built.length}`, width, table));
      width = built.at(-1).units;
      if (table.kind === "residual" && table.activation) {
        built.push(new Activate(network, `${path}.${built.length}`, width, { activation: table.activation }));
      }
    }
  };
  tables.forEach(put);
  return built;
}
