// Pictures with one row a machine: who ran where, and what a machine cost.

import { style } from "./dom.js";
import { duration, number } from "./format.js";
import { jobColour, rampColour } from "./palette.js";
import { draw, heightFor, timeAxis, valueAxis, zoomButtons } from "./plot.js";

/** Spans of page data: numbers that build on the span before, five a span. */
function unpacked(occupancy) {
  const { spans, tick } = occupancy;
  const rows = new Map();
  let machine = 0;
  let start = 0;
  for (let i = 0; i < spans.length; i += 5) {
    if (spans[i] !== 0) start = 0;
    machine += spans[i];
    start += spans[i + 1];
    if (!rows.has(machine)) rows.set(machine, []);
    rows.get(machine).push({
      from: start * tick, to: (start + spans[i + 2]) * tick, job: spans[i + 3], tasks: spans[i + 4],
    });
  }
  return rows;
}

/** Spans of one machine in lanes, so that jobs that share it stand side by side. */
function laned(spans) {
  const ends = [];
  for (const span of spans) {
    let lane = ends.findIndex((end) => end <= span.from);
    if (lane < 0) lane = ends.length;
    ends[lane] = span.to;
    span.lane = lane;
  }
  for (const span of spans) span.lanes = ends.length;
  return spans;
}

function machineScale(count) {
  return { time: false, dir: -1, range: [-0.5, Math.max(count, 1) - 0.5] };
}

function rowPlot(frame, end, count, machineOf, paint, under, description) {
  const full = [0, end];
  const plot = draw(frame, {
    description,
    height: heightFor(frame.plot.clientWidth, true),
    scales: { x: { time: false, range: (u, low, high) => (low === null ? full : [low, high]) }, y: machineScale(count) },
    axes: [timeAxis(), valueAxis("machine", (row) => (Number.isInteger(row) && row >= 0 && row < count ? String(machineOf(row)) : ""), 56)],
    cursor: { drag: { x: true, y: false, setScale: true }, points: { show: false }, y: true },
    series: [{}, { stroke: "transparent", points: { show: false } }],
    hooks: {
      draw: [(u) => {
        const { ctx, bbox } = u;
        ctx.save();
        ctx.beginPath();
        ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
        ctx.clip();
        paint(u, ctx);
        ctx.restore();
      }],
      setCursor: [(u) => {
        const { left, top } = u.cursor;
        frame.readout.textContent = left === undefined || left < 0 ? "" : under(u.posToVal(left, "x"), u.posToVal(top, "y"));
      }],
    },
  }, [full, [null, null]]);
  zoomButtons(frame, plot, full);
  return plot;
}

/** Machines x time: each block is a job on a machine. */
export function gantt(frame, occupancy, machineCount, policy) {
  const rows = unpacked(occupancy);
  const count = Math.ceil(machineCount / occupancy.stride);
  let end = 0;
  const spans = [];
  for (const [machine, list] of rows)
    for (const span of laned(list)) {
      span.row = machine / occupancy.stride;
      end = Math.max(end, span.to);
      spans.push(span);
    }
  const paint = (u, ctx) => {
    const rowHeight = Math.abs(u.valToPos(1, "y", true) - u.valToPos(0, "y", true));
    const edge = style("--ground");
    for (const span of spans) {
      if (span.to < u.scales.x.min || span.from > u.scales.x.max) continue;
      const left = u.valToPos(span.from, "x", true);
      const width = Math.max(u.valToPos(span.to, "x", true) - left, 0.5);
      const laneHeight = rowHeight / span.lanes;
      const top = u.valToPos(span.row, "y", true) - rowHeight / 2 + span.lane * laneHeight;
      ctx.fillStyle = jobColour(span.job);
      ctx.fillRect(left, top, width, laneHeight);
      if (width > 3 && laneHeight > 3) {
        ctx.strokeStyle = edge;
        ctx.lineWidth = 1;
        ctx.strokeRect(left, top, width, laneHeight);
      }
    }
  };
  const under = (time, y) => {
    const row = Math.round(y);
    const place = y - row + 0.5;
    const span = spans.find((s) => s.row === row && s.from <= time && time < s.to &&
      Math.floor(place * s.lanes) === s.lane);
    return span ? `machine ${row * occupancy.stride}: job ${span.job}, ${span.tasks} tasks, ${duration(span.to - span.from)} from ${duration(span.from)}` : "";
  };
  return rowPlot(frame, end, count, (row) => row * occupancy.stride, paint, under,
    `Machines by time under ${policy}: ${spans.length} allocations on ${count} machines.`);
}

/** Prices: machines x time, dark is cheap. */
export function heatMap(frame, grid, policy, unit) {
  const columns = Math.floor(grid.prices.length / grid.rows);
  const known = grid.prices.filter((price) => price !== null && price > 0);
  const low = Math.min(...known);
  const high = Math.max(...known);
  const share = (price) => (high > low ? Math.log(price / low) / Math.log(high / low) : 0.5);
  const end = columns * grid.width;
  const paint = (u, ctx) => {
    for (let c = 0; c < columns; ++c) {
      const left = Math.floor(u.valToPos(c * grid.width, "x", true));
      const right = Math.ceil(u.valToPos((c + 1) * grid.width, "x", true));
      if (right < u.bbox.left || left > u.bbox.left + u.bbox.width) continue;
      for (let row = 0; row < grid.rows; ++row) {
        const price = grid.prices[c * grid.rows + row];
        if (price === null || price <= 0) continue;
        const top = Math.floor(u.valToPos(row - 0.5, "y", true));
        const bottom = Math.ceil(u.valToPos(row + 0.5, "y", true));
        ctx.fillStyle = rampColour(share(price));
        ctx.fillRect(left, top, right - left, bottom - top);
      }
    }
  };
  const under = (time, y) => {
    const row = Math.round(y);
    const price = grid.prices[Math.floor(time / grid.width) * grid.rows + row];
    return price === null || price === undefined ? "" : `machine ${row * grid.stride}: ${number(price)} utility for one ${unit} and slot`;
  };
  rowPlot(frame, end, grid.rows, (row) => row * grid.stride, paint, under,
    `Prices by machine and time under ${policy}, from ${number(low)} to ${number(high)}.`);
  return { low, high };
}
