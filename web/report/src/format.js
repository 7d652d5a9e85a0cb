// Numbers as people read them.

const UNITS = [
  ["d", 86400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

/** Two digits and a unit: "3.2 h". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds === 0) return "0 s";
  for (const [unit, size] of UNITS)
    if (Math.abs(seconds) >= size) return `${number(seconds / size)} ${unit}`;
  return `${number(seconds * 1000)} ms`;
}

/** At most three digits that matter, without an exponent where it can be avoided. */
export function number(value) {
  if (value === null || value === undefined) return "–";
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e9)) return value.toExponential(1);
  const text = Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

export function percent(share) {
  return share === null || share === undefined ? "–" : `${number(share * 100)} %`;
}

export function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  return value < 1 ? `${number(value * 1000)} µs` : duration(value / 1000);
}

const DURATION_STEPS = [
  0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36000, 86400, 864000, 8640000, 86400000,
];

/** Marks of an axis of durations that is logarithmic; only whole units if there is room for few. */
export function durationSplits(low, high, most) {
  const all = DURATION_STEPS.filter((step) => step >= low && step <= high);
  return all.length <= most ? all : all.filter((step) => UNITS.some(([, size]) => size === step));
}

export function powersOfTen(low, high) {
  const out = [];
  for (let power = Math.ceil(Math.log10(low)); power <= Math.log10(high); ++power) out.push(10 ** power);
  return out;
}

/** Marks of a linear axis of time: about `count` round steps. */
export function timeSplits(low, high, count) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
    86400, 172800, 432000, 864000, 1728000, 4320000, 8640000];
  const wanted = (high - low) / count;
  const step = steps.find((s) => s >= wanted) ?? wanted;
  const out = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) out.push(at);
  return out;
}

/** A point in time since the start, as short as the step between marks allows. */
export function timeMark(seconds, step) {
  if (seconds === 0) return "0";
  if (step >= 86400) return `${number(seconds / 86400)} d`;
  if (step >= 3600) {
    const days = Math.floor(seconds / 86400);
    const hours = Math.round((seconds - days * 86400) / 3600);
    return days > 0 ? (hours ? `${days} d ${hours} h` : `${days} d`) : `${hours} h`;
  }
  if (step >= 60) {
    const hours = Math.floor(seconds / 3600);
    const minutes = Math.round((seconds - hours * 3600) / 60);
    return hours > 0 ? `${hours} h ${minutes}` : `${minutes} min`;
  }
  return `${number(seconds)} s`;
}
