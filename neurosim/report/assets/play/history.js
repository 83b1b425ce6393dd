// What training has been through: losses for the curves, and states to go back to.

// States are kept at steps that are a multiple of a number, which doubles when there are too many.
const MOST_STATES = 200;
const MOST_POINTS = 400;

class History {
  constructor(trainer) {
    Object.assign(this, { trainer, every: 1, states: [], curves: { steps: [], epochs: [], losses: {}, accuracies: {} } });
    this.keep();
  }

  keep() {
    const { trainer } = this;
    if (trainer.steps % this.every) return;
    // What was ahead of a step that was gone back to is another future.
    this.states = this.states.filter((state) => state.steps < trainer.steps);
    this.states.push(trainer.state());
    if (this.states.length <= MOST_STATES) return;
    this.every *= 2;
    this.states = this.states.filter((state) => state.steps % this.every === 0);
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
    const columns = [curves.steps, curves.epochs, ...Object.values(curves.losses), ...Object.values(curves.accuracies)];
    // The future of a step that was gone back to is forgotten with the first one after it.
    while (curves.steps.length && curves.steps.at(-1) >= steps) for (const column of columns) column.pop();
    curves.steps.push(steps);
    curves.epochs.push(epoch + place / stepsOfEpoch);
    for (const [name, { loss, accuracy }] of Object.entries(measures)) {
      (curves.losses[name] ??= []).push(loss);
      (curves.accuracies[name] ??= []).push(accuracy);
    }
    if (curves.steps.length <= MOST_POINTS) return;
    for (const column of columns) column.splice(0, column.length, ...column.filter((_, k) => k % 2 === 0));
  }
}
