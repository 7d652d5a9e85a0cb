// Draws the pictures of the report from the data in the page, and draws them anew when the workload,
// the policies, the width or the theme change, and for print.

import uplotStyle from "uplot/dist/uPlot.min.css";
import { element } from "./dom.js";
import { FIGURES, chooser } from "./figures.js";
import { loadPalette, styleOf } from "./palette.js";
import { placeFiguresIn } from "./plot.js";

const data = JSON.parse(document.getElementById("comparison").textContent);
const place = document.getElementById("pictures");
document.head.append(element("style", {}, uplotStyle));

const sections = data.sections.filter((section) => section.scale === 1);
const view = {
  data,
  policies: data.policies,
  hidden: new Set(),
  section: 0,
  loadFigure: "jct_mean",
  machinePolicy: data.policies[0],
  pricePolicy: undefined,
  /** Takes over new choices and draws one figure, or all, anew. */
  change(choices, only) {
    Object.assign(view, choices);
    if (only) redraw(only);
    else drawAll();
  },
};

/** One button a policy: what its lines look like, and whether they are shown. */
function policyButtons() {
  const button = (policy, index) => {
    const { colour, dash } = styleOf(index);
    const line = `<line x1="0" y1="6" x2="26" y2="6" stroke-width="3" stroke="${colour}" stroke-dasharray="${dash.join(" ")}"/>`;
    const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
    swatch.innerHTML = `<svg width="26" height="12">${line}</svg>`;
    return element("button", {
      type: "button",
      "aria-pressed": String(!view.hidden.has(policy)),
      title: "Show or hide; with a double click only this",
      onclick: () => {
        if (view.hidden.has(policy)) view.hidden.delete(policy);
        else view.hidden.add(policy);
        view.change({});
      },
      ondblclick: () => view.change({ hidden: new Set(view.policies.filter((other) => other !== policy)) }),
    }, swatch, policy);
  };
  const all = element("button", { type: "button", class: "all", onclick: () => view.change({ hidden: new Set() }) }, "show all");
  return element("div", { class: "policies", role: "group", "aria-label": "Policies shown" },
    ...view.policies.map(button), ...(view.hidden.size ? [all] : []));
}

function controls() {
  const bar = element("div", { class: "controls" });
  if (sections.length > 1)
    bar.append(chooser("Workload", sections.map((section, i) => [String(i), section.title]), String(view.section),
      (value) => view.change({ section: Number(value) })));
  bar.append(policyButtons());
  return bar;
}

const slots = {};
const ALWAYS_WIDE = ["machines", "prices"];

/** Draws one figure. It must be in the page while it is drawn: its width is taken from there. */
function redraw(name) {
  const slot = slots[name];
  // A figure measures its column, so it is put in place before it is drawn.
  slot.replaceChildren();
  placeFiguresIn(slot);
  const frame = FIGURES[name](sections[view.section], view);
  if (frame === null) slot.replaceChildren();
  slot.hidden = frame === null;
}

/** Figures stand two in a row if both are plots or both are bars; one that is alone gets the row. */
function pairUp() {
  const shown = Object.keys(FIGURES).filter((name) => !slots[name].hidden && !ALWAYS_WIDE.includes(name));
  const isPlot = (name) => slots[name].querySelector("canvas") !== null;
  for (let i = 0; i < shown.length; ++i) {
    const hasPartner = i + 1 < shown.length && isPlot(shown[i]) === isPlot(shown[i + 1]);
    if (hasPartner) {
      ++i;
      continue;
    }
    slots[shown[i]].classList.add("wide");
    redraw(shown[i]);
  }
}

function drawAll() {
  loadPalette();
  const focused = document.activeElement?.textContent;
  const top = window.scrollY;
  place.style.minHeight = `${place.offsetHeight}px`;
  const grid = element("div", { class: "figures" });
  place.replaceChildren(element("h2", {}, sections.length > 1 ? `Pictures: ${sections[view.section].title}` : "Pictures"), controls(), grid);
  for (const name of Object.keys(FIGURES)) {
    slots[name] = element("div", { class: ALWAYS_WIDE.includes(name) ? "slot wide" : "slot" });
    grid.append(slots[name]);
    redraw(name);
  }
  pairUp();
  place.style.minHeight = "";
  window.scrollTo(0, top);
  const again = [...place.querySelectorAll(".policies button")].find((b) => b.textContent === focused);
  again?.focus({ preventScroll: true });
}

function later(action) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, 150);
  };
}

let width = window.innerWidth;
const onResize = later(() => {
  // On phones the height changes with every scroll.
  if (window.innerWidth === width) return;
  width = window.innerWidth;
  drawAll();
});

if (sections.length > 0) {
  drawAll();
  window.addEventListener("resize", onResize);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  window.addEventListener("beforeprint", () => {
    document.documentElement.dataset.print = "yes";
    drawAll();
  });
  window.addEventListener("afterprint", () => {
    delete document.documentElement.dataset.print;
    drawAll();
  });
}
