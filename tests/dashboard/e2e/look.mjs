// Scenarios that change nothing.
import assert from "node:assert/strict";
import { accessible, enter, given, jobPage, ready, site, until, visitor } from "./browser.mjs";

const rows = (page) => page.locator("table.jobs tbody tr");
const names = (page) => page.locator("table.jobs tbody tr .row-link").allInnerTexts();

export async function table_filter_and_search() {
  const page = await visitor();
  await enter(page);
  await until(async () => (await rows(page).count()) === given.count, "all jobs are in the table");
  const done = rows(page).filter({ hasText: given.done_name });
  assert.match(await done.innerText(), /completed/);
  assert.match(await rows(page).filter({ hasText: given.failed_name }).innerText(), /failed\s+status 3/);
  await page.getByRole("radio", { name: /^failed/i }).check({ force: true });
  assert.deepEqual(await names(page), [given.failed_name]);
  await page.getByRole("radio", { name: /^all/i }).check({ force: true });
  await page.getByRole("searchbox", { name: "Search jobs" }).fill("project=qcd");
  assert.deepEqual(await names(page), [given.tagged_name]);
  await page.getByRole("searchbox", { name: "Search jobs" }).fill("no such job");
  await page.getByText("No job is like that.").waitFor();
  await page.getByRole("searchbox", { name: "Search jobs" }).fill("");
  await rows(page).filter({ hasText: given.done_name }).click(); // anywhere in the row
  await page.getByRole("heading", { name: given.done_name, level: 1 }).waitFor();
  await page.goBack();
  await until(async () => (await rows(page).count()) === given.count, "the table is back");
}

export async function a_job_appears_by_itself() {
  const page = await visitor();
  await enter(page);
  await until(async () => (await rows(page).count()) === given.count, "all jobs are in the table");
  console.log("ready");
  await page.getByRole("link", { name: given.new_name }).waitFor();
}

export async function job_with_its_timeline() {
  const page = await visitor();
  await jobPage(page, given.job);
  await until(async () => (await page.locator(".timeline svg .run:not(.legend *)").count()) === given.attempts, "a bar for each attempt");
  const picture = page.getByRole("img", { name: /^Timeline: / });
  assert.match(await picture.getAttribute("aria-label"), new RegExp(`${given.attempts} attempts on 1 node, ${given.sealed} checkpoints sealed`));
  assert.equal(await picture.locator(".mark").count(), given.generations, "a mark for each checkpoint");
  assert.equal(await picture.locator(".link-line").count(), 1, "a line from the checkpoint to what went on from it");
  assert.ok((await picture.locator(".lost").count()) >= 1, "what the rollback set aside is shaded");
  assert.equal(await page.locator(".plot svg .plot-bar").count(), 2 * given.sealed, "sizes and times of all of them");
  const pruned = page.getByLabel(/pruned/);
  if (await pruned.isVisible()) {
    await pruned.check();
  }
  const table = page.getByRole("region", { name: "Generations" }).getByRole("table");
  assert.equal(await table.locator("tbody tr").count(), given.generations);
  await until(async () => /^\d+ [0-9a-f]{12}$/m.test(await page.locator("pre.output").innerText()), "the end of its output");
  const last = async () => Number((await page.locator("pre.output").innerText()).trim().split("\n").at(-1).split(" ")[0]);
  const before = await last();
  await until(async () => (await last()) > before, "the output goes on");
  await page.getByText(/Runner's log/).click();
  await until(async () => !/[0-9a-f]{12}/.test(await page.locator("pre.output").innerText()), "another stream, another text");
}

export async function health_of_daemon_scheduler_and_engines() {
  const page = await visitor();
  await enter(page, "/cluster");
  for (const title of ["Scheduler", "Engines", "Store", "Daemon"]) {
    await page.getByRole("heading", { name: title }).waitFor();
  }
  assert.match(await page.locator("main").innerText(), /this machine/);
  await page.getByText("all is well").waitFor();
}

export async function nodes_and_numbers() {
  const page = await visitor();
  await enter(page, "/cluster");
  const nodes = page.getByRole("region", { name: "Nodes" }).getByRole("table");
  const row = nodes.getByRole("row").filter({ has: page.getByRole("rowheader", { name: given.node, exact: true }) });
  await row.getByRole("link", { name: given.job, exact: true }).waitFor();
  assert.equal(await nodes.locator("tbody tr").count(), given.nodes);
  assert.equal(await row.getByRole("cell").nth(2).innerText(), String(given.attempts), "attempts that began there");
  const number = (name) => page.locator(".fact").filter({ has: page.locator("dt", { hasText: name }) }).locator(".fact-value");
  assert.match(await page.locator(".fact").filter({ hasText: "Checkpoints" }).innerText(), new RegExp(`${given.sealed} sealed`));
  assert.match(await number("Computed").innerText(), /^\d+ (s|min|h)/);
  const before = Number(await number("Checkpoints").innerText());
  assert.equal(before, given.checkpoints);
  ready();
  await until(async () => Number(await number("Checkpoints").innerText()) > before, "a checkpoint is counted as it is sealed");
  await row.getByRole("link", { name: given.job, exact: true }).click();
  await page.getByRole("heading", { name: "Timeline" }).waitFor();
}

export async function degraded_says_what_to_do() {
  const page = await visitor();
  await page.route("**/v1/status", async (route) => {
    const { "if-none-match": _, ...headers } = await route.request().allHeaders();
    const response = await route.fetch({ headers });
    const degraded = [{ code: "store_full", message: "the store is nearly full", advice: "Type `ckpt prune`.", since: null }];
    await route.fulfill({ response, json: { ...(await response.json()), health: "degraded", degraded } });
  });
  await enter(page);
  const told = page.getByRole("region", { name: "What is wrong" });
  await told.waitFor();
  assert.match(await told.innerText(), /the store is nearly full\s+Type ckpt prune\./);
}

export async function token_is_wanted_taken_and_kept_to_itself() {
  const page = await visitor({}, ["status of 401"]);
  await page.goto(`${site.origin}/`);
  await page.getByRole("heading", { name: "The page wants a token" }).waitFor();
  await page.getByText("ckpt dashboard").waitFor();
  await accessible(page, "the page that wants a token");
  await page.goto(`${site.origin}/#token=${"0".repeat(64)}`);
  await page.getByRole("heading", { name: "This token does not open the page" }).waitFor();
  await page.getByLabel(/Or paste/).fill(`${site.origin}/#token=${site.token}`);
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByRole("heading", { name: "Jobs", level: 1 }).waitFor();
  // A good address pasted into the tab: gone from the address bar at once, and nowhere else but in memory.
  await page.goto(`${site.origin}/#token=${site.token}`);
  await page.getByRole("heading", { name: "Jobs", level: 1 }).waitFor();
  assert.equal(new URL(page.url()).hash, "#/");
  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, history.state]));
  assert.ok(!stored.includes(site.token), stored);
  await page.reload();
  await page.getByRole("heading", { name: "The page wants a token" }).waitFor();
}

