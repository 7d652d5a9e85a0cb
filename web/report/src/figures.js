// The figures of the report: what each shows of the data, docs/report.md says the same in words.

import { bars } from "./bars.js";
import { element } from "./dom.js";
import { duration, milliseconds, number, percent } from "./format.js";
import { linePlot } from "./lines.js";
import { gantt, heatMap } from "./machines.js";
import { rampGradient } from "./palette.js";
import { durationAxis, figureFrame, logAxis, logDurationAxis, timeAxis, valueAxis, wordAxis } from "./plot.js";

const GRID = 240;

/** "GPUs" for "gpu". */
function plural(resource) {
  return resource === "gpu" || resource === "cpu" ? `${resource.toUpperCase()}s` : resource;
}

/** Policies of a section that are shown, with their position in the report. */
function shownIn(section, view) {
  return view.policies
    .map((policy, index) => ({ policy, index, data: section.policies[policy] }))
    .filter(({ policy, data }) => data !== undefined && !view.hidden.has(policy));
}

/** Share of values at most x, from quantiles at equal steps. */
function shareBelow(curve, x) {
  let low = 0;
  let high = curve.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (curve[middle] <= x) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return 0;
  if (low === curve.length) return 1;
  const [a, b] = [curve[low - 1], curve[low]];
  return (low - 1 + (b > a ? (x - a) / (b - a) : 0)) / (curve.length - 1);
}

function logGrid(curves) {
  const values = curves.flat().filter((value) => value > 0);
  if (values.length === 0) return [];
  const low = Math.log(Math.min(...values));
  const high = Math.log(Math.max(...values) * 1.02);
  return Array.from({ length: GRID }, (_, i) => Math.exp(low + ((high - low) * i) / (GRID - 1)));
}

function distribution(frame, shown, key, axisOf, formatX, description) {
  const withCurve = shown.filter(({ data }) => data[key]?.length > 0);
  const xs = logGrid(withCurve.map(({ data }) => data[key]));
  if (xs.length === 0) return false;
  linePlot(frame, {
    xs,
    lines: withCurve.map(({ policy, index, data }) => ({
      policy, index, values: xs.map((x) => shareBelow(data[key], x) * data.share_finished),
    })),
    xAxis: axisOf,
    yAxis: valueAxis("share of all jobs", percent, 64),
    xLog: true, range: [0, 1], formatX, formatY: percent, description,
  });
  return true;
}

function completion(section, view) {
  const frame = figureFrame("completion", "Completion time",
    "Share of all jobs that are done within a time after their arrival. Higher and further left is better; a line that ends below 100 % leaves jobs undone.");
  const drawn = distribution(frame, shownIn(section, view), "completion",
    logDurationAxis("completion time"), duration, "Distribution of completion times.");
  return drawn ? frame : null;
}

function fairness(section, view) {
  const frame = figureFrame("fairness", "Finish-time fairness",
    "Completion time over that with an equal share of the cluster. Left of 1 is better than an equal share; a steep line treats jobs alike.");
  const drawn = distribution(frame, shownIn(section, view), "fairness",
    logAxis("completion over fair completion", number, 30), number, "Distribution of finish-time fairness.");
  return drawn ? frame : null;
}

function className(size, resource) {
  const [low, high] = size;
  if (high === null) return `> ${number(low)}`;
  if (high <= 2) return number(high);
  return `${number(low + 1)}–${number(high)}`;
}

function queueing(section, view) {
  const shown = shownIn(section, view);
  const sizes = shown.find(({ data }) => data.sizes?.length)?.data.sizes;
  if (!sizes) return null;
  const frame = figureFrame("queueing", "Waiting by size",
    `Mean time without an allocation, by how many ${plural(section.resource)} a job asks for. Rising lines make large jobs wait.`);
  const label = `${plural(section.resource)} asked for`;
  linePlot(frame, {
    xs: sizes.map((_, i) => i),
    lines: shown.map(({ policy, index, data }) => ({
      policy, index, values: sizes.map((size) => data.sizes.find((s) => s[0] === size[0])?.[3] ?? null),
    })),
    xAxis: wordAxis(label, sizes.map((size) => className(size))),
    yAxis: durationAxis("mean wait"),
    extra: { x: { range: [-0.3, sizes.length - 0.7] } },
    points: true, formatX: (i) => `${className(sizes[i])} ${plural(section.resource)}`, formatY: duration,
    description: "Mean wait by size class.",
  });
  return frame;
}

