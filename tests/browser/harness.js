// What every browser test needs: the built page in Chromium, and a watch on everything that must not happen there.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import { AxeBuilder } from '@axe-core/playwright';
import { serve } from './serve.js';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const DIST = process.env.DIST ?? join(ROOT, 'dist');
export const RESULTS = join(ROOT, 'test-results');

export const SIZES = { desktop: { width: 1440, height: 900 }, tablet: { width: 1024, height: 768 }, phone: { width: 390, height: 844 } };

/** Debian's Chromium, or what CHROMIUM names. */
export function chromiumPath() {
  const found = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => path && existsSync(path));
  if (!found) throw new Error('No Chromium found. Install it (Debian: apt-get install chromium) or set CHROMIUM to its path.');
  return found;
}

/** One browser and one server for a whole run. */
export async function open(extra = {}) {
  const host = await serve(DIST, '/docs/play/', extra);
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] });
  return { host, browser, close: async () => { await browser.close(); await host.close(); } };
}

/**
 * A fresh page on the built site, watched. `look`: size, scheme ('light' or 'dark'), motion ('reduce'), locale, hash, path, and
 * `before`, a function that runs in the page before anything of it.
 * The answer's `trouble` lists policy violations, console errors, uncaught errors, failed requests and requests to other hosts.
 */
export async function visit({ host, browser }, look = {}) {
  const size = SIZES[look.size ?? 'desktop'];
  const context = await browser.newContext({
    viewport: size, colorScheme: look.scheme ?? 'light', reducedMotion: look.motion ?? 'no-preference', locale: look.locale ?? 'en-US',
    hasTouch: look.size === 'phone',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const trouble = [];
  const seen = (kind, what) => trouble.push(`${kind}: ${what}`);
  await page.exposeBinding('__violated', (_, what) => seen('policy', what));
  await page.addInitScript(() => addEventListener('securitypolicyviolation', (e) =>
    window.__violated(`${e.effectiveDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`)));
  page.on('console', (message) => { if (message.type() === 'error') seen('console', message.text()); });
  page.on('pageerror', (error) => seen('uncaught', error.message));
  page.on('requestfailed', (request) => seen('request failed', `${request.url()} ${request.failure()?.errorText}`));
  page.on('response', (response) => { if (response.status() >= 400) seen('status', `${response.status()} ${response.url()}`); });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== host.origin && !['data:', 'blob:'].includes(url.protocol)) seen('other host', url.href);
  });
  if (look.before) await page.addInitScript(look.before);
  await page.goto(host.url + (look.path ?? '') + (look.hash ?? ''));
  return { page, trouble, context, close: () => context.close() };
}

/** Fails with the whole list when anything happened that must not. */
export function assertQuiet(trouble) {
  assert.deepEqual(trouble, []);
}

/** What has `part` in its address comes two seconds late. */
export async function late(context, part) {
  if (!part) return;
  await context.route((url) => url.href.includes(part), async (route) => {
    await new Promise((done) => setTimeout(done, 2000));
    await route.continue();
  });
}

/** Accessibility by axe: no violation at all. */
export async function assertAccessible(page, what) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const lines = violations.flatMap((v) => v.nodes.map((n) => `${v.id} (${v.impact}): ${n.target.join(' ')}: ${n.failureSummary?.split('\n')[1]?.trim()}`));
  assert.deepEqual(lines, [], what);
}

/** Keeps a picture under test-results/ for people to look at; no test compares it. */
export async function picture(page, name) {
  mkdirSync(RESULTS, { recursive: true });
  await page.screenshot({ path: join(RESULTS, `${name}.png`) });
}

/** Waits until `what()` is true; polls, because the page's state is read through the accessibility tree. */
export async function until(what, message, limit = 10_000) {
  const end = Date.now() + limit;
  let last;
  while (Date.now() < end) {
    try {
      last = await what();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.fail(`${message} (last: ${last instanceof Error ? last.message : JSON.stringify(last)})`);
}
