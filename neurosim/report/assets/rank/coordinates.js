// Parallel coordinates: each trial is a line across the axes of its settings to the axis of the measure.

// Beneath this width the axes lie one below the other.
const NARROW = 640;
const HEIGHT = 430, STEP = 78;
// How near the pointer has to be to an axis and to a line.
const NEAR_AXIS = 16, NEAR_LINE = 14;
// From the worst to the best, for light and dark pages: told apart by lightness alone, too.
const RAMPS = {
  light: [[222, 165, 85], [150, 150, 150], [0, 70, 130]],
  dark: [[128, 78, 20], [120, 128, 136], [120, 205, 255]],
};
const BINS = 24;
// Lines that are drawn at once.
const STROKE = 12;

function ramp(stops, share) {
  const place = share * (stops.length - 1), from = Math.min(Math.floor(place), stops.length - 2);
  return `rgb(${stops[from].map((part, k) => Math.round(part + (stops[from + 1][k] - part) * (place - from))).join(" ")})`;
}

// `of`: {count, within (of each trial), outcome (the axis that colors), words (k), choose (k or null), changed ()}.
function coordinates(root, axes, of) {
  const frame = element("div", root, { class: "coordinates" });
  const label = `Parallel coordinates of ${of.count} trials: ${axes.map((axis) => axis.name).join(", ")}. The same limits can be set below, and the table has the numbers.`;
  const canvas = element("canvas", frame, { role: "img", "aria-label": label });
  const above = element("canvas", frame, { "aria-hidden": "true" });
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let layout, hovered = -1, chosen = -1, brush = null, waiting = false;

  const shown = () => axes.filter((axis) => axis.shown);

  function lay() {
    const width = frame.clientWidth, narrow = width < NARROW, list = shown(), count = list.length;
    const height = narrow ? (count - 1) * STEP + 52 : HEIGHT;
    const from = narrow ? [26, 26] : [34, 52], to = narrow ? [width - 14, 26 + (count - 1) * STEP] : [width - 84, height - 22];
    const along = (k) => from[narrow ? 1 : 0] + (count > 1 ? (k * (to[narrow ? 1 : 0] - from[narrow ? 1 : 0])) / (count - 1) : 0);
    const across = (at) => (narrow ? from[0] + at * (to[0] - from[0]) : to[1] - at * (to[1] - from[1]));
    const back = (place) => (narrow ? (place - from[0]) / (to[0] - from[0]) : (to[1] - place) / (to[1] - from[1]));
    for (const each of [canvas, above]) {
      const density = window.devicePixelRatio || 1;
      each.width = Math.round(width * density);
      each.height = Math.round(height * density);
      each.style.height = `${height}px`;
      each.getContext("2d").setTransform(density, 0, 0, density, 0, 0);
    }
    layout = { width, height, narrow, list, along, across, back, step: count > 1 ? along(1) - along(0) : width };
  }

  const point = (k, at) => (layout.narrow ? [layout.across(at), layout.along(k)] : [layout.along(k), layout.across(at)]);

  function line(context, trial) {
    layout.list.forEach((axis, k) => {
      const [x, y] = point(k, axis.drawn[trial]);
      if (k) context.lineTo(x, y);
      else context.moveTo(x, y);
    });
  }

  function lines(context, trials, color, opacity, width = 1, atOnce = STROKE) {
    context.globalAlpha = opacity;
    context.strokeStyle = color;
    context.lineWidth = width;
    // Where lines of several strokes are above one another, it grows darker.
    for (let from = 0; from < trials.length; from += atOnce) {
      context.beginPath();
      for (const trial of trials.slice(from, from + atOnce)) line(context, trial);
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  const hue = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

  function draw() {
    lay();
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, layout.width, layout.height);
    context.lineJoin = "round";
    const bins = Array.from({ length: BINS }, () => []), failed = [], out = [];
    for (let trial = 0; trial < of.count; trial += 1) {
      const good = of.outcome.values[trial] === null ? null : of.outcome.at[trial];
      if (!of.within[trial]) out.push(trial);
      else if (good === null) failed.push(trial);
      else bins[Math.min(Math.floor(good * BINS), BINS - 1)].push(trial);
    }
    const many = of.count - out.length;
    const opacity = many > 3000 ? 0.12 : many > 400 ? 0.35 : 0.8;
    lines(context, out, hue("--line"), of.count > 400 ? 0.25 : 0.6, 1, of.count);
    context.setLineDash([3, 3]);
    lines(context, failed, hue("--bad"), opacity);
    context.setLineDash([]);
    const stops = RAMPS[dark.matches ? "dark" : "light"];
    bins.forEach((trials, bin) => lines(context, trials, ramp(stops, (bin + 0.5) / BINS), opacity, many > 400 ? 1 : 1.4));
    layout.list.forEach((axis, k) => drawAxis(context, axis, k));
    drawAbove();
  }

  function fitted(context, text, room) {
    let shownText = text;
    while (shownText.length > 1 && context.measureText(shownText).width > room) shownText = `${shownText.slice(0, -2)}…`;
    return shownText;
  }

  function drawAxis(context, axis, k) {
    const [from, to] = [point(k, 0), point(k, 1)];
    context.strokeStyle = hue("--ink");
    context.lineWidth = 1.2;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    const halo = (text, x, y, align, color) => {
      context.textAlign = align;
      context.lineWidth = 3.5;
      context.strokeStyle = hue("--paper");
      context.strokeText(text, x, y);
      context.fillStyle = hue(color);
      context.fillText(text, x, y);
    };
    context.font = "600 12px system-ui, sans-serif";
    const heading = axis.short + (axis.logarithmic ? " (log)" : "");
    if (layout.narrow) halo(fitted(context, heading, layout.width - 30), 4, layout.along(k) - 11, "left", "--ink");
    else {
      const last = k === layout.list.length - 1;
      halo(fitted(context, heading, k ? layout.step - 8 : layout.step / 2 + from[0] - 12), k ? from[0] : 4, k % 2 && layout.step < 90 ? 14 : 32, last ? "center" : k ? "center" : "left", "--ink");
    }
    context.font = "11px system-ui, sans-serif";
    let end = -Infinity;
    const marks = axis.marks(layout.narrow ? 5 : 14).map(([at, text]) => [point(k, at), text]).sort((a, b) => a[0][0] - b[0][0]);
    for (const [[x, y], text] of marks) {
      context.strokeStyle = hue("--ink");
      context.lineWidth = 1.2;
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(...(layout.narrow ? [x, y + 4] : [x + 4, y]));
      context.stroke();
      const words = fitted(context, text, layout.narrow ? layout.width / 3 : Math.max(layout.step - 12, 72));
      if (!layout.narrow) halo(words, x + 7, y + 4, "left", "--soft");
      else {
        const half = context.measureText(words).width / 2, middle = Math.min(Math.max(x, half + 2), layout.width - half - 2);
        if (middle - half < end + 6) continue;
        halo(words, middle, y + 16, "center", "--soft");
        end = middle + half;
      }
    }
  }

  function drawAbove() {
    const context = above.getContext("2d");
    context.clearRect(0, 0, layout.width, layout.height);
    layout.list.forEach((axis, k) => {
      if (!axis.limit) return;
      const spans = axis.categories
        ? axis.limit.flatMap((allowed, code) => (allowed ? [[code / axis.categories.length, (code + 1) / axis.categories.length]] : []))
        : [axis.limit];
      for (const [low, high] of spans) {
        const [[x1, y1], [x2, y2]] = [point(k, low), point(k, high)];
        const box = layout.narrow ? [x1 - 1, y1 - 6, x2 - x1 + 2, 12] : [x1 - 6, y2 - 1, 12, y1 - y2 + 2];
        context.fillStyle = hue("--accent");
        context.globalAlpha = 0.3;
        context.fillRect(...box);
        context.globalAlpha = 1;
        context.strokeStyle = hue("--accent");
        context.lineWidth = 1.5;
        context.strokeRect(...box);
      }
    });
    for (const trial of [chosen, hovered].filter((each) => each >= 0)) {
      lines(context, [trial], hue("--paper"), 1, 6);
      lines(context, [trial], hue("--ink"), 1, 2.5);
    }
  }

  // The pointer, along the axes and across.
  function pointed(event) {
    const box = above.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    return layout.narrow ? [y, x] : [x, y];
  }

  function axisAt(along) {
    return layout.list.findIndex((_, k) => Math.abs(layout.along(k) - along) < NEAR_AXIS);
  }

  function nearestLine([along, across]) {
    const k = Math.min(Math.max(Math.floor((along - layout.along(0)) / layout.step), 0), layout.list.length - 2);
    const share = (along - layout.along(k)) / layout.step;
    if (layout.list.length < 2 || share < -0.2 || share > 1.2) return -1;
    const [one, other] = [layout.list[k], layout.list[k + 1]];
    let found = -1, least = NEAR_LINE;
    for (let trial = 0; trial < of.count; trial += 1) {
      if (!of.within[trial]) continue;
      const apart = Math.abs(layout.across(one.drawn[trial] + share * (other.drawn[trial] - one.drawn[trial])) - across);
      if (apart < least) [found, least] = [trial, apart];
    }
    return found;
  }

  above.addEventListener("pointermove", (event) => {
    const place = pointed(event);
    if (brush) {
      brush.moved ||= Math.abs(place[1] - brush.from) > 4;
      if (!brush.moved) return;
      brush.axis.between(layout.back(brush.from), layout.back(place[1]));
      of.changed();
      return;
    }
    above.style.cursor = axisAt(place[0]) >= 0 ? (layout.narrow ? "ew-resize" : "ns-resize") : "default";
    hovered = nearestLine(place);
    if (hovered >= 0) tip.show(event, of.words(hovered));
    else tip.hide();
    drawAbove();
  });
  above.addEventListener("pointerleave", () => {
    hovered = -1;
    tip.hide();
    drawAbove();
  });
  above.addEventListener("pointerdown", (event) => {
    const place = pointed(event), k = axisAt(place[0]);
    if (k < 0) return;
    brush = { axis: layout.list[k], from: place[1], moved: false };
    above.setPointerCapture(event.pointerId);
    hovered = -1;
    tip.hide();
  });
  above.addEventListener("pointerup", (event) => {
    const had = brush;
    brush = null;
    if (had?.moved) return;
    if (had?.axis.limit) {
      had.axis.limit = null;
      of.changed();
      return;
    }
    const trial = nearestLine(pointed(event));
    if (trial < 0) return;
    chosen = trial;
    of.choose(trial);
    drawAbove();
  });
  above.addEventListener("pointercancel", () => { brush = null; });

  // Once a frame at most.
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
  dark.addEventListener("change", soon);
  new ResizeObserver(() => { if (frame.clientWidth !== layout?.width) soon(); }).observe(frame);
  draw();
  return soon;
}
