// The losses of the splits over the epochs, the numbers of now, and the way back.

class Losses {
  constructor(root, app) {
    Object.assign(this, { app });
    element("h2", root, {}, "Loss");
    this.numbers = element("dl", root, { class: "measures", "aria-live": "off" });
    this.picture = shape("svg", root, { viewBox: "0 0 300 110", role: "img", "aria-label": "Losses over the epochs" });
    const label = element("label", root, { class: "back" }, "Back to step ");
    this.told = element("output", label);
    this.slider = element("input", root, { type: "range", min: 0, max: 0, value: 0, "aria-label": "Step to go back to" });
    this.slider.addEventListener("input", () => app.seek(Number(this.slider.value)));
  }

  draw() {
    const { app, picture, slider } = this;
    const { measures, curves, steps } = app.state;
    this.numbers.replaceChildren();
    for (const [name, { loss, accuracy }] of Object.entries(measures)) {
      element("dt", this.numbers, {}, name);
      const hits = accuracy === null ? "" : `, ${percent(accuracy)} right`;
      element("dd", this.numbers, {}, `${short(loss)}${hits}`);
    }
    const last = Math.max(curves.steps.at(-1) ?? 0, Number(slider.max) * Number(app.state.steps < Number(slider.max)));
    if (document.activeElement !== slider || app.state.running) {
      slider.max = Math.max(last, 1);
      slider.value = steps;
    }
    this.told.textContent = String(steps);
    picture.replaceChildren();
    const lines = Object.entries(curves.losses);
    const all = lines.flatMap(([, values]) => values).filter(Number.isFinite);
    if (!all.length) return;
    const x = scale([0, Math.max(curves.epochs.at(-1), 1)], [34, 294]);
    const y = scale([0, Math.max(...all) || 1], [92, 6]);
    for (const tick of ticks(0, Math.max(...all) || 1, false, 3)) {
      shape("line", picture, { class: "grid", x1: 34, x2: 294, y1: y(tick), y2: y(tick) });
      shape("text", picture, { x: 30, y: y(tick) + 4, "text-anchor": "end" }, short(tick));
    }
    for (const tick of ticks(0, Math.max(curves.epochs.at(-1), 1), false, 4)) {
      shape("text", picture, { x: x(tick), y: 106, "text-anchor": "middle" }, short(tick));
    }
    lines.forEach(([name, values]) => {
      const points = values.map((value, k) => `${x(curves.epochs[k]).toFixed(1)} ${y(value).toFixed(1)}`);
      const k = SPLITS.indexOf(name);
      const attributes = { class: "curve", d: `M${points.join("L")}`, stroke: LINES[[0, 2, 1][k]], ...dashes({ dash: DASHES[k] }) };
      shape("path", picture, attributes);
    });
  }
}
