// Layers made of layers: side by side, and added up or joined.

class Residual extends Layer {
  constructor(network, name, inputs, table) {
    const own = buildChain(network, `${name}.layers`, inputs, table.layers);
    const units = own.at(-1).units;
    super(name, inputs, units);
    const shortcut = table.shortcut ? buildChain(network, `${name}.shortcut`, inputs, table.shortcut) : [];
    if (!table.shortcut && units !== inputs) {
      const projection = { kind: "dense", units, bias: false, init: table.init };
      shortcut.push(new Dense(network, `${name}.projection`, inputs, projection));
    }
    Object.assign(this, { own: new Chain(own), shortcut: new Chain(shortcut) });
  }

  get inside() {
    return [...this.own.layers, ...this.shortcut.layers];
  }

  forward(x, pass, network) {
    const { held, units } = this;
    held.hold(pass.rows);
    const changed = this.own.forward(x, pass, network);
    const skipped = this.shortcut.forward(x, pass, network);
    for (let k = 0; k < pass.rows * units; k += 1) held.out[k] = changed[k] + skipped[k];
    return held.out;
  }

  backward(d, pass, network) {
    const { held, inputs } = this;
    const skipped = this.shortcut.backward(d, pass, network);
    const changed = this.own.backward(d, pass, network);
    for (let k = 0; k < pass.rows * inputs; k += 1) held.back[k] = changed[k] + skipped[k];
    return held.back;
  }
}

class Concatenation extends Layer {
  constructor(network, name, inputs, table) {
    const chains = table.branches.map(
      (tables, k) => new Chain(buildChain(network, `${name}.branches.${k}`, inputs, tables)),
    );
    const widths = chains.map((chain) => chain.layers.at(-1)?.units ?? inputs);
    super(name, inputs, widths.reduce((sum, width) => sum + width, 0));
    this.parts = widths.map((width) => new Buffers({ d: width }));
    Object.assign(this, { chains, widths });
  }

  get inside() {
    return this.chains.flatMap((chain) => chain.layers);
  }

  forward(x, pass, network) {
    const { held, units, widths } = this;
    held.hold(pass.rows);
    let from = 0;
    this.chains.forEach((chain, b) => {
      const passed = chain.forward(x, pass, network);
      for (let r = 0; r < pass.rows; r += 1) {
        for (let k = 0; k < widths[b]; k += 1) held.out[r * units + from + k] = passed[r * widths[b] + k];
      }
      from += widths[b];
    });
    return held.out;
  }

  backward(d, pass, network) {
    const { held, units, widths, inputs } = this;
    held.back.fill(0);
    let from = 0;
    this.chains.forEach((chain, b) => {
      const part = this.parts[b];
      part.hold(pass.rows);
      for (let r = 0; r < pass.rows; r += 1) {
        for (let k = 0; k < widths[b]; k += 1) part.d[r * widths[b] + k] = d[r * units + from + k];
      }
      const error = chain.backward(part.d, pass, network);
      for (let k = 0; k < pass.rows * inputs; k += 1) held.back[k] += error[k];
      from += widths[b];
    });
    return held.back;
  }
}
