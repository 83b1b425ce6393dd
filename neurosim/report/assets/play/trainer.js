// Training, step by step and epoch by epoch, as the reference backend and the course of a run have it.

const KINDS_OF_NUMBERS = { u1: Uint8Array, f4: Float32Array, f8: Float64Array };

// Numbers from the base64 of their bytes, scaled, or as they are; once for each table, since pictures have many.
const DECODED = new WeakMap();

function doubles(given) {
  if (!given?.base64) return given;
  if (DECODED.has(given)) return DECODED.get(given);
  const { kind, base64, scale = 1, shift = 0 } = given;
  const letters = atob(base64);
  const bytes = new Uint8Array(letters.length);
  for (let k = 0; k < bytes.length; k += 1) bytes[k] = letters.charCodeAt(k);
  const raw = new KINDS_OF_NUMBERS[kind](bytes.buffer);
  const found = new Float64Array(raw.length);
  for (let k = 0; k < found.length; k += 1) found[k] = raw[k] * scale + shift;
  DECODED.set(given, found);
  return found;
}

// Rows of a split: `x` as the network gets them; `values` or `classes` are what it should answer.
class Rows {
  constructor({ x: given, values: answers, classes, weights, accuracy, targets }, inputs) {
    const [x, values] = [given, answers].map(doubles);
    Object.assign(this, { x, values, classes, weights, accuracy, targets, inputs });
    this.count = x.length / inputs;
    this.width = values ? values.length / this.count : 0;
    this.answers = targets === "classes" ? classes : rowsOf(values, this.width, this.count);
    this.everything = Int32Array.from({ length: this.count }, (_, k) => k);
    this.choose(this.everything, 0);
  }

  // Look at the rows of an order from place `from` on.
  choose(order, from) {
    this.order = order;
    this.from = from;
  }

  of(r) {
    return this.answers[this.order[this.from + r]];
  }

  weight(r) {
    return this.weights ? this.weights[this.order[this.from + r]] : 1;
  }

  // The chosen rows side by side.
  gather(rows, into) {
    const { inputs, x, order, from } = this;
    for (let r = 0; r < rows; r += 1) {
      const at = order[from + r] * inputs;
      for (let k = 0; k < inputs; k += 1) into[r * inputs + k] = x[at + k];
    }
    return into;
  }
}

class Trainer {
  // `scenario` has the tables of a scenario, complete; `splits` the rows of train, and of validation and test.
  // `quick`: with machine code as far as it goes.
  constructor(scenario, splits, inputs, catalog, quick = true) {
    const { training, optimizer } = scenario;
    Object.assign(this, { scenario, training, optimizer, catalog, inputs, splits });
    this.network = new Network(scenario.network, inputs, catalog);
    if (quick) this.network.hasten({ splits, batch: this.batchSize, record: catalog.optimizers[optimizer.name] });
    this.updating = new Updating(optimizer, this.network, catalog);
    this.rate = this.updating.params[this.updating.names.indexOf("lr")];
    this.batch = new Float64Array(0);
    this.restart(scenario.scenario.seed);
  }

  restart(seed) {
    this.seed = seed;
    this.network.start(seed);
    this.updating.restart();
    Object.assign(this, { steps: 0, epoch: 0, place: 0, order: null, losses: [], sum: 0 });
    this.average = null;
  }

  // All that the next steps depend on, to be restored later.
  state() {
    const { network, updating, steps, epoch, place, sum, average } = this;
    const copies = [network.values, network.statistics, ...Object.values(updating.state)].map((array) => array.slice());
    return { steps, epoch, place, sum, copies, losses: [...this.losses], average: average && average.slice() };
  }

  restore({ copies, losses, average, ...counts }) {
    const arrays = [this.network.values, this.network.statistics, ...Object.values(this.updating.state)];
    arrays.forEach((array, k) => array.set(copies[k]));
    Object.assign(this, counts, { losses: [...losses], average: average && average.slice() });
    if (this.place > 0) this.begin();
  }

