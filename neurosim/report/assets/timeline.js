// The slider over the recorded epochs, and the button that plays them.

const SECONDS = 6;

function timeline(root, epochs, show) {
  const bar = element("div", root, { class: "timeline", role: "group", "aria-label": "Recorded epochs" });
  const button = element("button", bar, { type: "button" }, "Play");
  const last = epochs.length - 1;
  const slider = element("input", bar, { type: "range", min: 0, max: last, value: last, "aria-label": "Epoch" });
  const shown = element("output", bar);
  let timer = 0;

  function go(frame) {
    slider.value = frame;
    const words = epochs[frame] === 0 ? "before training" : `after epoch ${written(epochs[frame])}`;
    shown.textContent = words;
    slider.setAttribute("aria-valuetext", words);
    show(frame);
  }

  function stop() {
    window.clearInterval(timer);
    timer = 0;
    button.textContent = "Play";
  }

  function play() {
    if (Number(slider.value) >= last) go(0);
    button.textContent = "Pause";
    timer = window.setInterval(() => {
      go(Math.min(Number(slider.value) + 1, last));
      if (Number(slider.value) >= last) stop();
    }, (1000 * SECONDS) / Math.max(last, 12));
  }

  button.addEventListener("click", () => (timer ? stop() : play()));
  slider.addEventListener("input", () => {
    stop();
    go(Number(slider.value));
  });
  go(last);
  return { go: (frame) => { stop(); go(frame); } };
}

// The recorded time that is nearest to an epoch.
function nearest(epochs, epoch) {
  let best = 0;
  epochs.forEach((value, k) => {
    if (Math.abs(value - epoch) < Math.abs(epochs[best] - epoch)) best = k;
  });
  return best;
}
