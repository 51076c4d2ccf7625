// The spec beside its costs: a line is a button that selects the layers that come from it.
function spec() {
  const pane = at("#spec .pane");
  const lines = new Map(data.lines.map((line) => [line.place.join(":"), line]));
  const inside = layersOfLines();
  const buttons = new Map();
  let clicked = null;
  const hottest = Math.max(...data.lines.map((line) => share(line.own.cost) || 0), 1e-9);
  data.sources.forEach((source, s) => {
    const code = make("div", { className: "code" }, heading());
    source.lines.forEach((text, n) => {
      const key = `${s}:${n + 1}`;
      const row = specLine(lines.get(key), n + 1, text, hottest);
      if (lines.has(key)) {
        buttons.set(key, row);
        row.addEventListener("click", () => {
          clicked = row;
          const formula = whole ? "" : ` (${data.headline} ${lines.get(key).all.cost})`;
          select(inside.get(key), `${source.name}, line ${n + 1}${formula}`);
          clicked = null;
        });
      }
      code.append(row);
    });
    pane.append(make("h3", {}, source.name), code);
  });
  panes.push((chosen) => {
    const keys = new Set([...chosen].map((i) => data.places[i].join(":")));
    const direct = [...buttons.keys()].filter((key) => keys.has(key)).map((key) => buttons.get(key));
    mark([...buttons.values()], clicked ? [clicked, ...direct] : direct, pane);
    for (const [key, button] of buttons) button.classList.toggle("holds", inside.get(key).some((i) => chosen.has(i)));
  });
}

const FIGURES = ["params", report.convention === "torchvision" ? "MACs" : "cost", "share", "within"];

function heading() {
  const titles = ["Parameters of the line's layers", data.headline, "Part of the whole", "With the blocks it uses"];
  const cells = titles.map((title, i) => make("span", { className: "figure", title }, FIGURES[i]));
  return make("div", { className: "head" }, ...cells, make("span", { className: "number" }, ""),
    make("span", { className: "text" }, "source"));
}

function specLine(line, number, text, hottest) {
  const cells = ["", "", "", ""];
  if (line) {
    const { own } = line;
    if (own.layers) cells.splice(0, 3, short(own.params), short(own.cost), percent(share(own.cost)));
    cells[3] = percent(share(line.all.cost));
  }
  const row = make(line ? "button" : "div", { className: "source" });
  cells.forEach((text, i) => {
    const shown = text.length > 8 ? "…" : text; // a formula, which the tooltip has in full
    row.append(make("span", { className: "figure", title: text, "data-name": FIGURES[i] }, shown));
  });
  if (line) {
    row.type = "button";
    row.dataset.line = number;
    row.children[2].classList.add("heat");
    row.children[2].style.setProperty("--h", `${(80 * (share(line.own.cost) || 0)) / hottest}%`);
  }
  row.append(make("span", { className: "number" }, String(number)), make("span", { className: "text" }, text || " "));
  return row;
}

// The layers of each line: those that stand on it, and those of the blocks that it uses.
function layersOfLines() {
  const inside = new Map();
  everyone.forEach((i) => {
    const keys = new Set([data.places[i].join(":")]);
    for (let b = data.block_of[i]; b >= 0; b = data.blocks[b].parent) keys.add(data.blocks[b].place.join(":"));
    for (const key of keys) {
      if (!inside.has(key)) inside.set(key, []);
      inside.get(key).push(i);
    }
  });
  return inside;
}
