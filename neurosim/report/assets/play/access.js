// What makes the page usable by keyboard, by ear, and without much motion.

// What a control is called: by this it is found again when the controls are made anew.
function nameOf(node) {
  const label = node.labels?.[0];
  // A label of a tick begins with that.
  const words = node.getAttribute?.("aria-label") ?? (label?.firstChild.textContent || label?.textContent) ?? node.textContent ?? "";
  return words.split(":")[0].trim();
}

// The focus stays where it was when what had it is made anew.
function keepingFocus(change) {
  const had = document.activeElement;
  const name = had === document.body ? null : nameOf(had);
  const kind = had.tagName;
  change();
  if (name === null || document.body.contains(had)) return;
  const alike = [...document.querySelectorAll(kind)].find((node) => nameOf(node) === name && !node.disabled);
  (alike ?? document.querySelector("button.main")).focus();
}

// Draws at the next frame; while it trains, twice a second for those who want less motion.
const CALM = window.matchMedia("(prefers-reduced-motion: reduce)");
function soon(running, draw) {
  if (running && CALM.matches) setTimeout(() => requestAnimationFrame(draw), 500);
  else requestAnimationFrame(draw);
}

// Seconds that all curves sound, and the lowest and the highest tone.
const SOUNDS = 3;
const TONES = [160, 1200];

// Curves as tones, the higher the larger: the first to the left, the last to the right. Gives what ends it.
function sounded(lines, ended) {
  const context = new AudioContext();
  const all = lines.flat().filter((value) => Number.isFinite(value) && value > 0);
  const height = scale([Math.min(...all), Math.max(...all)], [0, 1], true);
  const start = context.currentTime + 0.05;
  const voices = lines.map((values, k) => {
    const tone = context.createOscillator();
    const side = context.createStereoPanner();
    const volume = context.createGain();
    side.pan.value = lines.length > 1 ? -0.8 + (1.6 * k) / (lines.length - 1) : 0;
    volume.gain.value = 0.15 / lines.length;
    tone.type = k ? "triangle" : "sine";
    tone.connect(side).connect(volume).connect(context.destination);
    values.forEach((value, place) => {
      if (!(Number.isFinite(value) && value > 0)) return;
      const pitch = TONES[0] * (TONES[1] / TONES[0]) ** height(value);
      tone.frequency.setValueAtTime(pitch, start + (SOUNDS * place) / values.length);
    });
    tone.start(start);
    tone.stop(start + SOUNDS);
    return tone;
  });
  voices[0].onended = () => context.close().then(ended);
  return () => voices.forEach((tone) => tone.stop());
}
