// The page of a network: reads the data block, fills the panes, and keeps what is selected the same in all of them.
// Text gets into the page as text nodes only, so nothing in a program can become markup.
"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const { report, active } = data;
const layers = report.layers;
const MOST_ROWS = 2000; // rows that the table draws at once; a filter gets at the others
const whole = typeof report.totals.cost === "number" ? report.totals.cost : 0;
const panes = []; // functions that show a selection, each in its part of the page
let picked = new Set();

// Elements and figures

const at = (selector) => document.querySelector(selector);

function make(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function figure(value) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map(figure).join("×");
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return "≈ " + value.toExponential(4);
  return value.toLocaleString("en-US", { maximumFractionDigits: 4 });
}

function scaled(value, units, width) {
  if (typeof value !== "number") return String(value);
  for (const [unit, scale] of units) if (value >= scale) return (value / scale).toPrecision(width) + unit;
  return figure(value);
}

const short = (value) => scaled(value, [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]], 3);

function bytes(value) {
  if (typeof value !== "number") return `${value} bytes`;
  for (const [unit, scale] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]])
    if (value >= scale) return `${(value / scale).toFixed(1)} ${unit}`;
  return `${value} B`;
}

function time(seconds) {
  if (!seconds) return "";
  for (const [unit, scale] of [["s", 1], ["ms", 1e-3], ["us", 1e-6]])
    if (seconds >= scale) return `${(seconds / scale).toFixed(2)} ${unit}`;
  return `${(seconds / 1e-9).toFixed(2)} ns`;
}

const shape = (extents) => extents.join("×");
const share = (cost) => (whole && typeof cost === "number" ? cost / whole : null);
const percent = (part) => (part === null ? "" : `${(100 * part).toFixed(1)}%`);
const count = (n, what) => `${figure(n)} ${what}${n === 1 ? "" : "s"}`;

function bar(part) {
  if (part === null) return [];
  const stripe = make("span", { className: "share" });
  stripe.style.setProperty("--w", `${100 * part}%`);
  return [stripe, make("span", { className: "percent" }, percent(part))];
}

// Selection

const everyone = layers.map((_, i) => i);

function select(chosen, what) {
  picked = new Set(chosen);
  const cost = share(chosen.filter((i) => active[i]).reduce((sum, i) => sum + layers[i].cost, 0));
  const part = cost === null ? "" : `, ${percent(cost)} of the cost`;
  at("#chosen").textContent = chosen.length || what
    ? `${what}: ${count(chosen.length, "layer")}${chosen.length ? part : ""}`
    : "Nothing selected: click a line, a box, a row or a step.";
  at("#clear").hidden = !(chosen.length || what);
  for (const show of panes) show(picked);
}

const one = (i) => select([i], layers[i].name);

// Scrolls the pane alone, so that what was clicked stays under the pointer.
function reveal(pane, element) {
  if (!element) return;
  const box = element.getBoundingClientRect();
  const frame = pane.getBoundingClientRect();
  if (box.top < frame.top + 30 || box.bottom > frame.bottom) pane.scrollTop += box.top - frame.top - frame.height / 3;
  if (box.width < frame.width && (box.left < frame.left || box.right > frame.right))
    pane.scrollLeft += box.left - frame.left - (frame.width - box.width) / 2;
}

function mark(elements, chosen, pane) {
  for (const element of elements) element.classList.toggle("picked", chosen.includes(element));
  reveal(pane, chosen[0]);
}

// Totals

