// Colours that stay apart for people who see few of them (after Okabe and Ito), in two sets, one for
// light and one for dark ground. Beyond eight policies the dash of a line tells them apart.

import { style } from "./dom.js";

const COLOURS = 8;
const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3]];

let colours = [];

/** Reads the colours of the page's style; call when it may have changed. */
export function loadPalette() {
  colours = Array.from({ length: COLOURS }, (_, i) => style(`--series-${i}`));
}

/** How the policy at this position is drawn. */
export function styleOf(index) {
  return { colour: colours[index % COLOURS], dash: DASHES[Math.floor(index / COLOURS) % DASHES.length] };
}

/** Colour of a job in the chart of machines: neighbours differ. */
export function jobColour(job) {
  return colours[(job * 5) % COLOURS];
}

// Perceptually even from dark to light (after viridis).
const RAMP = [
  [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137],
  [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37],
];

/** Colour for a share in [0, 1]. */
export function rampColour(share) {
  const at = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, RAMP.length - 1);
  const mixed = RAMP[low].map((c, i) => Math.round(c + (RAMP[high][i] - c) * (at - low)));
  return `rgb(${mixed.join(",")})`;
}

/** The ramp as a CSS gradient. */
export function rampGradient() {
  return `linear-gradient(to right, ${RAMP.map((c) => `rgb(${c.join(",")})`).join(", ")})`;
}
