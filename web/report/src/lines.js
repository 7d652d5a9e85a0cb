// Line plots with one line a policy, on a common grid of x.

import { draw, dataTable, heightFor } from "./plot.js";
import { styleOf } from "./palette.js";

/**
 * Draws `lines` ([{policy, index, values}], values by position in `xs`).
 * xAxis, yAxis: axes of plot.js; xLog, yLog: logarithmic; formatX, formatY: for the line below;
 * points: mark the values; range: of y.
 */
export function linePlot(frame, { xs, lines, xAxis, yAxis, xLog, yLog, formatX, formatY, points, range, extra, description }) {
  const series = lines.map(({ policy, index }) => {
    const { colour, dash } = styleOf(index);
    return {
      label: policy,
      stroke: colour,
      width: 2,
      dash,
      points: { show: Boolean(points), size: 7, fill: colour, stroke: colour },
      spanGaps: false,
    };
  });
  const readout = (u, focused) => {
    const at = u.cursor.idx;
    if (at === null || at === undefined || focused === null || focused === undefined || focused < 1) {
      frame.readout.textContent = "";
      return;
    }
    const value = lines[focused - 1].values[at];
    frame.readout.textContent = value === null || value === undefined ? "" : `${lines[focused - 1].policy}: ${formatY(value)} at ${formatX(xs[at])}`;
  };
  let focused = null;
  const plot = draw(frame, {
    description: `${description} ${lines.map((l) => l.policy).join(", ")}.`,
    height: heightFor(frame.plot.clientWidth),
    scales: {
      x: { time: false, distr: xLog ? 3 : 1, range: (u, low, high) => (low < high ? [low, high] : [low * 0.9, low * 1.1 + 1e-9]), ...extra?.x },
      y: { distr: yLog ? 3 : 1, ...(range ? { range } : {}) },
    },
    axes: [xAxis, yAxis],
    focus: { alpha: 0.25 },
    cursor: { focus: { prox: 30 }, drag: { x: true, y: false }, points: { size: 8 } },
    series: [{}, ...series],
    hooks: {
      setSeries: [(u, index) => { focused = index; readout(u, focused); }],
      setCursor: [(u) => readout(u, focused)],
    },
  }, [xs, ...lines.map((line) => line.values)]);
  const steps = Math.max(1, Math.floor(xs.length / 20));
  dataTable(frame, ["", ...lines.map((line) => line.policy)], () =>
    xs.map((x, i) => [formatX(x), ...lines.map((line) => formatY(line.values[i]))])
      .filter((_, i) => i % steps === 0));
  return plot;
}