function totals() {
  const sums = report.totals;
  const cards = [
    ["Parameters", figure(sums.params), `${bytes(sums.weight_bytes)} in ${report.dtype}, ${figure(sums.buffers)} in buffers`],
    ["MACs (torchvision)", figure(sums.macs), typeof sums.macs === "number" ? short(sums.macs) : ""],
    ["FLOPs (torch)", figure(sums.flops), typeof sums.flops === "number" ? short(sums.flops) : ""],
    ["Other operations", figure(sums.other_ops), ""],
    ["Peak memory", bytes(sums.peak_bytes), `activations alive at once, batch ${report.batch}`],
    ["Bytes moved", bytes(sums.bytes_moved), typeof sums.intensity === "number" ? `${sums.intensity.toFixed(2)} operations per byte` : ""],
    ["Depth", figure(sums.depth), count(sums.layers, "layer")],
  ];
  if (!["torchvision", "torch"].includes(report.convention)) cards.splice(3, 0, [data.headline, figure(sums.cost), data.doc]);
  const training = report.training;
  cards.push(training
    ? ["Training memory", bytes(training.saved_bytes), `kept for backward; ${bytes(training.gradient_bytes)} gradients`]
    : ["Training memory", "unavailable", "it depends on sizes, or the type cannot be trained in"]);
  const device = report.device;
  if (device) {
    const room = device.fits ? `fits, largest batch ${figure(device.largest_batch)}` : "does not fit in its memory";
    cards.push([`Least time on ${device.name}`, time(device.time_s) || "0", `${percent(device.memory_bound_share)} bound by memory; ${room}`]);
  }
  for (const [name, value, note] of cards)
    at("#totals dl").append(make("div", {}, make("dt", {}, name), make("dd", {}, value, make("small", {}, note))));
  for (const condition of report.constraints) at("#sizes").append(make("li", {}, condition.text));
  at("#sizes").hidden = !report.constraints.length;
  const ends = (list) => list.map((t) => `${t.name} ${shape(t.shape)}`).join(", ");
  at("#about").textContent = `${ends(report.inputs)} → ${ends(report.outputs)}; share and heat by ${data.headline}`;
  document.body.classList.toggle("formulas", !whole);
}

// Spec

function spec() {
  const pane = at("#spec .pane");
  const lines = new Map(data.lines.map((line) => [line.place.join(":"), line]));
  const inside = layersOfLines();
  const buttons = new Map();
  const hottest = Math.max(...data.lines.map((line) => share(line.own.cost) || 0), 1e-9);
  data.sources.forEach((source, s) => {
    const code = make("div", { className: "code" }, heading());
    source.lines.forEach((text, n) => {
      const key = `${s}:${n + 1}`;
      const row = specLine(lines.get(key), n + 1, text, hottest);
      if (lines.has(key)) {
        buttons.set(key, row);
        row.addEventListener("click", () => select(inside.get(key), `${source.name}, line ${n + 1}`));
      }
      code.append(row);
    });
    pane.append(make("h3", {}, source.name), code);
  });
  panes.push((chosen) => {
    const keys = new Set([...chosen].map((i) => data.places[i].join(":")));
    const direct = [...buttons].filter(([key]) => keys.has(key)).map(([, button]) => button);
    mark(buttons.values(), direct, pane);
  });
}

function heading() {
  const cells = [["params", "Parameters of the layers on the line"], [report.convention === "torchvision" ? "MACs" : "cost", data.headline]];
  cells.push(["share", "Part of the whole cost"], ["within", "With the layers of the blocks that the line uses"]);
  return make("div", { className: "head" }, ...cells.map(([text, title]) => make("span", { className: "figure", title }, text)),
    make("span", { className: "number" }, ""), make("span", {}, "source"));
}

function specLine(line, number, text, hottest) {
  const cells = ["", "", "", ""];
  if (line) {
    const { own } = line;
    if (own.layers) cells.splice(0, 3, short(own.params), short(own.cost), percent(share(own.cost)));
    cells[3] = percent(share(line.all.cost));
  }
  const row = make(line ? "button" : "div", { className: "source" });
  cells.forEach((cell, i) => row.append(make("span", { className: "figure", title: cell.length > 8 ? cell : "" }, cell.length > 8 ? "…" : cell)));
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
    for (const key of keys) inside.set(key, [...(inside.get(key) || []), i]);
  });
  return inside;
}

// Memory

