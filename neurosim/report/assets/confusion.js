// Which class is taken for which, at each recorded time.

function confusionView(root, run) {
  const { classes, split, counts } = run.confusion;
  const view = element("div", root, { class: "view" });
  element("h3", view, {}, run.label || `Which class is taken for which (${split} rows)`);
  const count = classes.length, left = 70, top = 28, side = Math.max(14, Math.floor(390 / count));
  const size = left + side * count + 4;
  const picture = shape("svg", view, { viewBox: `0 0 ${size} ${top + side * count + 4}`, role: "img" });
  const trim = (name) => (name.length > 9 ? `${name.slice(0, 8)}…` : name);
  const cells = classes.map((right, i) => {
    shape("text", picture, { x: left - 6, y: top + side * (i + 0.5) + 4, "text-anchor": "end" }, trim(right));
    if (count <= 20) shape("text", picture, { x: left + side * (i + 0.5), y: top - 8, "text-anchor": "middle" }, count <= 6 ? trim(right) : right.slice(0, 3));
    return classes.map((answer, j) => {
      const cell = shape("rect", picture, { x: left + side * j, y: top + side * i, width: side - 1, height: side - 1, rx: 2 });
      const number = count <= 12 ? shape("text", picture, { class: "value", x: left + side * (j + 0.5), y: top + side * (i + 0.5) + 4, "text-anchor": "middle" }) : null;
      const state = { cell, number, words: "" };
      noted(cell, () => state.words);
      return state;
    });
  });
  const summary = element("p", view, { class: "soft" }, "");
  return (frame) => {
    let correct = 0, total = 0;
    counts[frame].forEach((row, i) => {
      const rows = row.reduce((sum, n) => sum + n, 0);
      row.forEach((n, j) => {
        const { cell, number } = cells[i][j];
        const share = rows ? n / rows : 0;
        total += n;
        if (i === j) correct += n;
        cell.setAttribute("fill", color(i === j ? 0 : 1));
        cell.setAttribute("fill-opacity", n ? 0.12 + 0.7 * Math.sqrt(share) : 0.03);
        if (number) number.textContent = n || "";
        cells[i][j].words = `${n} of ${rows} rows of class ${classes[i]} were taken for ${classes[j]}`;
      });
    });
    summary.textContent = `${correct} of ${total} right: ${percent(correct / total)}. Down: the right class; across: the answer.`;
    picture.setAttribute("aria-label", `Confusion matrix: ${summary.textContent}`);
  };
}
