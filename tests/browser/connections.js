// Connections that stay open, and kube-proxy that stops: what the kernel remembers, and what its rules go on doing.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { assertAccessible, assertQuiet, picture, until, visit } from './harness.js';
import { assertEnds, button, choose, inspector, moving, podsOf, send, timeline } from './page.js';

const keepAlive = (page) => page.getByRole('checkbox', { name: 'Keep the connection open (keep-alive)' });
const answers = (page) => page.getByRole('table', { name: 'Answers by Pod' });

/** Sends a hundred; how many each Pod answered. */
async function hundred(page) {
  await button(page, 'Send 100').click();
  return until(async () => {
    const counts = (await answers(page).locator('td.val').allInnerTexts()).map(Number);
    return counts.reduce((a, b) => a + b, 0) === 100 && counts;
  }, 'a hundred are counted', 15_000);
}

/** The Pod that answered the only requests so far, by the end of its name. */
const served = async (page) => (await answers(page).getByRole('rowheader').first().innerText()).trim().split('-').at(-1);

export function connections(site) {
  test('a connection that stays open reaches one Pod, and the page says why; without it, all Pods answer', async () => {
    const { page, trouble, close } = await visit(site, { motion: 'reduce' });
    await moving(page);
    await keepAlive(page).check();
    assert.deepEqual(await hundred(page), [100]);
    await inspector(page).getByText('One connection, one Pod.').waitFor();
    await send(page);
    await assertEnds(page, '200 OK');
    if (await button(page, 'First hop').isEnabled()) await button(page, 'First hop').click();
    assert.match(await inspector(page).innerText(), /sends again over the connection that it has open/);
    await picture(page, 'keep-alive');
    await assertAccessible(page, 'keep-alive');

    const pod = await served(page);
    const name = (await podsOf(page, 'web')).find((name) => name.endsWith(pod));
    await choose(page, new RegExp(`^Pod ${name}`));
    await button(page, 'Make it unready').click();
    await until(async () => /endpointslice-controller[^]*kube-proxy/.test(await inspector(page).innerText()), 'the rules know it no more');
    await send(page);
    await assertEnds(page, '200 OK');
    assert.equal(await served(page), pod, 'the open connection still leads there');

    await keepAlive(page).uncheck();
    assert.equal((await hundred(page)).length, 2, 'each request opens its own connection: to the two that are ready');
    assertQuiet(trouble);
    await close();
  });

  test('an Ingress controller chooses a Pod for each request, though the connection to it stays open', async () => {
    const { page, trouble, close } = await visit(site, { motion: 'reduce', hash: '#example=ingress' });
    await moving(page);
    await page.getByRole('combobox', { name: 'URL' }).fill('http://shop.example.com/');
    await keepAlive(page).check();
    assert.ok((await hundred(page)).length > 1);
    await inspector(page).getByText('One connection, many Pods.').waitFor();
    assertQuiet(trouble);
    await close();
  });

  test('a stopped kube-proxy leaves its rules; when it starts again, open connections stay', async () => {
    const { page, trouble, close } = await visit(site, { motion: 'reduce' });
    await moving(page);
    await keepAlive(page).check();
    await send(page);
    const pod = await served(page);
    await choose(page, /^Node node-2/);
    await button(page, 'Stop kube-proxy').click();
    await inspector(page).getByText(/packets meet the kernel[^]*a restart alone loses nothing/).waitFor();
    await picture(page, 'kube-proxy-stopped');
    await send(page);
    await assertEnds(page, '200 OK');
    await keepAlive(page).uncheck();
    assert.equal((await hundred(page)).length, 3, 'its rules still know all Pods');

    const gone = (await podsOf(page, 'web')).find((name) => !name.endsWith(pod));
    await choose(page, new RegExp(`^Pod ${gone}`));
    await button(page, 'Delete Pod').click();
    await until(async () => !(await podsOf(page, 'web')).includes(gone), 'another Pod took its place');
    await button(page, 'Send 100').click();
    const chips = inspector(page).locator('.results .chips');
    await until(async () => !/^100 × 200 OK$/.test((await chips.innerText()).trim()) && /×/.test(await chips.innerText()), 'old rules still lead to the Pod that is gone', 15_000);

    await choose(page, /^Node node-2/);
    await button(page, 'Start kube-proxy').click();
    await until(async () => /starts and writes all rules anew/.test(await inspector(page).innerText()), 'the start is told');
    assert.equal((await hundred(page)).length, 3);
    assert.match(await timeline(page).innerText(), /200 OK/);
    assertQuiet(trouble);
    await close();
  });
}
