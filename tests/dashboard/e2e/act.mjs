// Scenarios in which a person acts.
import assert from "node:assert/strict";
import { given, jobPage, enter, ready, site, until, visitor } from "./browser.mjs";

const generations = (page) => page.getByRole("region", { name: "Generations" });
const row = (page, id) => generations(page).locator(`tr[data-generation="${id}"]`);

export async function checkpoint_appears_as_it_is_made() {
  const page = await visitor();
  await jobPage(page, given.job);
  await generations(page).getByText("No checkpoint yet.").waitFor();
  await page.getByRole("button", { name: "Checkpoint now" }).click();
  await page.getByRole("status").filter({ hasText: /g1 of .* is (on its way|sealed)/ }).waitFor();
  await row(page, "g1").getByText("sealed").waitFor();
  assert.equal(await page.locator(".timeline-box .mark-sealed").count(), 1);
  ready(); // and now one that somebody else asks for
  await row(page, "g2").getByText("sealed").waitFor();
}

export async function stop_and_restart_from_a_generation() {
  const page = await visitor();
  await jobPage(page, given.job);
  await page.getByText("To go back to one of these, stop the job first.").waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.locator(".job-line").getByText("parked", { exact: true }).waitFor();
  await page.getByRole("button", { name: `Restart from ${given.generation}` }).click();
  const dialog = page.getByRole("dialog");
  assert.ok(await dialog.getByRole("radio", { name: new RegExp(`^${given.generation} `) }).isChecked());
  await dialog.getByRole("button", { name: `Restart from ${given.generation}` }).click();
  await page.locator(".job-line").getByText("running", { exact: true }).waitFor();
  await until(async () => (await page.locator(".timeline-box .link-line").count()) === 1, "the picture shows where it went on from");
}

export async function cancel_asks_first() {
  const page = await visitor();
  await jobPage(page, given.job);
  const button = page.getByRole("button", { name: "Cancel…" });
  // An Escape may follow at once: the dialog is open before the browser handles its next event.
  const opened = await button.evaluate(async (element) => {
    element.click();
    await new Promise((resolve) => queueMicrotask(() => queueMicrotask(resolve)));
    return document.querySelector("dialog")?.open;
  });
  assert.equal(opened, true, "opened in the same turn");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await button.click();
  await page.getByRole("dialog").getByRole("button", { name: "Do not cancel" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const asked = await page.evaluate(
    async ([id, token]) => (await fetch(`/v1/jobs/${id}`, { headers: { Authorization: `Bearer ${token}` } })).json(),
    [given.job, site.token],
  );
  assert.equal(asked.state, "running", "twice no is no");
  await button.click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the job" }).click();
  await page.locator(".job-line").getByText("cancelled", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Cancel…" }).waitFor({ state: "detached" });
}

export async function a_refusal_is_told_with_advice() {
  const page = await visitor({}, ["status of 409"]);
  await page.route("**/checkpoints", (route) =>
    route.fulfill({ status: 409, contentType: "application/problem+json", json: { code: "space", detail: "there is no room", advice: "Type `ckpt prune`." } }),
  );
  await jobPage(page, given.job);
  await page.getByRole("button", { name: "Checkpoint now" }).click();
  const told = page.getByRole("alert").filter({ hasText: "there is no room" });
  await told.waitFor();
  assert.match(await told.innerText(), /Type ckpt prune\./);
  await told.getByRole("button", { name: "Dismiss" }).click();
  await told.waitFor({ state: "detached" });
}

export async function pin_a_generation() {
  const page = await visitor();
  await jobPage(page, given.job);
  await generations(page).getByRole("button", { name: `Pin ${given.generation}` }).click();
  await row(page, given.generation).getByText("pinned").waitFor();
}

/** Tab until the focus is on something of that name; what has the focus is always seen. */
async function tabTo(page, name) {
  for (let steps = 0; steps < 60; ++steps) {
    await page.keyboard.press("Tab");
    const focus = await page.evaluate(() => {
      const one = document.activeElement;
      return { name: one?.getAttribute("aria-label") ?? one?.textContent?.trim() ?? "", box: one?.getBoundingClientRect().width ?? 0 };
    });
    assert.ok(focus.box > 0, "what has the focus can be seen");
    if (focus.name.startsWith(name)) {
      return;
    }
  }
  assert.fail(`Tab does not come to ${name}`);
}

export async function keyboard_alone() {
  const page = await visitor();
  await enter(page);
  await page.getByRole("link", { name: given.name }).waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
  await page.keyboard.press("/");
  await page.keyboard.type(given.name);
  await until(async () => (await page.locator("table.jobs tbody tr").count()) === 1, "the search has found it");
  await page.keyboard.press("Tab"); // to the filters, a group of its own: arrows move in it
  await page.keyboard.press("ArrowRight");
  assert.ok(await page.getByRole("radio", { name: /^active/i }).isChecked());
  await tabTo(page, given.name);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: given.name, level: 1 }).waitFor();
  await until(() => page.evaluate(() => document.activeElement?.id === "main"), "the focus is in the new page");
  await tabTo(page, "Cancel…");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Do not cancel", "the harmless button is first");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await until(() => page.evaluate(() => document.activeElement?.textContent === "Cancel…"), "the focus is where it was");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Checkpoint now");
  await page.keyboard.press("Enter");
  await page.getByRole("status").filter({ hasText: "is sealed" }).waitFor();
}
