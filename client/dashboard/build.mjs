// node build.mjs SOURCE BINARY: bundles SOURCE/src into one HTML file and writes BINARY/page.cpp. Packages are in BINARY.
// One file, not three: script and style always fit each other, and the daemon has one route more instead of three.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [source, binary] = process.argv.slice(2);
const esbuild = createRequire(join(binary, "package.json"))("esbuild");

const { outputFiles } = await esbuild.build({
  entryPoints: [join(source, "src/main.tsx")],
  nodePaths: [join(binary, "node_modules")],
  outdir: binary,
  bundle: true,
  minify: true,
  write: false,
  format: "iife",
  target: ["chrome100", "firefox100", "safari15"],
  jsx: "automatic",
  jsxImportSource: "preact",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
});
const text = (suffix) => outputFiles.find((file) => file.path.endsWith(suffix)).text.trim();
const hash = (code) => `'sha256-${createHash("sha256").update(code).digest("base64")}'`;
const fill = (template, values) => template.replace(/@(\w+)@/g, (whole, name) => values[name] ?? whole);

const SCRIPT = text(".js");
const STYLE = text(".css");
const HTML = fill(readFileSync(join(source, "index.html"), "utf8"), { SCRIPT, STYLE });
if (HTML.includes(')page"')) {
  throw new Error("the page contains the delimiter of its C++ literal");
}
const page = fill(readFileSync(join(source, "page.cpp.in"), "utf8"), {
  HTML,
  SCRIPT_SOURCE: hash(SCRIPT),
  STYLE_SOURCE: hash(STYLE),
});
writeFileSync(join(binary, "page.cpp"), page);