function overTime(id, title, how, key, label, format, range) {
  return (section, view) => {
    const shown = shownIn(section, view).filter(({ data }) => data.usage?.[key]?.length > 0);
    const end = Math.max(...shown.map(({ data }) => data.usage.width * data.usage[key].length));
    if (!(end > 0)) return null;
    const frame = figureFrame(id, title, how);
    const xs = Array.from({ length: GRID }, (_, i) => (end * (i + 0.5)) / GRID);
    linePlot(frame, {
      xs,
      lines: shown.map(({ policy, index, data }) => ({
        policy, index, values: xs.map((x) => data.usage[key][Math.floor(x / data.usage.width)] ?? null),
      })),
      xAxis: timeAxis(), yAxis: valueAxis(label, format, 64), range, formatX: duration, formatY: format,
      description: `${title} over time.`,
    });
    return frame;
  };
}

function figureRows(shown, name) {
  return shown.filter(({ data }) => data.figures[name] !== undefined)
    .map(({ policy, index, data }) => ({ policy, index, mean: data.figures[name][0], half: data.figures[name][1] }));
}

function barFigure(id, title, how, name, format, options) {
  return (section, view) => {
    const rows = figureRows(shownIn(section, view), name);
    if (rows.length === 0 || rows.every((row) => row.mean === 0 && options?.skipZero)) return null;
    const frame = figureFrame(id, title, how);
    bars(frame, rows, format, options);
    return frame;
  };
}

function latency(section, view) {
  const sections = view.data.sections.filter((s) => s.name === section.name && s.load === section.load);
  const shown = shownIn(section, view).filter(({ data }) => data.latency);
  if (shown.length === 0) return null;
  if (sections.length < 2) {
    const frame = figureFrame("latency", "Time of a decision",
      "How long a policy takes to answer an event: the 99 % quantile, on this machine. Bars grow tenfold by equal steps.");
    bars(frame, shown.map(({ policy, index, data }) => ({ policy, index, mean: data.latency.p99[0], half: 0 })),
      milliseconds, { log: true });
    return frame;
  }
  const frame = figureFrame("latency", "Time of a decision by cluster size",
    "The 99 % quantile of the time a policy takes to answer an event, on this machine, with as many times the jobs as machines. Both axes are logarithmic.");
  const xs = sections.map((s) => s.machines);
  linePlot(frame, {
    xs,
    lines: shown.map(({ policy, index }) => ({
      policy, index, values: sections.map((s) => s.policies[policy]?.latency?.p99[0] || null),
    })),
    xAxis: { ...logAxis("machines", number, 30), splits: () => xs },
    yAxis: logAxis("p99 decision", milliseconds, 70),
    extra: { x: { range: [xs[0] / 1.3, xs[xs.length - 1] * 1.3] } },
    xLog: true, yLog: true, points: true, formatX: (x) => `${x} machines`, formatY: milliseconds,
    description: "Decision time by number of machines.",
  });
  return frame;
}

const LOAD_FIGURES = {
  jct_mean: ["mean completion time", duration],
  time_to_accuracy: ["mean time to accuracy", duration],
  utility: ["utility", number],
  wait_mean: ["mean wait", duration],
  finished: ["jobs done", number],
  utilization: ["utilisation", percent],
};

function loads(section, view) {
  const sections = view.data.sections.filter((s) => s.name === section.name && s.scale === 1)
    .sort((a, b) => a.load - b.load);
  if (sections.length < 2) return null;
  const frame = figureFrame("loads", "Sensitivity to load",
    "How a figure changes when jobs arrive faster: at load 2 they arrive twice as fast as in the workload.");
  const known = Object.keys(LOAD_FIGURES).filter((key) => figureRows(shownIn(section, view), key).length > 0);
  const chosen = known.includes(view.loadFigure) ? view.loadFigure : "jct_mean";
  const [label, format] = LOAD_FIGURES[chosen];
  frame.figure.insertBefore(chooser("Figure", known.map((key) => [key, LOAD_FIGURES[key][0]]), chosen,
    (key) => view.change({ loadFigure: key }, "loads")), frame.plot);
  const xs = sections.map((s) => s.load);
  linePlot(frame, {
    xs,
    lines: shownIn(section, view).map(({ policy, index }) => ({
      policy, index, values: sections.map((s) => s.policies[policy]?.figures[chosen]?.[0] ?? null),
    })),
    xAxis: { ...valueAxis("load", number, 30), splits: () => xs },
    yAxis: format === duration ? durationAxis(label) : valueAxis(label, format, 70), points: true,
    formatX: (x) => `load ${x}`, formatY: format, description: `${label} by load.`,
  });
  return frame;
}