function memory() {
  const { elements, element_bytes: width, peak } = data.memory;
  const running = [null, ...everyone.filter((i) => active[i])];
  const name = (step) => (step ? layers[running[step]].name : "the input");
  if (peak === null) {
    at("#peak").textContent = `The peak is ${bytes(report.totals.peak_bytes)}; give numbers with --at for a chart.`;
    return;
  }
  const top = Math.max(elements[peak], 1);
  at("#peak").textContent = `Peak ${bytes(elements[peak] * width)} at ${name(peak)}, step ${figure(peak)} of ${figure(elements.length - 1)}: `
    + "activations alive while each layer runs in inference.";
  const chart = drawSteps(elements, peak, top);
  const slider = make("input", { type: "range", min: 0, max: elements.length - 1, value: peak, id: "step" });
  const said = make("output", {});
  const go = (step) => {
    slider.value = step;
    said.textContent = `${figure(step)}: ${name(step)}, ${bytes(elements[step] * width)}`;
    chart.now.setAttribute("x", step);
  };
  const stepAt = (event) => {
    const box = chart.svg.getBoundingClientRect();
    return Math.min(elements.length - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * elements.length)));
  };
  const pick = (step) => { go(step); if (step) one(running[step]); };
  chart.svg.addEventListener("pointermove", (event) => go(stepAt(event)));
  chart.svg.addEventListener("click", (event) => pick(stepAt(event)));
  slider.addEventListener("input", () => pick(Number(slider.value)));
  at("#chart").append(make("div", { className: "ends" }, make("span", {}, bytes(top * width))), chart.svg,
    make("div", { className: "ends" }, make("span", {}, "step 0"), make("span", {}, `step ${figure(elements.length - 1)}`)),
    make("label", {}, "Step ", slider, said));
  go(peak);
  panes.push((chosen) => {
    chart.marks.replaceChildren(...running.flatMap((i, step) => (step && chosen.has(i) ? [column("picked", step, top - elements[step], elements[step])] : [])));
    const first = running.findIndex((i, step) => step && chosen.has(i));
    if (first > 0) go(first);
  });
}

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const column = (name, x, y, height) => svg("rect", { class: name, x, y, width: 1, height });

function drawSteps(elements, peak, top) {
  const path = elements.map((value, step) => `V${top - value}H${step + 1}`).join("");
  const now = column("now", peak, 0, top);
  const marks = svg("g");
  const picture = svg("svg", { viewBox: `0 0 ${elements.length} ${top}`, preserveAspectRatio: "none", role: "img", "aria-labelledby": "peak" },
    svg("path", { class: "area", d: `M0 ${top}${path}V${top}Z` }), column("summit", peak, 0, top), marks, now,
    svg("line", { class: "top", x1: 0, x2: elements.length, y1: 0, y2: 0 }));
  return { svg: picture, now, marks };
}

// Layers

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

function size(extents) {
  const list = [extents].flat();
  return list.every((n) => typeof n === "number") ? list.reduce((a, b) => a * b, 1) : shape(list);
}

