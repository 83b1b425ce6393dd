// Puts the parts together that the recorded data have what for.

const page = JSON.parse(document.getElementById("recorded").textContent);

const HISTOGRAMS = {
  activation_histogram: ["How activations are spread", "What the units of each layer answer to some training rows; the ends of the axis are the same for all epochs."],
  weight_histogram: ["How weights are spread", "The weights of each layer; the ends of the axis are the same for all epochs."],
};

// Every drawing follows the slider.
function live(root, runs) {
  const single = runs.length === 1;
  const drawings = [];
  const follow = (run, show) => drawings.push((epoch) => show(nearest(run.epochs, epoch)));
  // The run that goes on for longest sets the pace; of several the one with most frames.
  const pace = runs.reduce((best, run) => (reach(run) > reach(best) ? run : best));
  const controls = element("div", root);
  const views = element("div", root, { class: single ? "views" : "views many" });
  const charts = single ? views : element("div", root, { class: "views" });
  let bar = null;

  for (const run of runs) answers(views, run, single, follow);
  const spaces = single ? [] : runs.filter((run) => run.hidden);
  const below = spaces.length ? element("div", root, { class: "views many" }) : null;
  if (below) root.insertBefore(below, views.nextSibling);
  for (const run of spaces) follow(run, hiddenView(below, run).show);
  for (const [title, measure] of [["Loss", "loss"], ["Accuracy", "accuracy"], ...metricsOf(runs)]) {
    const lines = linesOf(runs, measure);
    if (lines.length) drawings.push(curves(charts, title, lines, (epoch) => bar && bar.go(nearest(pace.epochs, epoch))));
  }
  if (single) inside(views, runs[0], follow);
  const show = (frame) => drawings.forEach((draw) => draw(pace.epochs[frame]));
  if (pace.epochs.length > 1) bar = timeline(controls, pace.epochs, show);
  else if (pace.epochs.length) show(0);
}

function reach(run) {
  return run.epochs.length ? run.epochs.at(-1) + run.epochs.length / 1e6 : -1;
}

// What the network answers: over its inputs where these can be drawn, else class by class.
function answers(root, run, single, follow) {
  if (run.plane) {
    const flat = run.plane.classes.length ? boundaryView : surfaceView;
    const drawn = run.plane.axes.length === 2 ? flat : fittedView;
    const panel = single ? element("div", null) : null;
    const hidden = single && run.hidden ? hiddenView(panel, run) : null;
    const units = single ? unitsView(panel, run) : null;
    const moved = single ? (net, raw, frame) => { units(net, raw, frame); if (hidden) hidden.point(raw); } : null;
    follow(run, drawn(root, run, moved, fineness(run.plane.size * page.runs.length)));
    if (hidden) follow(run, hidden.show);
    if (panel) root.append(...panel.children);
  } else if (single && run.hidden) follow(run, hiddenView(root, run).show);
  if (run.confusion && !run.plane) follow(run, confusionView(root, run));
}

// What happens in the layers.
function inside(root, run, follow) {
  if (run.gradients) follow(run, gradientBars(root, run));
  for (const [name, [title, words]] of Object.entries(HISTOGRAMS)) {
    if (run.histograms[name]) follow(run, histograms(root, run, title, words, run.histograms[name]));
  }
}

const root = document.getElementById("live");
if (root) live(root, page.runs);
// What is folded away would not be printed.
window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
