// The page of a network: reads the data block, fills the panes, and keeps what is selected the same in all of them.
// Text gets into the page as text nodes only, so nothing in a program can become markup.
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

const exact = new Map(); // of numbers that JavaScript rounds; null where two become one
for (const text of data.exact) exact.set(Number(text), exact.has(Number(text)) ? null : BigInt(text));

function figure(value) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map(figure).map(bracketed).join("×");
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    const known = exact.get(value);
    return known ? known.toLocaleString("en-US") : "≈ " + value.toExponential(4);
  }
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

const bracketed = (extent) => (/ /.test(extent) ? `(${extent})` : extent);
const shape = (extents) => extents.map(bracketed).join("×");
const share = (cost) => (whole && typeof cost === "number" ? cost / whole : null);
const percent = (part) => (part === null ? "" : `${(100 * part).toFixed(1)}%`);
const breakable = (name) => name.split(".").flatMap((part, i) => (i ? [".", make("wbr"), part] : [part]));
const count = (n, what) => `${figure(n)} ${what}${n === 1 ? "" : "s"}`;

// A stripe as long as the part is beside the largest, and the part itself.
function bar(part, largest = 1) {
  if (part === null) return [];
  const stripe = make("span", { className: "share" });
  stripe.style.setProperty("--w", `${(100 * part) / largest}%`);
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
  const weights = `${bytes(sums.weight_bytes)} in ${report.dtype}, ${figure(sums.buffers)} in buffers`;
  const rate = typeof sums.intensity === "number" ? `${sums.intensity.toFixed(2)} operations per byte` : "";
  const cards = [
    ["Parameters", figure(sums.params), weights],
    ["MACs (torchvision)", figure(sums.macs), typeof sums.macs === "number" ? short(sums.macs) : ""],
    ["FLOPs (torch)", figure(sums.flops), typeof sums.flops === "number" ? short(sums.flops) : ""],
    ["Other operations", figure(sums.other_ops), ""],
    ["Peak memory", bytes(sums.peak_bytes), `activations alive at once, batch ${report.batch}`],
    ["Bytes moved", bytes(sums.bytes_moved), rate],
    ["Depth", figure(sums.depth), count(sums.layers, "layer")],
  ];
  if (!["torchvision", "torch"].includes(report.convention))
    cards.splice(3, 0, [data.headline, figure(sums.cost), data.doc]);
  const training = report.training;
  cards.push(training
    ? ["Training memory", bytes(training.saved_bytes), `kept for backward; ${bytes(training.gradient_bytes)} gradients`]
    : ["Training memory", "unavailable", "it depends on sizes, or the type cannot be trained in"]);
  const device = report.device;
  if (device) {
    const room = device.fits ? `fits, largest batch ${figure(device.largest_batch)}` : "does not fit in its memory";
    const bound = `${percent(device.memory_bound_share)} bound by memory; ${room}`;
    cards.push([`Least time on ${device.name}`, time(device.time_s) || "0", bound]);
  }
  for (const [name, value, note] of cards)
    at("#totals dl").append(make("div", {}, make("dt", {}, name), make("dd", {}, value, make("small", {}, note))));
  for (const condition of report.constraints) at("#sizes").append(make("li", {}, condition.text));
  at("#sizes").hidden = !report.constraints.length;
  const ends = (list) => list.map((t) => `${t.name} ${shape(t.shape)}`).join(", ");
  at("#about").textContent = `${ends(report.inputs)} → ${ends(report.outputs)}; share and heat by ${data.headline}`;
  document.body.classList.toggle("formulas", !whole);
}
