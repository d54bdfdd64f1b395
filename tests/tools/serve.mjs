// A static file server for the demo and the tests: exact MIME types, byte ranges, and the strict content security policy
// under which Nearfield promises to work.
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { models, pkg, root } from "./paths.mjs";

export const POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "worker-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".jsonl": "application/jsonl; charset=utf-8",
  ".tsv": "text/tab-separated-values; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".md": "text/markdown; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".wasm": "application/wasm",
  ".safetensors": "application/octet-stream",
};

/**
 * Folders as the demo sees them. The sample is the project's own documentation: the Markdown files at the root. Of a
 * mount with `only`, just the files whose names match exist, and `index.json` lists them.
 */
export const DEMO = [
  { at: "/pkg/", folder: pkg },
  { at: "/models/", folder: models },
  { at: "/sample/", folder: root, only: /^[A-Z_]+\.md$/ },
  { at: "/", folder: join(root, "www") },
];

/**
 * Serves `mounts` on 127.0.0.1: the first counts whose `at` begins the path (with `file`: equals it). Port 0 takes any
 * free one. `intercept(request, response)` may answer first and then returns true; `policy` is the content security
 * policy. The result's `requests` collects the paths asked for.
 */
export async function serve(mounts = DEMO, { port = 0, intercept, policy = POLICY } = {}) {
  const requests = [];
  const server = createServer(async (request, response) => {
    response.setHeader("Content-Security-Policy", policy);
    response.setHeader("X-Content-Type-Options", "nosniff");
    response.setHeader("Referrer-Policy", "no-referrer");
    response.setHeader("Cache-Control", "no-cache");
    const path = new URL(request.url, "http://localhost").pathname;
    requests.push(path);
    try {
      if (!(await intercept?.(request, response))) await answer(mounts, path, request, response);
    } catch (error) {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    }
  });
  await new Promise((done, failed) => server.once("error", failed).listen(port, "127.0.0.1", done));
  return {
    url: `http://localhost:${server.address().port}`,
    requests,
    close: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}

async function answer(mounts, path, request, response) {
  if (request.method !== "GET" && request.method !== "HEAD") return end(response, 405);
  const listed = mounts.find(({ at, only }) => only && path === `${at}index.json`);
  if (listed) {
    const names = (await readdir(listed.folder)).filter((name) => listed.only.test(name)).sort();
    response.writeHead(200, { "Content-Type": TYPES[".json"] });
    return response.end(JSON.stringify(names));
  }
  const file = locate(mounts, path);
  const found = file && (await stat(file).catch(() => undefined));
  if (!found?.isFile()) return end(response, 404);

  response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
  response.setHeader("Accept-Ranges", "bytes");
  const [start, stop] = range(request.headers.range, found.size);
  if (start >= stop && found.size > 0) {
    response.setHeader("Content-Range", `bytes */${found.size}`);
    return end(response, 416);
  }
  const whole = start === 0 && stop === found.size;
  if (!whole) response.setHeader("Content-Range", `bytes ${start}-${stop - 1}/${found.size}`);
  response.setHeader("Content-Length", stop - start);
  response.writeHead(whole ? 200 : 206);
  if (request.method === "HEAD" || stop === start) return response.end();
  createReadStream(file, { start, end: stop - 1 })
    .on("error", () => response.destroy())
    .pipe(response);
}

/** The file of a path, or undefined when no mount has it or it would leave the mount's folder. */
function locate(mounts, path) {
  const mount = mounts.find(({ at }) => path.startsWith(at));
  if (!mount) return undefined;
  if (mount.file) return path === mount.at ? join(mount.folder, mount.file) : undefined;
  const inside = normalize(decodeURIComponent(path.slice(mount.at.length)) || "index.html");
  if (inside.startsWith("..") || inside.includes("\0") || (mount.only && !mount.only.test(inside))) return undefined;
  return join(mount.folder, inside.endsWith("/") ? join(inside, "index.html") : inside);
}

/** Half-open byte range that a `Range` header asks for; everything without one, an empty range when it cannot be met. */
function range(header, size) {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? [];
  if (first === undefined || (first === "" && last === "")) return [0, size];
  if (first === "") return [Math.max(0, size - Number(last)), size];
  return [Math.min(Number(first), size), last === "" ? size : Math.min(Number(last) + 1, size)];
}

function end(response, status) {
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" });
  response.end(`${status}\n`);
}
