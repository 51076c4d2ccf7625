// The theme, and all parts of the page in their order.
function theme() {
  const root = document.documentElement, button = at("#theme");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const drawn = at("#graph style") ? [...at("#graph style").sheet.cssRules].filter((rule) => rule instanceof CSSMediaRule) : [];
  const say = () => {
    button.textContent = dark() ? "Light theme" : "Dark theme";
    for (const rule of drawn) rule.media.mediaText = dark() ? "all" : "not all"; // the drawing only knows the system's choice
  };
  button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; say(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", say);
  say();
}

for (const part of [theme, totals, spec, graph, memory, table, tree]) part();
at("#clear").addEventListener("click", () => select([], ""));
