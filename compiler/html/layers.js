// The table of layers: sorted by its headings, filtered by words, op and selection.
const COLUMNS = [
  { name: "#", value: (l, i) => i + 1, digits: true },
  { name: "name", value: (l) => l.name },
  { name: "op", value: (l) => l.op },
  { name: "output", value: (l) => size(l.output), text: (l) => shape(l.output) },
  { name: "params", value: (l) => l.params, digits: true },
  { name: data.headline, value: (l) => l.cost, digits: true },
  { name: "other ops", value: (l) => l.other_ops, digits: true },
  { name: "field", value: (l) => size(l.receptive_field), text: (l) => figure(l.receptive_field), digits: true },
  { name: "jump", value: (l) => size(l.jump), text: (l) => figure(l.jump), digits: true },
  ...(report.device ? [{ name: "time", value: (l) => l.time_s, text: (l) => time(l.time_s), digits: true },
    { name: "bound", value: (l) => l.bound || "" }] : []),
  { name: "share", value: (l, i) => (active[i] ? share(l.cost) : null), share: true },
];

const widest = Math.max(...everyone.map((i) => (active[i] && share(layers[i].cost)) || 0), 1e-9);

function size(extents) {
  const list = [extents].flat();
  return list.every((n) => typeof n === "number") ? list.reduce((a, b) => a * b, 1) : shape(list);
}

function cell(column, i) {
  const layer = layers[i];
  const value = column.value(layer, i);
  if (column.share && !active[i]) return make("td", { className: "aside" }, "training only");
  if (column.share) return make("td", {}, ...bar(value, widest));
  const text = column.text ? column.text(layer) : figure(value);
  if (column.name === "name") return make("th", { scope: "row" }, make("button", { type: "button" }, ...breakable(text)));
  return make("td", { className: column.digits ? "digits" : "" }, text);
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (a === null || b === null) return Number(b === null) - Number(a === null);
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

function table() {
  const pane = at("#layers .pane"), body = at("tbody");
  const built = new Map();
  let by = null, down = false;
  const row = (i) => {
    if (!built.has(i)) {
      const line = make("tr", {}, ...COLUMNS.map((column) => cell(column, i)));
      line.dataset.layer = i;
      line.addEventListener("click", () => one(i));
      built.set(i, line);
    }
    return built.get(i);
  };
  const matches = (i, words) => {
    const layer = layers[i];
    const text = `${layer.name} ${layer.op} ${shape(layer.output)}`.toLowerCase();
    return words.every((word) => text.includes(word)) && (!at("#op").value || layer.op === at("#op").value)
      && (!at("#only").checked || picked.has(i));
  };
  const fill = () => {
    const words = at("#filter").value.toLowerCase().replaceAll("x", "×").split(/\s+/);
    const plain = at("#filter").value.toLowerCase().split(/\s+/);
    const found = everyone.filter((i) => matches(i, plain) || matches(i, words));
    if (by) found.sort((a, b) => (down ? -1 : 1) * compare(by.value(layers[a], a), by.value(layers[b], b)) || a - b);
    body.replaceChildren(...found.slice(0, MOST_ROWS).map(row));
    const cut = found.length > MOST_ROWS ? `, the first ${figure(MOST_ROWS)} shown` : "";
    at("#count").textContent = `${figure(found.length)} of ${count(layers.length, "layer")}${cut}`;
  };
  const arrow = () => (down ? " ▼" : " ▲");
  const heads = COLUMNS.map((column) => {
    const button = make("button", { type: "button" }, column.name);
    const head = make("th", { scope: "col", className: column.digits ? "digits" : "" }, button);
    button.addEventListener("click", () => {
      down = by === column ? !down : Boolean(column.share || column.digits) && column.name !== "#";
      by = column;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      heads.forEach((other, i) => {
        other.firstChild.textContent = COLUMNS[i].name + (other === head ? arrow() : "");
      });
      fill();
    });
    return head;
  });
  at("thead").append(make("tr", {}, ...heads));
  for (const op of [...new Set(layers.map((l) => l.op))].sort()) at("#op").append(make("option", { value: op }, op));
  for (const tool of ["#filter", "#op", "#only"]) at(tool).addEventListener("input", fill);
  fill();
  panes.push((chosen) => {
    if (at("#only").checked) fill();
    mark(built.values(), [...body.children].filter((line) => chosen.has(Number(line.dataset.layer))), pane);
  });
}
