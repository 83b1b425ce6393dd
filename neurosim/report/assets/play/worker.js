// What the Web Worker does: it trains, and tells the page how far it is whenever that has drawn what it was told before.

function work(engine) {
  const { Rows, Trainer, History } = engine();
  let trainer = null;
  let history = null;
  let running = false;
  let pace = 0; // Steps a second; 0 is as many as there can be.
  let waiting = true; // For the page to have drawn.
  let watched = null; // {row, place, unit}: a step on that row, seen from that unit, is told as well.
  let begun = 0;
  let done = 0;
  let told = 0; // When the last telling ended, and how long it took.
  let took = 0;

  // As long as a part of the steps may take, in milliseconds, before messages are looked for: short beside the time from
  // one picture to the next.
  const PART = 4;
  // Training goes on after the messages that are there: a timer of 0 would wait for 4 ms.
  const { port1: ahead, port2: behind } = new MessageChannel();
  behind.onmessage = goOn;
  let goesOn = false;

  function tell(more = {}) {
    const since = performance.now();
    waiting = false;
    const { network, steps, epoch, place, stepsOfEpoch } = trainer;
    const { values, statistics } = network;
    const splits = Object.keys(trainer.splits);
    const measures = Object.fromEntries(splits.map((name) => [name, trainer.evaluate(name)]));
    history.note(measures);
    const { curves, other } = history;
    const explained = watched && trainer.explain(watched);
    const state = { values: values.slice(), statistics: statistics.slice(), measures, curves, other, explained };
    postMessage({ state: { ...state, steps, epochs: epoch + place / stepsOfEpoch, running, ...more } });
    told = performance.now();
    took = told - since;
  }

  function goOn() {
    goesOn = false;
    train();
  }

  function train() {
    if (!running || goesOn) return;
    const end = performance.now() + PART;
    const due = pace ? Math.floor(((performance.now() - begun) / 1000) * pace) : Infinity;
    while (performance.now() < end && done < due) {
      advance();
      done += 1;
      if (!running) break;
    }
    // All rows are evaluated for it: training has half of the time at least.
    if (waiting && performance.now() - told >= took) tell();
    goesOn = true;
    if (pace && done >= due) setTimeout(goOn, 4);
    else ahead.postMessage(null);
  }

  function advance() {
    trainer.step();
    history.keep();
    if (!trainer.network.isFinite) {
      running = false;
      tell({ diverged: true });
    }
  }

  const orders = {
    build({ scenario, splits, inputs, catalog }) {
      running = false;
      const rows = Object.entries(splits).map(([name, split]) => [name, new Rows(split, inputs)]);
      trainer = new Trainer(scenario, Object.fromEntries(rows), inputs, catalog);
      history = new History(trainer);
      watched = null;
      tell();
    },
    watch({ place }) {
      watched = place;
      tell();
    },
    run({ steps = 0 }) {
      const was = running;
      [running, pace, begun, done] = [true, steps, performance.now(), 0];
      if (!was) train();
    },
    pause() {
      running = false;
      tell();
    },
    step({ count = 1 }) {
      for (let step = 0; step < count; step += 1) advance();
      tell();
    },
    epoch() {
      do advance();
      while (trainer.place !== 0);
      tell();
    },
    // Back, or forward again, to a step that is kept; training goes on from there.
    seek({ to }) {
      running = false;
      history.seek(to);
      tell();
    },
    restart({ seed }) {
      running = false;
      trainer.restart(seed);
      history = new History(trainer);
      tell();
    },
    weights({ values }) {
      trainer.network.values.set(values);
      tell();
    },
    // A number of the optimizer, which takes effect with the next step.
    set({ name, value }) {
      trainer.set(name, value);
    },
    more() {
      waiting = true;
    },
  };

  onmessage = ({ data }) => {
    try {
      orders[data.do](data);
    } catch (error) {
      running = false;
      postMessage({ failed: String(error.message) });
    }
  };
}
