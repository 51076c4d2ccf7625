// The tree of blocks, each with the sums of what is in it; what is folded is built when it is first opened.
const FEW = 4; // blocks and layers at the top that are so few are open at first

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
  const layersIn = (b) => inner.get(b).flatMap((item) => ("layer" in item ? [item.layer] : layersIn(item.block)));
  const nodes = [];
  const build = (item, depth, list) => {
    const node = "layer" in item ? leaf(item.layer, depth) : branch(item.block, depth, layersIn(item.block));
    nodes.push(node);
    list.append(node.element);
    if (node.list) node.fill = () => inner.get(item.block).forEach((child) => build(child, depth + 1, node.list));
  };
  const top = make("ul");
  for (const item of inner.get(-1)) build(item, 0, top);
  root.append(treeHead(), top);
  if (nodes.length <= FEW) for (const node of [...nodes]) fold(node, true);
  at("#expand").addEventListener("click", () => { for (let n = 0; n < nodes.length; n++) fold(nodes[n], true); });
  at("#collapse").addEventListener("click", () => nodes.forEach((node) => fold(node, false)));
  panes.push((chosen) => {
    const first = Math.min(...chosen);
    for (let n = 0; n < nodes.length; n++) { // grows while blocks around the first layer open
      const { list, layers: within } = nodes[n];
      if (list && within.includes(first) && within.some((i) => !chosen.has(i))) fold(nodes[n], true);
    }
    const full = nodes.filter((node) => node.layers.every((i) => chosen.has(i)));
    for (const node of nodes) node.row.classList.toggle("holds", node.layers.some((i) => chosen.has(i)));
    mark(nodes.map((node) => node.row), full.map((node) => node.row), pane);
  });
}

function treeHead() {
  const names = ["block", "kind", "layers", "params", data.headline];
  const cells = names.map((name, i) => make("span", { className: i < 2 ? "left" : "" }, name));
  return make("div", { className: "row head" }, ...cells, make("span", { className: "left" }, "share"));
}

function treeRow(start, name, depth, cells, part, chosen) {
  const label = make("button", { type: "button", className: "name" }, ...breakable(name));
  label.addEventListener("click", () => select(chosen, name));
  const first = make("span", { className: "left branch" }, start, label);
  first.style.setProperty("--depth", depth);
  const figures = cells.map((text, i) => make("span", { className: i ? "" : "left" }, text));
  return make("div", { className: "row" }, first, ...figures, make("span", { className: "left" }, ...bar(part)));
}

function leaf(i, depth) {
  const layer = layers[i];
  const cells = [layer.op, "", figure(layer.params), figure(layer.cost)];
  const part = active[i] ? share(layer.cost) : null;
  const row = treeRow(make("span", { className: "fold" }), layer.name, depth, cells, part, [i]);
  row.dataset.layer = i;
  return { element: make("li", {}, row), row, layers: [i] };
}

function branch(b, depth, chosen) {
  const block = data.blocks[b];
  const said = { "aria-expanded": "false", "aria-label": `${block.name}: its layers` };
  const button = make("button", { type: "button", className: "fold", ...said }, "▸");
  const cells = [block.title, figure(block.layers), figure(block.params), figure(block.cost)];
  const row = treeRow(button, block.name, depth, cells, share(block.cost), chosen);
  const list = make("ul", { hidden: true });
  const node = { element: make("li", {}, row, list), row, list, button, layers: chosen };
  button.addEventListener("click", () => fold(node, list.hidden));
  return node;
}

function fold(node, open) {
  if (!node.list) return;
  if (open && !node.list.children.length) node.fill();
  node.list.hidden = !open;
  node.button.setAttribute("aria-expanded", String(open));
  node.button.textContent = open ? "▾" : "▸";
}
