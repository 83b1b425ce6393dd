// Machine code for one network: WebAssembly, made here for its layers, its loss and its optimizer, which does what the
// layers do in JavaScript, two rows at a time. What it does not know stays with JavaScript, and so does all where a page
// may have no WebAssembly.

// Pairs of rows that go through the network together: as many as there are registers for.
const MOST_PAIRS = 5;
// Rows that are put through the network at once.
const BLOCK = 256;
const POOL = 2 ** 16;
const PAGE = 2 ** 16;

// Whether a product and a sum may be one instruction: relaxed SIMD, which browsers have later than the rest.
const hasFused = once(() => {
  const assembly = new Assembly();
  assembly.routine(0, null, (code) => {
    const lanes = new Lanes(code, () => 0, true);
    lanes.multiplied(1, 1, 1);
  });
  try {
    assembly.start(new WebAssembly.Memory({ initial: 1 }));
    return true;
  } catch {
    return false;
  }
});

function once(find) {
  let found = null;
  return () => (found ??= { value: find() }).value;
}

// The machine of a network, or null. To train it needs the `splits` of rows, the size of a `batch` and the `record` of
// the optimizer; without them it tells what the layers put out.
function machineOf(network, training = null) {
  if (typeof WebAssembly === "undefined") return null;
  try {
    return new Machine(network, training);
  } catch (error) {
    // Unknown, forbidden, or too large.
    if (![Unknown, WebAssembly.CompileError, RangeError].some((kind) => error instanceof kind)) throw error;
    return null;
  }
}

class Machine {
  constructor(network, training) {
    const pairs = ((training?.batch ?? BLOCK) + 1) >> 1;
    this.pairs = Math.ceil(pairs / Math.ceil(pairs / MOST_PAIRS));
    Object.assign(this, { network, training, numbers: new Map(), end: POOL, vectors: {}, kept: [] });
    this.assembly = new Assembly();
    this.kernels = new Kernels(this.assembly, (value) => this.constant(value), hasFused(), this.pairs);
    this.plan();
    this.write();
    this.memory = new WebAssembly.Memory({ initial: Math.ceil(this.end / PAGE) });
    this.doubles = new Float64Array(this.memory.buffer);
    this.routines = this.assembly.start(this.memory);
    for (const { value, address } of this.numbers.values()) this.doubles.fill(value, address / WORD, address / WORD + 2);
    for (const put of this.kept) put();
    for (const update of this.updates ?? []) if (update) update.constants = this.view(update.constants, update.count);
  }

  // Where a number stands in memory, twice.
  constant(value) {
    const key = Object.is(value, -0) ? "-0" : value;
    if (!this.numbers.has(key)) this.numbers.set(key, { value, address: this.numbers.size * PAIR });
    const { address } = this.numbers.get(key);
    if (address >= POOL) throw new Unknown("too many numbers");
    return address;
  }

  // Room for so many numbers.
  take(count) {
    const address = this.end;
    this.end += Math.ceil((count + 1) / 2) * PAIR;
    return address;
  }

  // Room that is filled as soon as there is memory.
  keep(numbers, Kind = Float64Array) {
    const address = this.take(numbers.length);
    this.kept.push(() => new Kind(this.memory.buffer, address, numbers.length).set(numbers));
    return address;
  }

  view(address, count) {
    return this.doubles.subarray(address / WORD, address / WORD + count);
  }

  plan() {
    const { network, training, vectors, pairs } = this;
    const lanes = 2 * pairs;
    const wide = (units) => this.take(units * lanes);
    const most = Math.max(BLOCK, ...Object.values(training?.splits ?? {}).map((rows) => rows.count));
    this.everything = this.keep(Int32Array.from({ length: most }, (_, k) => k), Int32Array);
    Object.assign(vectors, { values: this.take(network.size), gradient: this.take(network.size) });
    this.input = wide(network.inputs);
    this.stages = [];
    let place = { out: this.input, d: null };
    for (const layer of network.layers) {
      const { units, activating } = layer;
      if (layer instanceof Flatten) {
        this.stages.push({ ...place, layer, units, made: false });
        continue;
      }
      if (layer instanceof Dropout) {
        place = { layer, units, before: place, x: place.out, out: wide(units), mask: wide(units), d: wide(units), made: true };
        this.stages.push(place);
        continue;
      }
      if (!(layer instanceof Dense || layer instanceof Activate) || activating.learned.length) throw new Unknown(layer.name);
      const sums = layer instanceof Dense ? wide(units) : place.out;
      const out = isIdentity(activating.record) ? sums : wide(units);
      place = { layer, units, activating, before: place, x: place.out, sums, out, d: wide(units), made: true };
      this.stages.push(place);
    }
    for (const stage of this.stages) stage.rows = this.take((BLOCK + lanes) * stage.units);
    Object.assign(this, { weights: wide(1), total: this.take(2), share: this.take(1) });
    this.block = this.keep(new Float64Array(BLOCK * network.inputs));
    if (!training) return;
    const { splits, record } = training;
    for (const name of [...record.slots, "u", ...record.parts.flatMap(({ before }) => before.map((own) => own.name))]) {
      vectors[name] ??= this.take(network.size);
    }
    this.flag = this.take(1);
    // Of the order, and of each layer of dropout.
    this.keys = this.take(1 + network.dropouts);
    this.order = this.take(splits.train.count);
    this.splits = new Map(Object.values(splits).map((rows) => [rows, this.placed(rows)]));
    this.width = splits.train.targets === "classes" ? 1 : splits.train.width;
    this.answers = wide(this.width);
  }

