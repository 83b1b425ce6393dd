// Per-layer quantities: the gradient of each layer as a bar, and how activations and weights are spread.

function gradientBars(root, run) {
  const { layers, gradients } = run;
  const view = element("div", root, { class: "view" });
  element("h3", view, {}, "Length of each layer's gradient");
  const all = gradients.values.flat().filter((value) => value > 0);
  if (!all.length) {
    element("p", view, { class: "soft" }, "All gradients are 0.");
    return () => {};
  }
  const ends = [Math.min(...all) / 1.5, Math.max(...all)];
  const width = 460, row = 24, left = 120, right = 76;
  const height = row * gradients.layers.length + 6;
  const x = scale(ends, [left, width - right], true);
  const picture = shape("svg", view, { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Gradient of each layer, on a logarithmic scale" });
  const bars = gradients.layers.map((place, k) => {
    shape("text", picture, { x: left - 8, y: row * k + 18, "text-anchor": "end" }, layers[place]);
    const bar = shape("rect", picture, { class: "bar", x: left, y: row * k + 6, height: row - 9, rx: 2 });
    const value = shape("text", picture, { class: "value", y: row * k + 18 });
    noted(bar, () => `${layers[place]}: ${value.textContent}`);
    return { bar, value };
  });
  element("p", view, { class: "soft" }, "A logarithmic scale: where bars shrink toward the input, the gradient vanishes on its way.");
  return (frame) =>
    bars.forEach(({ bar, value }, k) => {
      const size = gradients.values[frame][k];
      const end = size > 0 ? x(Math.max(size, ends[0])) : left;
      bar.setAttribute("width", Math.max(end - left, 0));
      value.setAttribute("x", end + 6);
      value.textContent = size === null ? "–" : String(Number(size.toPrecision(6)));
    });
}

function histograms(root, run, title, words, found) {
  const view = element("div", root, { class: "view wide" });
  element("h3", view, {}, title);
  element("p", view, { class: "soft" }, words);
  const grid = element("div", view, { class: "small" });
  const width = 200, height = 110, bottom = 20;
  const shown = found.layers.map((place, k) => {
    const ranges = found.ranges.map((frame) => frame[k]);
    const low = Math.min(...ranges.map((range) => range[0])), high = Math.max(...ranges.map((range) => range[1]));
    const x = scale([low, high > low ? high : low + 1], [6, width - 6]);
    const box = element("div", grid);
    const name = run.layers[place];
    const picture = shape("svg", box, { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title} of ${name}` });
    const area = shape("path", picture, { class: "bar" });
    shape("line", picture, { class: "axis", x1: 0, x2: width, y1: height - bottom, y2: height - bottom });
    shape("text", picture, { x: 4, y: height - 6 }, short(low));
    shape("text", picture, { x: width - 4, y: height - 6, "text-anchor": "end" }, short(high));
    shape("text", picture, { x: width / 2, y: height - 6, "text-anchor": "middle" }, name);
    let range = [0, 0];
    noted(picture, () => `${name}: from ${written(range[0])} to ${written(range[1])}`);
    return { area, x, frame: (counts, ends) => {
      range = ends;
      const step = (ends[1] - ends[0]) / counts.length;
      const most = Math.max(...counts, 1);
      const y = (count) => (height - bottom - ((height - bottom - 6) * count) / most).toFixed(1);
      let path = `M${x(ends[0]).toFixed(1)} ${height - bottom}`;
      // Where all values are one, a thin bar stands for them.
      if (step === 0) path += `v${6 - (height - bottom)}h3V${height - bottom}`;
      else counts.forEach((count, bin) => { path += `V${y(count)}H${x(ends[0] + (bin + 1) * step).toFixed(1)}`; });
      area.setAttribute("d", `${path}V${height - bottom}Z`);
    } };
  });
  return (frame) => shown.forEach((one, k) => one.frame(found.counts[frame][k], found.ranges[frame][k]));
}
