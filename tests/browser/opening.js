// The first moment: traffic moves without a click, quietly, under the strict policy and from a sub-path.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertAccessible, assertQuiet, DIST, late, picture, until, visit } from './harness.js';
import { editor, hop, last, moving, pause, stage } from './page.js';

const LATER = /_rest\.wasm|\.engine\.json|late-\w+\.css/;

export function opening(site) {
  test('the page opens on a working example, and traffic moves without a click', async () => {
    const { page, trouble, close } = await visit(site);
    await moving(page);
    const text = await editor(page).inputValue();
    assert.match(text, /kind: Deployment[^]*replicas: 3[^]*kind: Service[^]*type: NodePort/);
    const first = await hop(page);
    await until(async () => (await hop(page)).at > first.at, 'the request does not move on by itself');
    await until(async () => /node-1[^]*node-2[^]*node-3/.test(await stage(page).textContent()), 'the nodes are on the stage');
    await until(async () => page.workers().length === 1, 'the engine runs off the page\'s thread');
    await picture(page, 'opening');
    assertQuiet(trouble);
    await close();
  });

  for (const slow of ['', 'words/', 'opening.bin']) test(`the first load is what the weight gate counts${slow && `, with ${slow} late`}`, async () => {
    const { page, context, close } = await visit(site, { path: 'boot.js' });
    const asked = new Set();
    // The engine never comes, neither its code nor its words, nor the style of what a person opens: opening needs nothing of them. Only
    // a call into the middle of the engine asks by XMLHttpRequest.
    let wanted = 0, stuck = false;
    await context.route(LATER, (route) => {
      wanted++;
      if (route.request().resourceType() !== 'xhr') return;
      stuck = true;
      route.continue();
    });
    page.on('request', (request) => asked.add(request.url().replace(site.host.url, '').replace(/[?#].*/, '')));
    context.on('request', (request) => asked.add(request.url().replace(site.host.url, '').replace(/[?#].*/, '')));
    await late(context, slow);
    await page.goto(site.host.url);
    await moving(page);
    const before = await hop(page);
    await until(async () => (await hop(page)).at > before.at, 'the packet travels');
    await until(async () => wanted > 0, 'the rest is asked for once it does');
    const ids = (await page.locator('body').innerText()).match(/\b[a-z]+\.[a-zA-Z]+\.(?:text|title)\b/g);
    assert.equal(ids, null, `words that come with the engine: ${ids}`);
    assert.ok(!stuck, 'opening called a function that only the rest of the wasm holds: run `make first-load`, and commit static/build/first-load.txt');
    const html = readFileSync(join(DIST, 'index.html'), 'utf8');
    const counted = new Set(['', 'boot.js', 'words/en.json', 'opening.bin']);
    for (const [, path] of html.matchAll(/(?:href|src|data-js|data-wasm)="\.\/([^"]+)"/g)) counted.add(path);
    const extra = [...asked].filter((path) => !counted.has(path) && !path.startsWith('data:') && !LATER.test(path));
    assert.deepEqual(extra, [], 'fetched before traffic moves, and not weighed');
    await close();
  });

  test('what is typed and pressed before the engine has come is done once it has', async () => {
    const { page, trouble, close } = await visit(site, { path: 'boot.js' });
    site.host.slow['_rest.wasm'] = 1500;
    await page.goto(site.host.url);
    await moving(page);
    await editor(page).fill((await editor(page).inputValue()).replace('replicas: 3', 'replicas: 1'));
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await until(async () => (await stage(page).getByRole('button', { name: /^Pod web-/ }).count()) === 1, 'one Pod is left', 20_000);
    delete site.host.slow['_rest.wasm'];
    assertQuiet(trouble);
    await close();
  });

  test('what a person opens before its words have come waits for them', async () => {
    const { page, trouble, close } = await visit(site, { path: 'boot.js' });
    site.host.slow['.engine.json'] = 3000;
    await page.goto(site.host.url);
    await moving(page);
    await page.getByRole('button', { name: 'About this model' }).click();
    await page.waitForTimeout(500);
    assert.equal(await page.getByRole('dialog').count(), 0);
    await page.getByRole('dialog').getByText('kubehop plays a Kubernetes').waitFor();
    assert.equal((await page.getByRole('dialog').innerText()).match(/\babout\.\w+/), null);
    delete site.host.slow['.engine.json'];
    assertQuiet(trouble);
    await close();
  });

  test('the recording that the page opens with is what its engine answers, drawn before the rest of the wasm has come as after', async () => {
    const { page, context, close } = await visit(site, { path: 'boot.js', motion: 'reduce' });
    let come;
    const held = new Promise((resolve) => { come = resolve; });
    await context.route('**/*_rest.wasm', async (route) => { await held; await route.continue(); });
    await page.goto(site.host.url);
    await moving(page);
    const parts = [stage(page), page.getByRole('region', { name: 'Timeline' }), page.locator('.insp .lead'), page.locator('.insp .ba')];
    const told = () => Promise.all(parts.map((part) => part.innerHTML()));
    const recorded = await told();
    come();
    await until(async () => page.workers().length === 1, 'the engine runs');
    await page.getByRole('button', { name: 'Replay' }).click();
    await page.waitForTimeout(1000);
    assert.deepEqual(await told(), recorded);
    await close();
  });

  for (const look of [{ scheme: 'light' }, { scheme: 'dark' }, { size: 'phone' }, { size: 'phone', scheme: 'dark' }, { size: 'tablet' }, { locale: 'ko-KR' }]) {
    const name = Object.values(look).join(', ');
    test(`accessible by axe: ${name}`, async () => {
      const { page, trouble, close } = await visit(site, { ...look, motion: 'reduce' });
      await until(async () => (await page.getByRole('region').count()) > 1, 'the page stands');
      await until(async () => page.workers().length === 1, 'the engine runs');
      await page.waitForTimeout(800);
      await picture(page, `opening ${name}`.replaceAll(/[ ,]+/g, '-'));
      await assertAccessible(page, name);
      assertQuiet(trouble);
      await close();
    });
  }

  test('with reduced motion nothing plays by itself, and all hops can be reached', async () => {
    const { page, close } = await visit(site, { motion: 'reduce' });
    await moving(page);
    const first = await hop(page);
    await page.waitForTimeout(2500);
    assert.deepEqual(await hop(page), first);
    await last(page);
    const end = await hop(page);
    assert.equal(end.at, end.of);
    await pause(page);
    await close();
  });
}
