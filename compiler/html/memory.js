// Memory over time: elements alive at each step of inference.
function memory() {
  const { elements, element_bytes: width, peak } = data.memory;
  const running = [null, ...everyone.filter((i) => active[i])];
  const name = (step) => (step ? layers[running[step]].name : "the input");
  if (peak === null) {
    at("#peak").textContent = `The peak is ${bytes(report.totals.peak_bytes)}; give numbers with --at for a chart.`;
    return;
  }
  const top = Math.max(elements[peak], 1);
  const last = elements.length - 1;
  const where = `${name(peak)}, step ${figure(peak)} of ${figure(last)}`;
  at("#peak").textContent = `Peak ${bytes(elements[peak] * width)} at ${where}: `
    + "activations alive while each layer runs in inference.";
  const chart = drawSteps(elements, peak, top);
  const slider = make("input", { type: "range", min: 0, max: last, value: peak, id: "step" });
  const said = make("output", {});
  const go = (step) => {
    slider.value = step;
    said.textContent = `${figure(step)}: ${name(step)}, ${bytes(elements[step] * width)}`;
    chart.now.setAttribute("x", step);
  };
  const stepAt = (event) => {
    const box = chart.svg.getBoundingClientRect();
    const step = Math.floor(((event.clientX - box.left) / box.width) * elements.length);
    return Math.min(last, Math.max(0, step));
  };
  const pick = (step) => { go(step); if (step) one(running[step]); };
  chart.svg.addEventListener("pointermove", (event) => go(stepAt(event)));
  chart.svg.addEventListener("click", (event) => pick(stepAt(event)));
  slider.addEventListener("input", () => pick(Number(slider.value)));
  at("#chart").append(make("div", { className: "ends" }, make("span", {}, bytes(top * width))), chart.svg,
    make("div", { className: "ends" }, make("span", {}, "step 0"), make("span", {}, `step ${figure(last)}`)),
    make("label", {}, "Step ", slider, said));
  go(peak);
  panes.push((chosen) => {
    const steps = [...running.keys()].filter((step) => step && chosen.has(running[step]));
    const columns = steps.map((step) => column("picked", step, top - elements[step], elements[step]));
    chart.marks.replaceChildren(...columns);
    if (steps.length) go(steps[0]);
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
  const frame = { viewBox: `0 0 ${elements.length} ${top}`, preserveAspectRatio: "none" };
  const picture = svg("svg", { ...frame, role: "img", "aria-labelledby": "peak" },
    svg("path", { class: "area", d: `M0 ${top}${path}V${top}Z` }), marks, column("summit", peak, 0, top), now,
    svg("line", { class: "top", x1: 0, x2: elements.length, y1: 0, y2: 0 }));
  return { svg: picture, now, marks };
}
