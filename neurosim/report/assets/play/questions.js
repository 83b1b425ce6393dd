// The questions of a lesson; answers stay on the page until they are downloaded.

class Questions {
  constructor(root, app, asked) {
    Object.assign(this, { app, asked, answers: asked.map(() => null), entries: [] });
    element("h2", root, {}, "Questions");
    const list = element("ol", root, { class: "questions" });
    asked.forEach((question, k) => this.entries.push(this.ask(list, question, k)));
    const name = element("label", root, { class: "field" }, "Your name");
    this.name = element("input", name, { type: "text", maxlength: 100, autocomplete: "name" });
    const save = element("button", root, { type: "button" }, "Download answers");
    save.addEventListener("click", () => this.download());
  }

  ask(list, question, k) {
    const entry = element("li", list);
    element("p", entry, {}, question.ask);
    const verdict = element("p", entry, { class: "soft", role: "status" });
    if (question.goal) return { verdict };
    const form = element("form", entry);
    const input = question.options
      ? element("select", form, { required: "", "aria-label": `Answer ${k + 1}` })
      : element("input", form, { type: "number", step: "any", required: "", "aria-label": `Answer ${k + 1}` });
    // Nothing is chosen for anybody.
    if (question.options) element("option", input, { value: "" }, "choose");
    for (const option of question.options ?? []) element("option", input, {}, option);
    const button = element("button", form, {}, "Answer");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = question.options ? input.value : Number(input.value);
      this.answer(k, given, this.isRight(question, given));
      input.disabled = true;
      button.hidden = true;
    });
    return { verdict };
  }

  isRight({ answer, options, within = 0 }, given) {
    if (answer === undefined) return null;
    return options ? given === answer : Math.abs(given - answer) <= within;
  }

  answer(k, given, right) {
    const { ask, answer, because } = this.asked[k];
    this.answers[k] = { ask, given, right, step: this.app.state?.steps ?? 0 };
    const words = right === null ? "Noted." : right ? "That is right." : `The answer is ${answer}.`;
    this.entries[k].verdict.textContent = [words, because].filter(Boolean).join(" ");
    this.entries[k].verdict.classList.toggle("met", right === true);
    this.app.draw();
  }

  // Whether predictions are still to be made before training starts.
  get waits() {
    return this.asked.some((question, k) => question.before && !this.answers[k]);
  }

  // Goals that are reached now.
  look() {
    const { measures, steps } = this.app.state;
    this.asked.forEach(({ ask, goal, because }, k) => {
      if (!goal || this.answers[k]) return;
      const [, split, measure] = /^([a-z]+)_([a-z]+)$/.exec(goal.measure);
      const value = measures[split]?.[measure];
      const { verdict } = this.entries[k];
      if (value === undefined || value === null) {
        verdict.textContent = "These data have no such rows.";
        return;
      }
      const shown = measure === "accuracy" ? percent(value) : short(value);
      const hidden = this.app.hidden().reduce((sum, table) => sum + table.units, 0);
      const few = goal.units === undefined || hidden <= goal.units;
      const reached = few && value >= (goal.at_least ?? -Infinity) && value <= (goal.at_most ?? Infinity);
      verdict.textContent = few ? `Now it is ${shown}.` : `Now there are ${hidden} hidden units.`;
      if (!reached || steps === 0) return;
      this.answers[k] = { ask, given: value, right: true, step: steps, units: hidden, changed: this.app.settings.differences };
      verdict.textContent = [`Reached at step ${steps}: ${shown}.`, because].filter(Boolean).join(" ");
      verdict.classList.add("met");
    });
  }

  download() {
    const { app, answers } = this;
    const text = JSON.stringify(
      {
        format: "neurosim-answers-1",
        scenario: app.settings.file.scenario.name,
        name: this.name.value.trim(),
        answers: this.asked.map(({ ask }, k) => answers[k] ?? { ask, given: null, right: null, step: null }),
        changed: app.settings.differences,
      },
      null,
      1,
    );
    saveText(`answers-${app.settings.file.scenario.name}.json`, text, "application/json");
  }
}
