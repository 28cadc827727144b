// What comes back: by a link, after a reload, from before an example.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { assertQuiet, until, visit } from './harness.js';
import { assertEnds, button, choose, editor, inspector, last, moving, played, podsOf, seedOf, send, setting, stage, url, write } from './page.js';

/** All of the shown trace that a person can read: the words of each hop. */
async function told(page) {
  await last(page);
  return (await inspector(page).locator('section').first().innerText()).replace(/\s+/g, ' ');
}

/** What is typed just before a reload is there after it. */
async function typeAndReload(page, words) {
  await editor(page).focus();
  await page.keyboard.press('Control+End');
  await page.keyboard.type(words);
  const text = await editor(page).inputValue();
  await page.reload();
  await moving(page);
  assert.equal(await editor(page).inputValue(), text);
}

/** As on a slow device: what waits in the page's queue would run a little later, and the page goes before. */
async function holdQueue(page) {
  await page.evaluate(() => {
    const now = Date.now.bind(Date), later = window.setTimeout.bind(window);
    let late = 0;
    Date.now = () => now() + (late += 1000);
    window.setTimeout = (then, wait, ...rest) => (wait ? later(then, wait, ...rest) : 0);
  });
}

export function links(site) {
  const it = played(site);
  const still = { motion: 'reduce' };

  test('a link brings text, settings, events, seeds and the shown request back', async () => {
    const { page, trouble, close } = await visit(site, still);
    await moving(page);
    await write(page, (await editor(page).inputValue()).replace('replicas: 3', 'replicas: 4'));
    await until(async () => (await podsOf(page, 'web')).length === 4, 'the edit counts');
    await setting(page, 'Nodes', 2);
    // The cluster is made anew, and that plays: its Pods come one after another.
    await until(async () => (await podsOf(page, 'web')).length === 4, 'all Pods are there again');
    const before = await podsOf(page, 'web');
    await choose(page, /^Pod web-/);
    await button(page, 'Delete Pod').click();
    const another = (now) => now.length === 4 && now.some((pod) => !before.includes(pod)) && now;
    const pods = await until(async () => another(await podsOf(page, 'web')), 'another Pod came');
    await send(page, { to: 'http://node-1:30080/' });
    await send(page);
    const [text, seed, hop] = [await editor(page).inputValue(), await seedOf(page), await told(page)];
    await button(page, 'Share').click();
    const link = await page.getByRole('dialog').getByLabel('Link').inputValue();
    assert.ok(link.startsWith(`${site.host.url}#1.`), link);
    await close();

    const other = await visit(site, { ...still, hash: link.slice(link.indexOf('#')) });
    await moving(other.page);
    assert.equal(await editor(other.page).inputValue(), text);
    assert.equal(await url(other.page).inputValue(), 'http://node-1:30080/');
    assert.equal(await seedOf(other.page), seed);
    assert.deepEqual(await podsOf(other.page, 'web'), pods);
    assert.equal(await stage(other.page).getByRole('button', { name: /^Node node-/ }).count(), 2);
    assert.equal(await told(other.page), hop, 'the same request, by the same hops');
    assertQuiet([...trouble, ...other.trouble]);
    await other.close();
  });

  it('what was changed after a link was opened survives a reload; the link still opens what it carries', { hash: '#example=headless' }, async (page) => {
    const text = `${await editor(page).inputValue()}# mine\n`;
    await write(page, text);
    await until(async () => !page.url().includes('#'), 'the address lets go');
    await page.reload();
    await moving(page);
    assert.equal(await editor(page).inputValue(), text);

    await page.evaluate(() => { location.hash = '#example=ingress'; });
    await until(async () => /kind: Ingress/.test(await editor(page).inputValue()), 'the example stands');
    await page.getByRole('button', { name: 'Examples' }).click();
    await page.getByRole('menuitem', { name: /^Your YAML/ }).click();
    await until(async () => (await editor(page).inputValue()) === text, 'the own text waited');
  });

  it('the list of lessons has an address, which a reload and another tab open', async (page) => {
    const list = page.getByRole('link', { name: 'Lessons', exact: true });
    await list.click();
    await until(() => page.url().endsWith('#lessons'), 'the address names it');
    await page.reload();
    await until(async () => (await list.getAttribute('aria-current')) === 'page', 'the list is open again');
    const other = await page.context().newPage();
    await other.goto(page.url());
    await until(async () => (await other.getByRole('link', { name: 'Lessons', exact: true }).getAttribute('aria-current')) === 'page', 'another tab opens it');
    await other.getByRole('link', { name: 'Playground' }).click();
    await editor(other).waitFor();
    assert.match(await editor(other).inputValue(), /kind: Service/);
    await until(() => !other.url().includes('#lessons'), 'what was left is not in the address');
    await other.close();
  });

  it('a damaged link opens the page on its example, and says so', { hash: '#1.damaged' }, async (page) => {
    assert.match(await editor(page).inputValue(), /kind: Deployment/);
    const notice = page.getByRole('alert').filter({ hasText: 'damaged or cut short' });
    await notice.getByRole('button', { name: 'Close' }).click();
    await notice.waitFor({ state: 'detached' });
    for (const [hash, words] of [['#9.abc', 'newer kubehop'], ['#lesson=nope', 'no lesson of the name'], ['#example=nope', 'no example of the name']]) {
      await page.evaluate((hash) => { location.hash = hash; }, hash);
      await page.getByRole('alert').filter({ hasText: words }).waitFor();
    }
  });

  it('what is typed just before a reload is kept, though the page had no time yet to look at it', async (page) => {
    await until(() => page.workers().length === 1, 'the engine has come');
    await send(page);
    await holdQueue(page);
    await typeAndReload(page, '# typed at the last moment');
  });

  it('what is done to the cluster just before a reload is kept, too', async (page) => {
    await until(() => page.workers().length === 1, 'the engine has come');
    await send(page);
    await choose(page, /^Node node-3/);
    await holdQueue(page);
    await button(page, 'Pull the plug').click();
    assert.equal(await button(page, 'Take it back').count(), 0, 'the page had no time yet to look at it');
    await page.reload();
    await moving(page);
    await stage(page).getByRole('button', { name: /^Node node-3.*, no power/ }).waitFor();
  });

  it('what is typed into an example of the address and reloaded at once is kept', { hash: '#example=counter' }, async (page) => {
    await typeAndReload(page, '# mine');
  });

  it('a reload keeps text, target and what was done', async (page) => {
    const text = `${await editor(page).inputValue()}# mine\n`;
    await write(page, text);
    await choose(page, /^Node node-3/);
    await button(page, 'Pull the plug').click();
    await send(page, { to: 'http://node-3:30080/' });
    await assertEnds(page, 'Timed out');
    const seed = await seedOf(page);
    await page.waitForTimeout(500);
    await page.reload();
    await moving(page);
    assert.equal(await editor(page).inputValue(), text);
    assert.equal(await url(page).inputValue(), 'http://node-3:30080/');
    assert.equal(await seedOf(page), seed);
    await assertEnds(page, 'Timed out');
  });

  it('the own text waits while an example is looked at', async (page) => {
    const text = `${await editor(page).inputValue()}# mine\n`;
    await write(page, text);
    await page.getByRole('button', { name: 'Examples' }).click();
    await page.getByRole('menuitem', { name: /Ingress by path/ }).click();
    await until(async () => /kind: Ingress/.test(await editor(page).inputValue()), 'the example stands');
    await moving(page);
    await page.getByRole('button', { name: 'Examples' }).click();
    await page.getByRole('menuitem', { name: /^Your YAML/ }).click();
    await until(async () => (await editor(page).inputValue()) === text, 'the own text is back');
  });

  it('Send draws the next seed; Replay repeats the last', async (page) => {
    await send(page);
    const [seed, first] = [await seedOf(page), await told(page)];
    const seen = new Set();
    for (let count = 0; count < 8; count++) {
      await send(page);
      seen.add((await told(page)).replace(/:\d{5}\b/g, ''));
    }
    await button(page, 'Replay').click();
    await moving(page);
    assert.equal(await seedOf(page), seed + 8, 'Replay draws none');
    const again = await told(page);
    await button(page, 'Replay').click();
    await page.waitForTimeout(300);
    assert.equal(await told(page), again);
    assert.ok(first.length > 0 && seen.size > 0);
  });
}
