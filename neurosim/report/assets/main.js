// Puts the parts together that the recorded data have what for.

const page = JSON.parse(document.getElementById("recorded").textContent);

function live(root) {
  const { runs } = page;
  const single = runs.length === 1;
  const longest = runs.reduce((best, run) => (run.epochs.length > best.epochs.length ? run : best));
  const steps = [];
  const markers = [];
  const controls = element("div", root);
  const views = element("div", root, { class: single ? "views" : "views many" });
  const charts = single ? views : element("div", root, { class: "views" });
  let bar = null;
  const choose = (epoch) => bar && bar.go(nearest(longest.epochs, epoch));

  for (const run of runs) {
    const at = (show) => steps.push((part) => show(Math.round(part * (run.epochs.length - 1))));
    if (run.plane) {
      const panel = single ? element("div", null) : null;
      const moved = single ? unitsView(panel, run) : null;
      at((run.plane.axes.length === 2 ? boundaryView : fittedView)(views, run, moved));
      if (panel) views.append(panel);
    }
    if (run.confusion && (single || !run.plane) && !(run.plane && run.confusion.classes.length === 2)) at(confusionView(views, run));
  }
  for (const [title, measure] of [["Loss", "loss"], ["Accuracy", "accuracy"]]) {
    const lines = linesOf(runs, measure);
    if (lines.length) markers.push(curves(charts, title, lines, choose));
  }
  if (single) {
    const [run] = runs;
    if (run.gradients) steps.push((part) => bars(Math.round(part * (run.epochs.length - 1))));
    const bars = run.gradients ? gradientBars(views, run) : null;
    for (const [name, title, words] of [
      ["activation_histogram", "How activations are spread", "What the units of each layer answer to some training rows; the ends of the axis are the same for all epochs."],
      ["weight_histogram", "How weights are spread", "The weights of each layer; the ends of the axis are the same for all epochs."],
    ]) {
      const found = run.histograms[name];
      if (found) {
        const show = histograms(views, run, title, words, found);
        steps.push((part) => show(Math.round(part * (run.epochs.length - 1))));
      }
    }
  }
  if (longest.epochs.length > 1) {
    bar = timeline(controls, longest.epochs, (frame) => {
      const part = frame / (longest.epochs.length - 1);
      for (const step of steps) step(part);
      for (const mark of markers) mark(longest.epochs[frame]);
    });
  } else for (const step of steps) step(0);
}

live(document.getElementById("live"));
// What is folded away would not be printed.
window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
