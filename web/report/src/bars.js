// Horizontal bars with the interval of each mean, as a table: readable as text, by machine, in print.

import { element } from "./dom.js";
import { styleOf } from "./palette.js";

/** rows: [{policy, index, mean, half}]; format: text of a value; log: bars by order of magnitude. */
export function bars(frame, rows, format, { log = false, note } = {}) {
  const highest = Math.max(...rows.map((row) => row.mean + row.half), 0);
  const positive = rows.map((row) => row.mean).filter((mean) => mean > 0);
  const lowest = log && positive.length ? Math.min(...positive) / 2 : 0;
  const place = (value) => {
    if (highest <= 0 || value <= lowest) return 0;
    const share = log ? Math.log(value / lowest) / Math.log(highest / lowest) : value / highest;
    return Math.max(0, Math.min(1, share)) * 100;
  };
  const line = ({ policy, index, mean, half }) => {
    const { colour, dash } = styleOf(index);
    const bar = element("span", {
      class: `bar${dash.length ? " striped" : ""}${mean === 0 ? " none" : ""}`,
      style: `width:${place(mean)}%;--colour:${colour}`,
    });
    const low = place(Math.max(0, mean - half));
    // An interval too narrow to change what is written is left out.
    const isWide = half > 0 && format(mean + half) !== format(mean);
    const whisker = isWide ? [element("span", { class: "whisker", style: `left:${low}%;width:${place(mean + half) - low}%` })] : [];
    return element("tr", {},
      element("th", { scope: "row" }, policy),
      element("td", { class: "track" }, element("span", { class: "lane" }, bar, ...whisker)),
      element("td", { class: "value" }, format(mean), ...(isWide ? [element("span", { class: "pm" }, ` ± ${format(half)}`)] : [])));
  };
  frame.plot.append(element("table", { class: "bars" }, element("tbody", {}, ...rows.map(line))));
  if (note) frame.readout.textContent = note;
  frame.figure.dataset.state = "drawn";
}
