// A static host as a site might run it: the built page under a sub-path, every answer under the strict Content-Security-Policy.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';

export const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "font-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'";

const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8', '.wasm': 'application/wasm', '.svg': 'image/svg+xml',
  '.yaml': 'text/plain; charset=utf-8', '.md': 'text/plain; charset=utf-8', '.webmanifest': 'application/manifest+json',
};

/**
 * Serves `folder` under `base` on a free port of 127.0.0.1.
 * `extra` maps paths below `base` to `{ type, body, policy }` for pages that a test makes up; `policy` replaces the strict one.
 * `slow` of what it gives has milliseconds by the end of a path: a page that waits for an answer in the middle of a call (a
 * synchronous request) gets it from here, and not from the driver of the browser, which waits for the page.
 */
export async function serve(folder, base = '/docs/play/', extra = {}) {
  const slow = {};
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://x').pathname);
    // A document that names no icon, such as a script that is opened by itself, makes the browser ask for one.
    if (path === '/favicon.ico') return response.writeHead(204).end();
    if (!path.startsWith(base)) return response.writeHead(404).end();
    const inside = path.slice(base.length) || 'index.html';
    const made = extra[inside];
    const waits = Object.keys(slow).find((end) => inside.endsWith(end));
    if (waits) await new Promise((done) => setTimeout(done, slow[waits]));
    try {
      const body = made ? made.body : await readFile(join(folder, normalize('/' + inside)));
      response.writeHead(200, {
        'Content-Type': made?.type ?? TYPES[extname(inside)] ?? 'application/octet-stream',
        'Content-Security-Policy': made?.policy ?? POLICY,
        'Cache-Control': 'no-cache',
      }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const origin = `http://127.0.0.1:${server.address().port}`;
  return { origin, url: origin + base, slow, close: () => new Promise((done) => { server.close(done); server.closeAllConnections(); }) };
}
