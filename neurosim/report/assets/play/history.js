// What training has been through: losses for the curves, and states to go back to.

// States are kept at steps that are a multiple of a number, which doubles when there are too many.
const MOST_STATES = 200;
// With more points of a curve, those too close to the one before are left out: half of them, where they lie evenly.
const MOST_POINTS = 400;

class History {
  constructor(trainer) {
    const curves = { steps: [], epochs: [], losses: {}, accuracies: {} };
    // `other` are the curves of a future that was left: training has gone on from a step before it.
    Object.assign(this, { trainer, every: 1, states: [], curves, other: null, apart: 0 });
    this.keep();
  }

  // After each step.
  keep() {
    const { trainer } = this;
    this.branch();
    if (trainer.steps % this.every) return;
    this.states.push(trainer.state());
    if (this.states.length <= MOST_STATES) return;
    this.every *= 2;
    this.states = this.states.filter((state) => state.steps % this.every === 0);
  }

  // What was ahead of a step that was gone back to is another future from now on.
  branch() {
    const { steps } = this.trainer;
    const last = this.curves.steps.at(-1) ?? -1;
    while (this.states.at(-1)?.steps >= steps) this.states.pop();
    if (last < steps) return;
    const from = this.curves.steps.findIndex((step) => step >= steps);
    this.other = columnsOf(this.curves, (column) => column.slice(Math.max(from - 1, 0)));
    this.curves = columnsOf(this.curves, (column) => column.slice(0, from));
  }

  // To the last state that is kept at or before a step, and on from there to the step itself.
  seek(step) {
    const { trainer } = this;
    const from = this.states.filter((state) => state.steps <= step).at(-1) ?? this.states[0];
    trainer.restore(from);
    while (trainer.steps < step) trainer.step();
  }

  note(measures) {
    const { steps, epoch, place, stepsOfEpoch } = this.trainer;
    const { curves } = this;
    const known = curves.steps;
    if (known.at(-1) >= steps) return;
    // The last point moves along until it is far enough from the one before.
    if (known.length > 1 && known.at(-1) - known.at(-2) < this.apart) columnsOf(curves, (column) => column.pop());
    known.push(steps);
    curves.epochs.push(epoch + place / stepsOfEpoch);
    for (const [name, { loss, accuracy }] of Object.entries(measures)) {
      (curves.losses[name] ??= []).push(loss);
      (curves.accuracies[name] ??= []).push(accuracy);
    }
    if (known.length <= MOST_POINTS) return;
    this.apart = (2 * (steps - known[0])) / MOST_POINTS;
    let next = -Infinity;
    const kept = known.map((step, k) => {
      if (step < next && k < known.length - 1) return false;
      next = step + this.apart;
      return true;
    });
    this.curves = columnsOf(curves, (column) => column.filter((_, k) => kept[k]));
  }
}

// Curves of which each column is changed.
function columnsOf({ steps, epochs, losses, accuracies }, change) {
  const each = (columns) => Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, change(column)]));
  return { steps: change(steps), epochs: change(epochs), losses: each(losses), accuracies: each(accuracies) };
}