  // The addresses of the rows of a split.
  placed({ x, values, classes, weights, targets }) {
    return [x, targets === "classes" ? classes : values].map((numbers) => this.keep(numbers)).concat(weights ? this.keep(weights) : 0);
  }

  write() {
    const { stages, training, kernels, assembly, vectors } = this;
    const made = stages.filter((stage) => stage.made);
    const gather = gatherRoutine(kernels, this);
    const [forward, trained, scatter] = [[], [], []];
    stages.forEach((stage, k) => {
      const own = stage.made ? this.forwards(stage) : [];
      forward.push(...own);
      scatter.push(scatterRoutine(kernels, stage));
      if (training) trained.push(...(stage.mask ? this.dropping(stage) : own));
      else this.passing(`through${k}`, [gather, ...forward], scatter.slice(k), false);
    });
    if (!training) {
      this.passing("through", [gather, ...forward], scatter, false);
      return;
    }
    const { objective, record } = { objective: this.network.loss, record: training.record };
    const last = made.at(-1);
    const { sums, out, units, d } = last;
    const loss = { objective, sums, out, units, answers: this.answers, width: this.width, weights: this.weights, total: this.total };
    this.passing("measure", [gather, ...forward, kernels.loss({ ...loss, share: null })], scatter.slice(-1), true);
    // An activation that is one formula with the loss and a layer of its own is passed over.
    const over = objective.pair && last.layer instanceof Activate;
    if (over && last.before.d === null) throw new Unknown("nothing to learn");
    const back = [kernels.loss({ ...loss, share: this.share, to: over ? last.before.d : d })];
    for (const stage of (over ? made.slice(0, -1) : made).reverse()) back.push(...this.backwards(stage, stage === last && objective.pair));
    this.learning([gather, ...trained, ...back]);
    finiteRoutine(kernels, vectors.values);
    shuffleRoutine(assembly);
    this.updates = record.parts.map((part, k) => {
      if (!TREES[part.each]) return null;
      const columns = [...part.numbers.map((name) => vectors[{ w: "values", g: "gradient" }[name] ?? name])];
      columns.push(...part.helpers.map((name) => vectors[name] ?? null));
      const targets = part.results.map((name) => vectors[{ w: "values", g: "gradient" }[name] ?? name]);
      const constants = this.take(TREES[part.each].params.length);
      try {
        updateRoutine(kernels, part.each, { columns, constants, flag: this.flag, targets }, `update${k}`);
      } catch (error) {
        if (!(error instanceof Unknown)) throw error;
        assembly.routines.pop();
        return null;
      }
      const count = TREES[part.each].params.length;
      return { name: `update${k}`, workOut: FORMULAS[part.constants], constants, count, flagged: columns.includes(null) };
    });
  }

  forwards(stage) {
    const { kernels, vectors } = this;
    const { layer, x, sums, out, units } = stage;
    if (stage.mask) return [kernels.masked(x, null, out, units)];
    const routines = [];
    if (layer instanceof Dense) {
      const { weight, bias, inputs } = layer;
      const at = ({ offset }) => vectors.values + offset * WORD;
      const strides = [WORD, units * WORD];
      routines.push(kernels.product({ x, to: sums, weight: at(weight), bias: bias && at(bias), inputs, units, strides }));
    }
    if (out !== sums) routines.push(kernels.activate(stage));
    return routines;
  }

  // Forward while it is trained.
  dropping(stage) {
    const { kernels } = this;
    const { layer, x, out, mask, units } = stage;
    return [maskRoutine(kernels, stage, this.keys + (1 + layer.index) * WORD), kernels.masked(x, mask, out, units)];
  }

  // `fromSums`: the gradient is that with respect to the sums already.
  backwards(stage, fromSums) {
    const { kernels, vectors } = this;
    const { layer, x, sums, out, d, units, before } = stage;
    const routines = [];
    const isDense = layer instanceof Dense;
    if (!isDense && before.d === null) return [];
    if (stage.mask) return [kernels.masked(d, stage.mask, before.d, units)];
    if (!fromSums && (out !== sums || !isDense)) routines.push(kernels.activateBack(stage, isDense ? d : before.d));
    if (!isDense) return routines;
    const { weight, bias, inputs } = layer;
    const at = ({ offset }) => vectors.gradient + offset * WORD;
    routines.push(kernels.slopes({ x, d, gradient: at(weight), inputs, units, bias: bias && at(bias) }));
    if (before.d !== null) {
      const weights = vectors.values + weight.offset * WORD;
      const strides = [units * WORD, WORD];
      routines.push(kernels.product({ x: d, to: before.d, weight: weights, bias: null, inputs: units, units: inputs, strides }));
    }
    return routines;
  }

