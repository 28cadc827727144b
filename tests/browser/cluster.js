// Breaking things: each change plays as an ordered flow, and the next request meets the new cluster.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { assertQuiet, picture, until, visit } from './harness.js';
import { assertEnds, button, inspector, moving, pause, send, stage } from './page.js';

/** Chooses a thing on the stage by its accessible name. */
async function choose(page, name) {
  await pause(page);
  await stage(page).getByRole('button', { name }).first().focus();
  await page.keyboard.press('Enter');
}

export function cluster(site) {
  test('a node whose plug is pulled takes no traffic; the others still do', async () => {
    const { page, trouble, close } = await visit(site, { motion: 'reduce' });
    await moving(page);
    await choose(page, /^Node node-3/);
    await button(page, 'Pull the plug').click();
    await until(async () => (await inspector(page).innerText()).length > 0, 'the change is told');
    await send(page, { to: 'http://node-3:30080/' });
    await assertEnds(page, 'Timed out');
    await picture(page, 'node-down');
    assertQuiet(trouble);
    await close();
  });

  test('a deleted Pod comes back with another name, and the Service stays', async () => {
    const { page, trouble, close } = await visit(site, { motion: 'reduce' });
    await moving(page);
    const pods = async () => (await stage(page).getByRole('button', { name: /^Pod web-/ }).evaluateAll((all) => all.map((pod) => pod.querySelector('title').textContent.match(/web-[\w-]+/)[0]))).sort();
    const before = await pods();
    assert.equal(before.length, 3);
    await choose(page, new RegExp(`^Pod ${before[0]}`));
    await button(page, 'Delete Pod').click();
    await until(async () => { const now = await pods(); return now.length === 3 && !now.includes(before[0]); }, 'another Pod took its place');
    await send(page);
    await assertEnds(page, '200 OK');
    assertQuiet(trouble);
    await close();
  });
}