/** Lightness of what is behind the page, 0 to 255. */
const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3).reduce((sum, one) => sum + Number(one), 0) / 3);

export async function light_and_dark() {
  for (const scheme of ["light", "dark"]) {
    const page = await visitor({ colorScheme: scheme }, ["status of 401"]);
    await enter(page);
    await rows(page).first().waitFor();
    assert.equal((await ground(page)) > 128, scheme === "light");
    await accessible(page, `the table, ${scheme},`);
    await jobPage(page, given.job);
    await page.locator(".timeline svg .run").first().waitFor();
    await accessible(page, `a job, ${scheme},`);
    await page.evaluate(() => (location.hash = "/cluster"));
    await page.getByRole("heading", { name: "Daemon" }).waitFor();
    await accessible(page, `the health, ${scheme},`);
    const opposite = scheme === "light" ? "dark" : "light";
    await until(async () => {
      await page.getByRole("button", { name: /^Colours: / }).click();
      return page.getByRole("button", { name: `Colours: ${opposite}` }).isVisible();
    }, `the switch comes to ${opposite}`);
    assert.equal((await ground(page)) > 128, opposite === "light");
    await page.reload(); // without the token, but with the colours
    assert.equal((await ground(page)) > 128, opposite === "light");
    await page.context().close();
  }
}

export async function phone() {
  const page = await visitor({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });
  const fits = async (where) => assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, `${where} fits`);
  await enter(page);
  await rows(page).first().waitFor();
  await fits("the table");
  const cells = await rows(page).first().locator("th, td").evaluateAll((all) => all.map((one) => one.getBoundingClientRect().right));
  assert.ok(Math.max(...cells) <= 390, "nothing of a row is cut off");
  assert.equal(await page.getByRole("table").getByRole("rowheader").count(), given.count, "it is a table for a screen reader all the same");
  await page.getByRole("link", { name: given.name }).tap();
  await page.locator(".timeline svg .run").first().waitFor();
  await fits("a job");
  await accessible(page, "a job on a phone");
  await page.getByRole("link", { name: /^Health/ }).tap();
  await page.getByRole("heading", { name: "Daemon" }).waitFor();
  await fits("the health");
}

export async function events_come_as_a_stream() {
  const page = await visitor();
  await enter(page);
  const type = await page.evaluate(async (token) => {
    const stop = new AbortController();
    const response = await fetch("/v1/events?after=0", { headers: { Accept: "text/event-stream", Authorization: `Bearer ${token}` }, signal: stop.signal });
    stop.abort();
    return response.headers.get("Content-Type");
  }, site.token);
  assert.match(type, /^text\/event-stream/);
  const asked = [];
  page.on("request", (request) => request.url().includes("/v1/events") && asked.push(request.url()));
  await jobPage(page, given.job);
  await page.getByText("Live").waitFor();
  assert.ok(!asked.some((url) => url.includes("wait=")), "no long poll beside the stream");
}

/** What the daemon sends is made up here. */
export async function a_stream_is_read_on_where_it_ended() {
  const page = await visitor();
  const asked = [];
  let job = 0;
  page.on("request", (request) => (job += request.url().endsWith(`/v1/jobs/${given.job}`) ? 1 : 0));
  await page.route("**/v1/events?after=*", async (route) => {
    assert.equal(await route.request().headerValue("Accept"), "text/event-stream");
    const after = Number(new URL(route.request().url()).searchParams.get("after"));
    asked.push(after);
    const event = { seq: after + 5, at: "2026-03-01T12:00:00Z", type: "job_parked", job: given.job, attempt: null, generation: null, message: "parked", by: "user" };
    const body = asked.length === 1 ? `: beat\n\nid: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n` : ": beat\n\n";
    await route.fulfill({ contentType: "text/event-stream", body });
  });
  await enter(page);
  await page.getByText("Live").waitFor();
  await until(() => asked.length >= 2, "it asks again when the stream has ended");
  assert.equal(asked[1], asked[0] + 5, "from where it was");
  await until(() => job > 0, "the event's job is asked for again");
}
