// node unit.mjs PACKAGES: bundles each unit/*.test.ts into PACKAGES/unit and runs them with node's own test runner.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const packages = process.argv[2];
const outdir = join(packages, "unit");
rmSync(outdir, { recursive: true, force: true });
const names = readdirSync(join(here, "unit")).filter((name) => name.endsWith(".test.ts"));
await createRequire(join(packages, "package.json"))("esbuild").build({
  entryPoints: names.map((name) => join(here, "unit", name)),
  outdir,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  sourcemap: "inline",
  banner: { js: 'import { webcrypto } from "node:crypto"; globalThis.crypto ??= webcrypto;' }, // node 18 has it there only
  logLevel: "warning",
});
const files = names.map((name) => join(outdir, name.replace(/\.ts$/, ".mjs")));
const done = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit", env: { ...process.env, TZ: "Europe/Berlin" } });
process.exit(done.status ?? 1);
