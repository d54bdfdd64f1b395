// `npm run demo`: sets up what the demo needs, builds, and serves it until it is stopped.
//
//   npm run demo                  on port 8080, or the next that is free
//   npm run demo -- --port 9000
import { parseArgs } from "node:util";
import { build } from "./build.mjs";
import { DEMO, serve } from "./serve.mjs";
import { setup } from "./setup.mjs";

const { values: options } = parseArgs({
  options: { port: { type: "string", default: "8080" }, yes: { type: "boolean", default: false } },
});

try {
  await setup(["build", "models"], { yes: options.yes });
  await build();
  const { url } = await serveFrom(Number(options.port));
  console.log(`\nNearfield's demo is at ${url}/\n(Ctrl-C stops it.)`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

async function serveFrom(port) {
  for (let next = port; ; next++) {
    try {
      return await serve(DEMO, { port: next });
    } catch (error) {
      if (error.code !== "EADDRINUSE" || next >= port + 20) throw error;
    }
  }
}
