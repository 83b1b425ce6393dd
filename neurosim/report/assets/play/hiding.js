// What a link hides: a group of controls each, as in the scenario's section [play]. A teacher ticks, and hands out the link.

const GROUPS = {
  data: "the data", draw: "drawing", inputs: "the inputs", units: "units", layers: "layers", activation: "the activation",
  weights: "weights", loss: "the loss", optimizer: "the optimizer", learning_rate: "the learning rate", batch: "the batch",
  penalties: "penalties", speed: "the speed", download: "the download",
};

class Hiding {
  constructor(parent, app) {
    // Who opens such a link cannot show again what it hides.
    if (app.hides.length || app.served?.live) return;
    const root = element("details", parent, { class: "more" });
    element("summary", root, {}, "Hide controls in the link");
    // Most never open it.
    root.addEventListener("toggle", () => this.build(root, app), { once: true });
  }

  build(root, app) {
    const note = "The address of this page hides what you tick from those who open it.";
    element("p", root, { class: "soft" }, note);
    const groups = Object.keys(GROUPS).filter((name) => app.shows(name));
    const box = element("div", root, { class: "controls" });
    const ticked = new Set();
    for (const name of groups) {
      app.controls.tick(box, `hide ${GROUPS[name]}`, false, (on) => {
        if (on) ticked.add(name);
        else ticked.delete(name);
        app.hides = groups.filter((each) => ticked.has(each));
        app.remember();
      });
    }
  }
}