function cell(column, i) {
  const layer = layers[i];
  const value = column.value(layer, i);
  if (column.share) return make("td", {}, ...(active[i] ? bar(value) : [make("span", { className: "aside" }, "training only")]));
  const text = column.text ? column.text(layer) : figure(value);
  if (column.name === "name") return make("th", { scope: "row" }, make("button", { type: "button" }, text));
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
  const heads = COLUMNS.map((column) => {
    const button = make("button", { type: "button" }, column.name);
    const head = make("th", { scope: "col", className: column.digits ? "digits" : "" }, button);
    button.addEventListener("click", () => {
      down = by === column ? !down : Boolean(column.share || column.digits) && column.name !== "#";
      by = column;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      heads.forEach((other, i) => { other.firstChild.textContent = COLUMNS[i].name + (other === head ? (down ? " ▼" : " ▲") : ""); });
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

// Blocks

function tree() {
  const pane = at("#blocks .pane"), root = at("#tree");
  const inner = new Map([[-1, []]]); // what is in each block, in order of its first layer
  data.blocks.forEach((block, b) => { inner.set(b, []); });
  const placed = new Set();
  const place = (b) => {
    if (b < 0 || placed.has(b)) return;
    placed.add(b);
    place(data.blocks[b].parent);
    inner.get(data.blocks[b].parent).push({ block: b });
  };
  everyone.forEach((i) => { place(data.block_of[i]); inner.get(data.block_of[i]).push({ layer: i }); });
  const within = (b) => inner.get(b).flatMap((item) => ("layer" in item ? [item.layer] : within(item.block)));
  const nodes = [];
  const build = (item, depth, list) => {
    const node = "layer" in item ? leaf(item.layer, depth) : branch(item.block, depth, within(item.block));
    nodes.push(node);
    list.append(node.element);
    if (node.list) node.fill = () => { node.fill = null; for (const child of inner.get(item.block)) build(child, depth + 1, node.list); };
  };
  const top = make("ul");
  for (const item of inner.get(-1)) build(item, 0, top);
  root.append(treeHead(), top);
  at("#expand").addEventListener("click", () => { for (let n = 0; n < nodes.length; n++) fold(nodes[n], true); });
  at("#collapse").addEventListener("click", () => nodes.forEach((node) => fold(node, false)));
  panes.push((chosen) => {
    const first = Math.min(...chosen);
    for (let n = 0; n < nodes.length; n++) // grows while blocks around the first layer open
      if (nodes[n].list && nodes[n].layers.includes(first) && nodes[n].layers.some((i) => !chosen.has(i))) fold(nodes[n], true);
    const full = nodes.filter((node) => node.layers.every((i) => chosen.has(i)));
    for (const node of nodes) node.row.classList.toggle("holds", node.layers.some((i) => chosen.has(i)));
    mark(nodes.map((node) => node.row), full.map((node) => node.row), pane);
  });
}

function treeHead() {
  const names = ["block", "kind", "layers", "params", data.headline];
  return make("div", { className: "row head" }, ...names.map((name, i) => make("span", { className: i < 2 ? "left" : "" }, name)),
    make("span", { className: "left" }, "share"));
}

function treeRow(start, name, depth, cells, part, chosen) {
  const label = make("button", { type: "button", className: "name" }, name);
  label.addEventListener("click", () => select(chosen, name));
  const first = make("span", { className: "left branch" }, start, label);
  first.style.setProperty("--depth", depth);
  return make("div", { className: "row" }, first, ...cells.map((text, i) => make("span", { className: i ? "" : "left" }, text)),
    make("span", { className: "left" }, ...bar(part)));
}

function leaf(i, depth) {
  const layer = layers[i];
  const cells = [layer.op, "", figure(layer.params), figure(layer.cost)];
  const row = treeRow(make("span", { className: "fold" }), layer.name, depth, cells, active[i] ? share(layer.cost) : null, [i]);
  row.dataset.layer = i;
  return { element: make("li", {}, row), row, layers: [i] };
}

function branch(b, depth, chosen) {
  const block = data.blocks[b];
  const button = make("button", { type: "button", className: "fold", "aria-expanded": "false", "aria-label": `${block.name}: its layers` }, "▸");
  const cells = [block.title, figure(block.layers), figure(block.params), figure(block.cost)];
  const row = treeRow(button, block.name, depth, cells, share(block.cost), chosen);
  const list = make("ul", { hidden: true });
  const node = { element: make("li", {}, row, list), row, list, button, layers: chosen };
  button.addEventListener("click", () => fold(node, list.hidden));
  return node;
}

function fold(node, open) {
  if (!node.list) return;
  if (open && node.fill) node.fill();
  node.list.hidden = !open;
  node.button.setAttribute("aria-expanded", String(open));
  node.button.textContent = open ? "▾" : "▸";
}

// Theme

function theme() {
  const root = document.documentElement, button = at("#theme");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const say = () => { button.textContent = dark() ? "Light theme" : "Dark theme"; };
  button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; say(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", say);
  say();
}

for (const part of [theme, totals, spec, memory, table, tree]) part();
at("#clear").addEventListener("click", () => select([], ""));
})();
