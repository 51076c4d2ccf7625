// The tree of blocks, each with the sums of what is in it; what is folded is built when it is first opened.
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
