// What all pictures share: the frame of a figure, the axes, zooming by mouse, button and key.

import uPlot from "uplot";
import { element, style } from "./dom.js";
import { durationSplits, duration, powersOfTen, timeMark, timeSplits } from "./format.js";

const FONT = "12px system-ui, sans-serif";

/** Height of a plot in a column of this width. */
export function heightFor(width, tall = false) {
  const height = Math.round(width * (tall ? 0.75 : 0.55));
  return Math.min(Math.max(height, tall ? 300 : 220), tall ? 520 : 320);
}

let place = null;

/** Figures are put here as soon as they are made, because a plot is as wide as its column. */
export function placeFiguresIn(node) {
  place = node;
}

/**
 * A figure with a title, one sentence about how to read it, and a place for the picture.
 * `id` names it in the page and in tests.
 */
export function figureFrame(id, title, how) {
  const plot = element("div", { class: "plot" });
  const readout = element("p", { class: "readout" }, "");
  const figure = element("figure", { id, "data-plot": id, "data-state": "empty", "aria-labelledby": `${id}-title` },
    element("h3", { id: `${id}-title` }, title), element("p", { class: "how" }, how), plot, readout);
  place.replaceChildren(figure);
  return { figure, plot, readout };
}

function axis(options) {
  return {
    stroke: style("--ink-soft"),
    font: FONT,
    labelFont: FONT,
    size: 30,
    labelSize: 18,
    grid: { stroke: style("--grid"), width: 1 },
    ticks: { stroke: style("--grid"), width: 1, size: 4 },
    ...options,
  };
}

/** Marks of time; a lone mark is written in its own unit. */
function timeMarks(marks) {
  return marks.map((mark) => timeMark(mark, marks.length > 1 ? marks[1] - marks[0] : mark));
}

/** A logarithmic axis of durations. */
export function logDurationAxis(label) {
  return axis({
    label,
    splits: (u, index, low, high) => durationSplits(low, high, u.bbox.width / devicePixelRatio / 52),
    filter: (u, marks) => marks,
    values: (u, marks) => marks.map(duration),
  });
}

/** A logarithmic axis of numbers, marked at powers of ten. */
export function logAxis(label, format, size = 62) {
  return axis({
    label,
    size,
    splits: (u, index, low, high) => powersOfTen(low, high),
    filter: (u, marks) => marks,
    values: (u, marks) => marks.map(format),
  });
}

/** A linear axis of durations, upright. */
export function durationAxis(label) {
  return axis({
    label,
    size: 62,
    splits: (u, index, low, high) => timeSplits(low, high, 5),
    values: (u, marks) => timeMarks(marks),
  });
}

/** A linear axis of time since the start. */
export function timeAxis(label = "time since the start") {
  return axis({
    label,
    splits: (u, index, low, high) => timeSplits(low, high, Math.max(3, Math.floor(u.bbox.width / devicePixelRatio / 90))),
    values: (u, marks) => timeMarks(marks),
  });
}

/** An axis whose marks are written by `format`. */
export function valueAxis(label, format, size = 62) {
  return axis({ label, size, values: (u, marks) => marks.map((mark) => (mark === null ? "" : format(mark))) });
}

/** An axis with these words at 0, 1, 2, ... */
export function wordAxis(label, words) {
  return axis({
    label,
    splits: () => words.map((_, i) => i),
    values: () => words,
  });
}

/** Draws into the frame; `options` and `data` as uPlot takes them. */
export function draw(frame, options, data) {
  const plot = new uPlot({
    width: frame.plot.clientWidth || 600,
    legend: { show: false },
    ...options,
  }, data, frame.plot);
  plot.root.setAttribute("role", "img");
  plot.root.setAttribute("aria-label", options.description ?? "");
  frame.figure.dataset.state = "drawn";
  return plot;
}

/** Buttons that zoom along x, for fingers and keys; dragging and a double click work as well. */
export function zoomButtons(frame, plot, fullRange) {
  const move = (change) => {
    const { min, max } = plot.scales.x;
    const [low, high] = fullRange;
    let [a, b] = change(min, max);
    const width = Math.min(b - a, high - low);
    a = Math.min(Math.max(a, low), high - width);
    plot.setScale("x", { min: a, max: a + width });
  };
  const pan = (share) => () => move((a, b) => [a + (b - a) * share, b + (b - a) * share]);
  const zoom = (factor) => () => move((a, b) => {
    const middle = (a + b) / 2;
    const half = ((b - a) / 2) * factor;
    return [middle - half, middle + half];
  });
  const button = (label, text, onclick) => element("button", { type: "button", "aria-label": label, title: label, onclick }, text);
  const reset = () => plot.setScale("x", { min: fullRange[0], max: fullRange[1] });
  frame.figure.insertBefore(
    element("div", { class: "zoom", role: "group", "aria-label": "Zoom" },
      button("Zoom in", "+", zoom(0.5)), button("Zoom out", "−", zoom(2)),
      button("Earlier", "‹", pan(-0.5)), button("Later", "›", pan(0.5)),
      button("Whole time", "all", reset)),
    frame.readout);
}

/** A table of what is drawn, made when it is opened, for those who cannot see the picture. */
export function dataTable(frame, head, rows) {
  const details = element("details", {
    class: "data",
    ontoggle: () => {
      if (!details.open || details.childElementCount > 1) return;
      details.append(element("div", { class: "scroll", tabindex: "0" },
        element("table", {},
          element("thead", {}, element("tr", {}, ...head.map((h) => element("th", { scope: "col" }, h)))),
          element("tbody", {}, ...rows().map((row) => element("tr", {}, ...row.map((cell, i) =>
            element(i === 0 ? "th" : "td", i === 0 ? { scope: "row" } : {}, cell))))))));
    },
  }, element("summary", {}, "as a table"));
  frame.figure.append(details);
}