  // A parameter of the optimizer, from the next step on.
  set(name, value) {
    const { updating } = this;
    updating.params[updating.names.indexOf(name)] = value;
    if (name === "lr") this.rate = value;
  }

  get stepsOfEpoch() {
    return Math.ceil(this.splits.train.count / this.batchSize);
  }

  get batchSize() {
    return Math.max(1, Math.min(this.training.batch_size, this.splits.train.count));
  }

  // One batch forward and back, layer by layer; gives its losses, added up.
  learn(rows, order, from, count, pass) {
    const { network } = this;
    if (this.batch.length < count * this.inputs) this.batch = new Float64Array(count * this.inputs);
    rows.choose(order, from);
    const outputs = network.forward(rows.gather(count, this.batch), pass);
    const loss = network.loss.total(outputs, rows, count, 1 / count);
    network.backward(network.loss.held.d, pass);
    return loss;
  }

  // The order of the rows in an epoch, and its dropout masks.
  begin() {
    const { count, everything } = this.splits.train;
    const { seed, epoch, network } = this;
    const shuffled = this.training.shuffle ?? true;
    const key = shuffled && randomKey(seed, "shuffle", epoch);
    this.keys = Array.from({ length: network.dropouts }, (_, k) => randomKey(seed, "dropout", k, epoch));
    this.order = network.machine?.begin(key, this.keys) ?? (shuffled ? permutation(key, count) : everything);
  }

  // One update on the next batch; the epoch's losses are complete when it returns true.
  step() {
    const rows = this.splits.train;
    if (this.place === 0) {
      this.begin();
      this.sum = 0;
    }
    const from = this.place * this.batchSize;
    const count = Math.min(this.batchSize, rows.count - from);
    const { machine } = this.network;
    if (machine) this.sum += machine.learn(rows, from, count);
    else {
      const pass = { rows: count, training: true, keys: this.keys, first: from, move: true };
      this.sum += this.learn(rows, this.order, from, count, pass);
    }
    this.clip();
    const { rate, factors } = this.settings(this.steps);
    this.steps += 1;
    this.updating.step(this.steps, rate, factors);
    this.follow();
    this.place += 1;
    if (this.place < this.stepsOfEpoch) return false;
    this.losses.push(this.sum / rows.count);
    this.epoch += 1;
    this.place = 0;
    return true;
  }

  clip() {
    const { gradient } = this.network;
    const { clip_value: most, clip_norm: longest } = this.training;
    if (most !== undefined && most !== null) {
      for (let k = 0; k < gradient.length; k += 1) gradient[k] = Math.min(Math.max(gradient[k], -most), most);
    } else if (longest !== undefined && longest !== null) {
      const length = REDUCTIONS.l2(gradient);
      if (length > longest) for (let k = 0; k < gradient.length; k += 1) gradient[k] *= longest / length;
    }
  }

  // The learning rate and what other parameters are multiplied by in a step, from 0.
  settings(step) {
    const { schedule, schedules } = this.optimizer;
    const rate = schedule ? this.rate * this.factor(schedule, step) : this.rate;
    if (!schedules) return { rate, factors: null };
    const factors = Object.entries(schedules).map(([name, chosen]) => [name, this.factor(chosen, step)]);
    return { rate, factors: Object.fromEntries(factors) };
  }

  factor(named, step) {
    const chosen = choice(named);
    const record = this.catalog.schedules[chosen.name];
    const params = Object.keys(record.params).map((name) => chosen.params[name] ?? record.params[name]);
    const formula = FORMULAS[record.factor];
    const each = this.stepsOfEpoch;
    // Of the losses after the epochs so far.
    if (record.unit === "losses") return formula(this.losses, ...params);
    if (record.unit === "epochs") {
      const epoch = Math.floor(step / each);
      return formula(epoch, Math.max(this.training.epochs, epoch + 1), ...params);
    }
    return formula(step, Math.max(this.training.epochs * each, step + 1), ...params);
  }

