// node page_test.mjs PROGRAM [FOLDER FOR SCREENSHOTS]
// Opens the report of a small comparison in headless Chromium: no error, every picture drawn, nothing
// loaded from elsewhere, on wide and narrow screens, light, dark and in print. Exit status 77: there
// is no Chromium. NODE_PATH does not work for modules, so run it from the build folder of the page.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [program, screenshots] = process.argv.slice(2);
const chromiumPath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
if (!chromiumPath) {
  console.log("skipped: there is no chromium on this machine");
  process.exit(77);
}
const { chromium } = createRequire(join(process.cwd(), "package.json"))("playwright-core");

const FIGURES = ["completion", "loads", "utility", "queueing", "fairness", "utilization", "fragmentation",
  "waiting", "latency", "restarts", "machines", "prices"];

const folder = mkdtempSync(join(tmpdir(), "bourse-page-"));
const run = (...args) => execFileSync(program, args, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });

/** The report of three policies at two loads and two sizes, with prices given to one of them. */
function makeReport() {
  run("workload", "generate", "philly-like", "--machines", "4", "--days", "1", "--seed", "1", "--out", "day.yaml");
  run("compare", "--workload", "day.yaml", "--policies", "fifo,srsf,drf", "--seeds", "2", "--loads", "1,2",
    "--scales", "2", "--cache", "cache", "--out", "out", "--progress", "never");
  const path = join(folder, "out", "report.html");
  const page = readFileSync(path, "utf8");
  const marker = /(<script type="application\/json" id="comparison">)(.*?)(<\/script>)/s;
  const data = JSON.parse(page.match(marker)[2]);
  const prices = Array.from({ length: 4 * 64 }, (_, i) => (i % 7 === 3 ? null : 1 + (i % 13)));
  data.sections[0].policies.drf.prices = { width: 600, stride: 1, rows: 4, prices };
  const priced = join(folder, "out", "priced.html");
  writeFileSync(priced, page.replace(marker, (_, open, json, close) => open + JSON.stringify(data).replaceAll("<", "\\u003c") + close));
  return priced;
}

/** The report of jobs that train to an accuracy, at two loads. */
function makeAccuracyReport() {
  run("workload", "generate", "ones", "--jobs", "6", "--seed", "1", "--out", "ones.yaml");
  run("compare", "--workload", "ones.yaml", "--policies", "fifo,srsf", "--seeds", "2", "--loads", "1,2",
    "--cache", "cache", "--out", "accuracy", "--progress", "never");
  return join(folder, "accuracy", "report.html");
}

/** In the page: names of figures whose picture has less than a handful of colours. */
function blankFigures() {
  return [...document.querySelectorAll("figure")].filter((figure) => {
    const canvas = figure.querySelector("canvas");
    if (!canvas) return figure.querySelectorAll(".bar").length === 0;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    return colours.size < 5;
  }).map((figure) => figure.id);
}

async function openPage(browser, path, options) {
  const page = await browser.newPage(options);
  const problems = [];
  page.on("console", (message) => problems.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("request", (request) => {
    if (!/^(file|data|blob):/.test(request.url())) problems.push(`loads ${request.url()}`);
  });
  await page.goto(`file://${path}`);
  return { page, problems };
}

async function check(browser, path, name, options) {
  const { page, problems } = await openPage(browser, path, options);
  const states = await page.$$eval("figure", (all) => all.map((figure) => [figure.id, figure.dataset.state]));
  assert.deepEqual(states.map(([id]) => id), FIGURES, name);
  assert.deepEqual(states.filter(([, state]) => state !== "drawn"), [], name);
  assert.deepEqual(await page.evaluate(blankFigures), [], `${name}: pictures without content`);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(overflow <= 0, `${name}: the page is ${overflow} pixels wider than the screen`);
  if (screenshots) await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
  return { page, problems };
}

/** What a reader does with keys and fingers. */
async function use(page) {
  const middle = () => page.$eval("#machines .readout", (node) => node.textContent);
  const before = await page.$eval("#machines canvas", (canvas) => canvas.toDataURL());
  await page.focus('#machines .zoom button[aria-label="Zoom in"]');
  await page.keyboard.press("Enter");
  await page.waitForFunction((old) => document.querySelector("#machines canvas").toDataURL() !== old, before);
  await page.locator("#machines .u-over").hover({ position: { x: 60, y: 60 } });
  assert.match(await middle(), /^(machine \d+: job \d+.*)?$/);
  await page.click(".policies button >> nth=0");
  assert.equal(await page.getAttribute(".policies button >> nth=0", "aria-pressed"), "false");
  assert.equal(await page.locator("#utility .bar").count(), 2);
  await page.selectOption("#loads select", "utility");
  assert.equal(await page.getAttribute("#loads", "data-state"), "drawn");
  await page.click("#completion summary");
  // The table is made when it is opened, which the browser tells a little later.
  await page.waitForFunction(() => document.querySelectorAll("#completion details td").length > 20);
  await page.selectOption(".controls select", "1");
  assert.equal(await page.getAttribute("#completion", "data-state"), "drawn");
}

/** Figures that only such jobs have. */
async function checkAccuracy(browser) {
  const { page, problems } = await openPage(browser, makeAccuracyReport(), { viewport: { width: 1280, height: 900 } });
  for (const figure of ["accuracy", "samples"]) assert.equal(await page.locator(`#${figure} .bar`).count(), 2, figure);
  await page.selectOption("#loads select", "time_to_accuracy");
  assert.equal(await page.getAttribute("#loads", "data-state"), "drawn");
  if (screenshots) await page.screenshot({ path: join(screenshots, "accuracy.png"), fullPage: true });
  await page.close();
  return problems;
}

let browser;
try {
  const path = makeReport();
  browser = await chromium.launch({
    executablePath: chromiumPath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  const problems = [];
  for (const [name, options] of [
    ["phone", { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2 }],
    ["dark", { viewport: { width: 1280, height: 900 }, colorScheme: "dark" }],
    ["desktop", { viewport: { width: 1280, height: 900 } }],
  ]) {
    const checked = await check(browser, path, name, options);
    if (name === "desktop") {
      await checked.page.pdf({ path: join(screenshots ?? folder, "print.pdf"), format: "A4" });
      await use(checked.page);
    }
    problems.push(...checked.problems.map((problem) => `${name}: ${problem}`));
    await checked.page.close();
  }
  problems.push(...(await checkAccuracy(browser)).map((problem) => `accuracy: ${problem}`));
  assert.deepEqual(problems, []);
  console.log(`${FIGURES.length} pictures drawn on three screens and on paper, no error`);
} finally {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
}
