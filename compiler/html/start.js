// The theme, and all parts of the page in their order.
function theme() {
  const root = document.documentElement, button = at("#theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const rules = at("#graph style") ? [...at("#graph style").sheet.cssRules] : [];
  const drawn = rules.filter((rule) => rule instanceof CSSMediaRule); // a drawing only knows the system's choice
  const say = () => {
    button.textContent = dark() ? "Light theme" : "Dark theme";
    for (const rule of drawn) rule.media.mediaText = dark() ? "all" : "not all";
  };
  button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; say(); });
  system.addEventListener("change", say);
  say();
}

for (const part of [theme, totals, spec, graph, memory, table, tree]) part();
at("#clear").addEventListener("click", () => select([], ""));
