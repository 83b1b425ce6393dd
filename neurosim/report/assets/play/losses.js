// The losses of the splits over the epochs, the numbers of now, and the way back.

const LISTEN = "Hear the curves";

class Losses {
  constructor(root, app) {
    Object.assign(this, { app });
    const head = element("div", root, { class: "head" });
    element("h2", head, {}, "Loss");
    this.listen = element("button", head, { type: "button", class: "small-button" }, LISTEN);
    this.listen.addEventListener("click", () => this.sound());
    this.numbers = element("dl", root, { class: "measures", "aria-live": "off" });
    this.picture = shape("svg", root, { viewBox: "0 0 300 110", role: "img", "aria-label": "Losses over the epochs" });
    const label = element("label", root, { class: "back" }, "Back to step ");
    this.told = element("output", label);
    this.slider = element("input", root, { type: "range", min: 0, max: 0, value: 0, "aria-label": "Step to go back to" });
    this.slider.addEventListener("input", () => app.seek(Number(this.slider.value)));
  }

  draw() {
    const { app, picture, slider } = this;
    const { measures, curves, other, steps, epochs, running } = app.state;
    this.numbers.replaceChildren();
    for (const [name, { loss, accuracy }] of Object.entries(measures)) {
      element("dt", this.numbers, {}, name);
      const hits = accuracy === null ? "" : `, ${percent(accuracy)} right`;
      element("dd", this.numbers, {}, `${short(loss)}${hits}`);
    }
    slider.max = Math.max(curves.steps.at(-1), 1);
    if (document.activeElement !== slider || running) slider.value = steps;
    this.told.textContent = String(steps);
    this.curves(curves, other, epochs);
  }

  sound() {
    const { app, listen } = this;
    if (this.silence) {
      this.silence();
      return;
    }
    const lines = Object.values(app.state.curves.losses);
    if (lines[0].length < 2) return;
    this.silence = sounded(lines, () => {
      this.silence = null;
      listen.textContent = LISTEN;
    });
    listen.textContent = "Stop the sound";
  }

  // The curves of this future, and pale those of the other one; a line where training is.
  curves(curves, other, epochs) {
    const { picture } = this;
    picture.replaceChildren();
    const futures = other ? [other, curves] : [curves];
    const all = futures.flatMap(({ losses }) => Object.values(losses).flat()).filter(Number.isFinite);
    if (!all.length) return;
    const last = Math.max(...futures.map((future) => future.epochs.at(-1)), 1);
    const most = Math.max(...all) || 1;
    const [x, y] = [scale([0, last], [34, 294]), scale([0, most], [92, 6])];
    for (const tick of ticks(0, most, false, 3)) {
      shape("line", picture, { class: "grid", x1: 34, x2: 294, y1: y(tick), y2: y(tick) });
      shape("text", picture, { x: 30, y: y(tick) + 4, "text-anchor": "end" }, short(tick));
    }
    for (const tick of ticks(0, last, false, 4)) {
      // At the right end there is no room for half of a number.
      const end = x(tick) > 285 ? { x: 299, "text-anchor": "end" } : { x: x(tick), "text-anchor": "middle" };
      shape("text", picture, { ...end, y: 106 }, short(tick));
    }
    for (const future of futures) {
      for (const [name, values] of Object.entries(future.losses)) {
        const points = values.map((value, k) => [future.epochs[k], value]).filter(([, value]) => Number.isFinite(value));
        const d = `M${points.map(([epoch, value]) => `${x(epoch).toFixed(1)} ${y(value).toFixed(1)}`).join("L")}`;
        const k = SPLITS.indexOf(name);
        const look = { stroke: LINES[[0, 2, 1][k]], opacity: future === curves ? 1 : 0.35, ...dashes({ dash: DASHES[k] }) };
        if (points.length) shape("path", picture, { class: "curve", d, ...look });
      }
    }
    shape("line", picture, { class: "marker", x1: x(epochs), x2: x(epochs), y1: 6, y2: 92 });
  }
}
