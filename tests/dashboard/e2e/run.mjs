// node run.mjs SCENARIO: 0 when it held.
import * as act from "./act.mjs";
import { finish } from "./browser.mjs";
import * as look from "./look.mjs";

await finish({ ...look, ...act }[process.argv[2]]);
