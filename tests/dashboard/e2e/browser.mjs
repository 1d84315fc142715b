// What the scenarios share: a headless Chromium on the page of a real daemon, and ways to wait that are not sleeps.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const packages = createRequire(join(process.env.CKPT_DASH_PACKAGES, "package.json"));
const { chromium } = packages("playwright-core");

export const site = { origin: process.env.CKPT_DASH_ORIGIN, token: process.env.CKPT_DASH_TOKEN };
export const given = JSON.parse(process.env.CKPT_DASH_GIVEN ?? "{}");
const kPatience = 90_000; // a machine with much else to do

/** Tells who started us that he may go on. */
export const ready = (what = "ready") => console.log(what);

export async function until(condition, what) {
  for (const end = Date.now() + kPatience; ; ) {
    const value = await condition();
    if (value) {
      return value;
    }
    assert.ok(Date.now() < end, `not within ${kPatience} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

let browser = null;
const complaints = [];

/** A new visitor. What the browser complains about (CSP, exceptions), and any request elsewhere, fails the scenario. */
export async function visitor(options = {}, allowed = []) {
  browser ??= await chromium.launch({
    executablePath: process.env.CKPT_DASH_CHROMIUM,
    args: process.getuid() === 0 ? ["--no-sandbox"] : [],
  });
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  context.setDefaultTimeout(kPatience);
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !allowed.some((part) => message.text().includes(part))) {
      complaints.push(message.text());
    }
  });
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== site.origin && protocol !== "data:") {
      complaints.push(`asked elsewhere: ${request.url()}`);
    }
  });
  return page;
}

export async function enter(page, path = "/") {
  await page.goto(`${site.origin}/#token=${site.token}`);
  await page.getByRole("heading", { name: "Jobs", level: 1 }).waitFor();
  if (path !== "/") {
    await page.evaluate((hash) => (location.hash = hash), path);
  }
}

export const jobPage = async (page, id) => {
  await enter(page, `/jobs/${id}`);
  await page.getByRole("heading", { name: "Timeline" }).waitFor();
};

/** What axe-core finds wrong for people who see, hear or move differently. */
export async function accessible(page, where) {
  await page.evaluate(readFileSync(packages.resolve("axe-core/axe.min.js"), "utf8"));
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const told = violations.map((one) => `${one.id}: ${one.help}\n  ${one.nodes.map((node) => `${node.target} ${node.failureSummary}`).join("\n  ")}`);
  assert.deepEqual(told, [], `${where} is accessible`);
}

export async function finish(scenario) {
  try {
    await scenario();
    assert.deepEqual(complaints, [], "the browser has nothing to complain about");
  } finally {
    await browser?.close();
  }
}