  // The average of the weights over time, where one is kept.
  follow() {
    const { average: section } = this.training;
    if (!section) return;
    const { values } = this.network;
    this.average ??= values.slice();
    const each = this.stepsOfEpoch;
    const first = section.kind === "swa" ? section.start * each : (section.start - 1) * each + 1;
    const since = this.steps - first;
    const every = section.kind === "swa" ? each : 1;
    let share = 1;
    if (since > 0) {
      if (since % every) share = 0;
      else share = section.kind === "ema" ? 1 - section.decay : 1 / (since / every + 1);
    }
    for (let k = 0; k < values.length; k += 1) {
      this.average[k] = share === 1 ? values[k] : this.average[k] + (values[k] - this.average[k]) * share;
    }
  }

  // A step on one training row alone, as a worksheet has it, seen from a dense unit; then all is put back. Batch
  // normalization looks at a whole batch: then it is the one that has the row when the rows are taken in their order.
  explain({ row, place, unit }) {
    const { network, updating } = this;
    const layer = network.layers[place];
    const rows = this.splits.train;
    if (!(layer instanceof Dense) || row >= rows.count) return null;
    const kept = this.state();
    const count = network.statistics.length ? this.batchSize : 1;
    const first = Math.min(Math.floor(row / count) * count, rows.count - count);
    const at = row - first;
    const pass = { rows: count, training: true, keys: null, first: 0, move: false };
    const loss = this.learn(rows, rows.everything, first, count, pass);
    const { weight, bias, held, inputs, units } = layer;
    const direct = place === network.layers.length - 1 && network.loss.pair;
    const delta = (direct ? network.loss.held.d : held.dz)[at * units + unit];
    const own = Array.from({ length: inputs }, (_, k) => weight.offset + k * units + unit);
    if (bias) own.push(bias.offset + unit);
    const of = (vector) => own.map((index) => vector[index]);
    const part = (vector, width) => Array.from(vector.subarray(at * width, (at + 1) * width));
    const found = {
      row, place, unit, count, delta,
      loss: loss / count,
      inputs: part(layer.x, inputs),
      z: held.sums[at * units + unit],
      a: held.out[at * units + unit],
      target: rows.targets === "classes" ? [rows.of(at)] : Array.from(rows.of(at)),
      answer: part(network.layers.at(-1).held.out, network.outputs),
      before: of(network.values),
      slopes: of(network.gradient),
    };
    this.clip();
    const { rate, factors } = this.settings(this.steps);
    updating.step(this.steps + 1, rate, factors);
    found.after = of(network.values);
    this.restore(kept);
    return found;
  }

  // The losses of chosen rows, added up, and the outputs.
  measure(rows, from, count) {
    const { network, inputs } = this;
    if (network.machine && !this.average) return network.machine.measure(rows, from, count);
    if (this.batch.length < count * inputs) this.batch = new Float64Array(count * inputs);
    const outputs = network.forward(rows.gather(count, this.batch), { rows: count, training: false, keys: null });
    return [network.loss.total(outputs, rows, count), outputs];
  }

  // Loss and accuracy of a split; dropout off, running statistics, the average where there is one.
  evaluate(split) {
    const rows = this.splits[split];
    const { network } = this;
    const own = network.values;
    if (this.average) network.values = this.average;
    let loss = 0;
    let correct = 0;
    for (let from = 0; from < rows.count; from += BLOCK) {
      const count = Math.min(BLOCK, rows.count - from);
      rows.choose(rows.everything, from);
      const [losses, outputs] = this.measure(rows, from, count);
      loss += losses;
      correct += network.loss.correct(outputs, rows, count);
    }
    network.values = own;
    return { loss: loss / rows.count, accuracy: rows.accuracy === "none" ? null : correct / rows.count };
  }
}
