// Limits by keyboard or touch: the same as those drawn on the axes.

const MOST_BOXES = 12;

// Gives what shows the limits as they are now.
function limitControls(root, axis, changed) {
  const set = element("fieldset", root);
  element("legend", set, { title: axis.name }, axis.short);
  if (axis.categories && axis.categories.length <= MOST_BOXES) return boxes(set, axis, changed);
  const stops = axis.categories ? axis.categories.map((text, code) => ({ at: axis.center(code), text })) : axis.stops;
  const words = element("output", set);
  const ends = ["lowest", "highest"].map((name) =>
    element("input", set, { type: "range", min: 0, max: stops.length - 1, step: 1, "aria-label": `${axis.short}: ${name}` }));
  const show = () => {
    const [low, high] = limitsOf(axis);
    const places = [nearestStop(stops, low), nearestStop(stops, high)];
    ends.forEach((end, k) => {
      end.value = places[k];
      end.setAttribute("aria-valuetext", stops[places[k]].text);
    });
    words.textContent = axis.limit ? `${stops[places[0]].text} to ${stops[places[1]].text}` : "all";
  };
  ends.forEach((end, k) => end.addEventListener("input", () => {
    const places = ends.map((each) => Number(each.value));
    // One end pushes the other.
    if (places[0] > places[1]) places[1 - k] = places[k];
    if (places[0] === 0 && places[1] === stops.length - 1) axis.limit = null;
    else axis.between(stops[places[0]].at, stops[places[1]].at);
    changed();
  }));
  return show;
}

function limitsOf(axis) {
  if (!axis.limit) return [0, 1];
  if (!axis.categories) return axis.limit;
  return [axis.center(axis.limit.indexOf(true)), axis.center(axis.limit.lastIndexOf(true))];
}

function nearestStop(stops, at) {
  let found = 0;
  stops.forEach((stop, k) => {
    if (Math.abs(stop.at - at) < Math.abs(stops[found].at - at)) found = k;
  });
  return found;
}

function boxes(set, axis, changed) {
  const all = axis.categories.map((text) => {
    const label = element("label", set);
    const box = element("input", label, { type: "checkbox" });
    label.append(` ${text}`);
    box.addEventListener("change", () => {
      axis.only(all.map((each) => each.checked));
      changed();
    });
    return box;
  });
  return () => all.forEach((box, code) => { box.checked = axis.limit ? axis.limit[code] : true; });
}