  // Routines for one tile after the other: of those of rows, answers, weights and an order, from a place to an end.
  tiles(name, result, first, [gather, ...routines], scatter, last) {
    this.assembly.routine(
      6,
      result,
      (code) => {
        first(code);
        const tile = code.pointer(0);
        code.until(4, 5, () => {
          for (const local of [0, 1, 2, 3, 4, 5]) code.get(local);
          code.call(gather);
          for (const routine of routines) {
            if (routine.params) code.get(4);
            code.call(routine);
          }
          for (const routine of scatter) {
            code.get(tile);
            code.call(routine);
          }
          code.advance(tile, 2 * this.pairs);
          code.advance(4, 2 * this.pairs);
        });
        last(code);
      },
      name,
    );
  }

  passing(name, routines, scatter, measured) {
    const [first, last] = measured ? [(code) => this.empty(code), (code) => this.summed(code)] : [() => {}, () => {}];
    this.tiles(name, measured ? F64 : null, first, routines, scatter, last);
  }

  empty(code) {
    code.store(null, this.total, () => code.load(null, this.constant(0)));
  }

  summed(code) {
    for (const lane of [0, WORD]) code.loadNumber(null, this.total + lane);
    code.op(OP.addNumbers);
  }

  learning(routines) {
    const { network, kernels, vectors } = this;
    const penalties = network.penalized.map((layer) => [layer.weight, penaltyRoutine(kernels, vectors, layer)]);
    const clear = clearRoutine(kernels, vectors.gradient);
    const first = (code) => {
      this.empty(code);
      code.whole(0);
      code.whole(network.size * WORD);
      code.call(clear);
    };
    const last = (code) => {
      for (const [{ offset, size }, penalty] of penalties) {
        code.whole(offset * WORD);
        code.whole((offset + size) * WORD);
        code.call(penalty);
      }
      this.summed(code);
    };
    this.tiles("learn", F64, first, routines, [], last);
  }

  // From here on what is called: all that is learned, and what goes with it, is in this memory.
  vector(name) {
    return this.view(this.vectors[name], this.network.size).fill(0);
  }

  // The order of rows for an epoch, as `permutation` has it for a key, or as it is; and the keys of masks.
  begin(key, ofMasks) {
    const { count } = this.training.splits.train;
    const order = new Int32Array(this.memory.buffer, this.order, count);
    for (let k = 0; k < count; k += 1) order[k] = k;
    const halves = new Uint32Array(this.memory.buffer, this.keys, 2 * (1 + ofMasks.length));
    [key || [0, 0], ...ofMasks].forEach(([high, low], k) => halves.set([low, high], 2 * k));
    if (key) this.routines.shuffle(this.order, count - 1, this.keys);
    return order;
  }

  // The gradient of the batch that begins at a place of the order; gives its losses, added up.
  learn(rows, from, count) {
    this.doubles[this.share / WORD] = 1 / count;
    return this.routines.learn(...this.splits.get(rows), this.order, from, from + count);
  }

  update(k, spans, t, ofWeights, ofBiases) {
    const { name, workOut, constants } = this.updates[k];
    let given = null;
    for (const { offset, size, isBias } of spans) {
      const params = isBias ? ofBiases : ofWeights;
      if (params !== given) workOut(t, params, constants);
      given = params;
      this.doubles[this.flag / WORD] = Number(isBias);
      this.routines[name](offset * WORD, (offset + size) * WORD);
    }
  }

  get isFinite() {
    return this.routines.finite(0, this.network.size * WORD) === 0;
  }

  // Up to BLOCK rows in the order that they have: the losses, added up, and the outputs.
  measure(rows, from, count) {
    const loss = this.routines.measure(...this.splits.get(rows), this.everything, from, from + count);
    const { rows: address, units } = this.stages.at(-1);
    return [loss, this.view(address, count * units)];
  }

  // Outputs of each layer for some rows, side by side, or of one of them only.
  through(x, count, only = null) {
    const { inputs } = this.network;
    const pass = this.routines[only === null ? "through" : `through${only}`];
    const outputs = this.stages.map(({ units }, k) => only === null || only === k ? new Float64Array(count * units) : null);
    for (let from = 0; from < count; from += BLOCK) {
      const most = Math.min(BLOCK, count - from);
      this.view(this.block, most * inputs).set(x.slice(from * inputs, (from + most) * inputs));
      pass(this.block, 0, 0, this.everything, 0, most);
      this.stages.forEach(({ units, rows }, k) => outputs[k]?.set(this.view(rows, most * units), from * units));
    }
    return outputs;
  }
}