/** A labelled list to choose from. */
export function chooser(label, options, chosen, onchoose) {
  return element("label", { class: "chooser" }, `${label} `,
    element("select", { onchange: (event) => onchoose(event.target.value) },
      ...options.map(([value, text]) => element("option", { value, selected: value === chosen }, text))));
}

function machinesOverTime(section, view) {
  const with_spans = view.policies.filter((policy) => section.policies[policy]?.occupancy);
  if (with_spans.length === 0) return null;
  const policy = with_spans.includes(view.machinePolicy) ? view.machinePolicy : with_spans[0];
  const { occupancy } = section.policies[policy];
  const cut = [];
  if (occupancy.stride > 1) cut.push(occupancy.stride === 2 ? "every second machine is shown" : `one machine in ${occupancy.stride} is shown`);
  if (occupancy.until !== null) cut.push(`only until ${duration(occupancy.until)}`);
  const frame = figureFrame("machines", "Machines over time",
    `Each block is a job on a machine; jobs that share a machine stand side by side. Drag, or use the buttons, to zoom.${cut.length ? ` To keep the file small, ${cut.join(", ")}.` : ""}`);
  frame.figure.insertBefore(chooser("Policy", with_spans.map((p) => [p, p]), policy,
    (p) => view.change({ machinePolicy: p }, "machines")), frame.plot);
  gantt(frame, occupancy, section.machines, policy);
  return frame;
}

function prices(section, view) {
  const pricing = view.policies.filter((policy) => section.policies[policy]?.prices);
  if (pricing.length === 0) return null;
  const policy = pricing.includes(view.pricePolicy) ? view.pricePolicy : pricing[0];
  const frame = figureFrame("prices", "Prices",
    `What one ${section.resource} on a machine costs for one slot, in utility. Dark is cheap, bright is dear.`);
  frame.figure.insertBefore(chooser("Policy", pricing.map((p) => [p, p]), policy,
    (p) => view.change({ pricePolicy: p }, "prices")), frame.plot);
  const { low, high } = heatMap(frame, section.policies[policy].prices, policy, section.resource);
  frame.figure.append(element("p", { class: "ramp" }, number(low),
    element("span", { style: `background:${rampGradient()}` }), number(high)));
  return frame;
}

/** All figures in their order; each makes a frame, or null if there is nothing to show. */
export const FIGURES = {
  completion,
  accuracy: barFigure("accuracy", "Time to accuracy", "Mean time from arrival until a job has the accuracy it trains for.", "time_to_accuracy", duration),
  samples: barFigure("samples", "Samples to accuracy", "Mean number of samples a job trains on until then: larger batches need more of them.", "samples_to_accuracy", number),
  loads,
  utility: barFigure("utility", "Utility", "What the completed jobs were worth in all, by the utility of each job.", "utility", number, { skipZero: true }),
  bound: barFigure("bound", "Share of the bound", "Utility over an upper bound of what any schedule could earn.", "share_of_bound", percent),
  queueing,
  fairness,
  utilization: overTime("utilization", "Utilisation", "Share of the cluster that jobs hold, first seed.", "used", "in use", percent, [0, 1]),
  fragmentation: overTime("fragmentation", "Fragmentation", "Share of the cluster that is free, but on machines that are partly in use, so that a job which wants a whole machine cannot have it. First seed.", "stranded", "free, but shared", percent),
  waiting: overTime("waiting", "Jobs that wait", "Jobs that have arrived and hold nothing, first seed.", "waiting", "jobs", number),
  latency,
  restarts: barFigure("restarts", "Restarts", "Resumes, resizes and moves of all jobs.", "restarts", number),
  machines: machinesOverTime,
  prices,
};
