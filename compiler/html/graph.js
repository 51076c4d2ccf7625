// The drawing: its boxes become buttons. A box names layers as the folded table does, where equal repeats are one.

function graph() {
  const pane = at("#graph .pane"), drawing = at("#graph svg");
  at("#fit").hidden = !drawing;
  if (!drawing) return;
  at("#fit").addEventListener("click", () => {
    at("#fit").setAttribute("aria-pressed", String(pane.classList.toggle("fit")));
  });
  drawing.setAttribute("role", "group");
  drawing.setAttribute("aria-labelledby", "graph-title");
  const boxes = new Map();
  for (const box of drawing.querySelectorAll("[data-layers]")) {
    const names = box.dataset.layers.split(" ");
    const holds = (name) => names.some((own) => name === own || name.startsWith(`${own}.`));
    const inside = everyone.filter((i) => holds(data.drawn[i]));
    boxes.set(box, inside);
    pressable(box, names.join(", "), () => select(inside, names.join(", ")));
  }
  const start = drawing.querySelector(".node").getBoundingClientRect(); // the input, wherever a wide drawing has it
  pane.scrollLeft += start.left + start.width / 2 - pane.getBoundingClientRect().left - pane.clientWidth / 2;
  panes.push((chosen) => {
    const hit = [...boxes].filter(([, inside]) => inside.some((i) => chosen.has(i))).map(([box]) => box);
    mark(boxes.keys(), hit, pane);
  });
}

function pressable(box, label, action) {
  box.setAttribute("tabindex", "0");
  box.setAttribute("role", "button");
  box.setAttribute("aria-label", label);
  box.addEventListener("click", action);
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    action();
  });
}
