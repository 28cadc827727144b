// Who refers to whom, and the port ladder; why a Service answers or does not.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { assertAccessible, assertQuiet, picture, until, visit } from './harness.js';
import { button, editor, inspector, last, moving, send, stage, write } from './page.js';

const still = { motion: 'reduce' };
const ladder = (page) => page.getByRole('region', { name: 'Port ladder' });
const step = (page, name) => ladder(page).getByRole('listitem').filter({ hasText: new RegExp(`^${name}`) });
const chosenLine = (page) => editor(page).evaluate((field) => field.value.slice(0, field.selectionStart).split('\n').length);

/** The Objects view of an example, at the end of its request. */
async function objects(site, look) {
  const visited = await visit(site, { ...still, ...look });
  await moving(visited.page);
  await button(visited.page, 'Objects').click();
  await last(visited.page);
  await ladder(visited.page).waitFor();
  return visited;
}

export function objectsView(site) {
  test('the port ladder of a node port: the port between is passed by, and each step has its line', async () => {
    const { page, trouble, close } = await objects(site, {});
    assert.match(await step(page, 'nodePort').innerText(), /30080[^]*on every node/);
    assert.match(await step(page, 'port').innerText(), /80[^]*skipped/);
    assert.match(await step(page, 'targetPort').innerText(), /http[^]*a name to look up/);
    assert.match(await step(page, 'containerPort').innerText(), /80[^]*the port named http/);
    await button(page, 'containerPort, line 18').click();
    assert.equal(await chosenLine(page), 18);
    await picture(page, 'objects-nodeport');
    assertQuiet(trouble);
    await close();
  });

  test('an Ingress by path: the rule that matched, its Service, its address and its Pod', async () => {
    const { page, trouble, close } = await objects(site, { hash: '#example=ingress' });
    assert.match(await ladder(page).innerText(), /Service api[^]*the Ingress enters here/);
    const rule = stage(page).getByRole('button', { name: /^\/api api:http, line \d+$/ });
    await rule.focus();
    await page.keyboard.press('Enter');
    const line = await editor(page).evaluate((field) => field.value.split('\n')[field.value.slice(0, field.selectionStart).split('\n').length - 1]);
    assert.match(line, /path: \/api/);
    await picture(page, 'objects-ingress');
    assertQuiet(trouble);
    await close();
  });

  test('the port ladder of a Service with several ports: the one that the request takes, or the one that is asked for', async () => {
    const { page, trouble, close } = await objects(site, {});
    const text = await editor(page).inputValue();
    await write(page, text.replace('  ports:\n  - name: http\n', '  ports:\n  - name: metrics\n    port: 9090\n    targetPort: 9100\n  - name: http\n'));
    await page.waitForTimeout(600);
    await send(page);
    await last(page);
    const ports = page.getByRole('group', { name: 'Ports of this Service' });
    assert.deepEqual(await ports.getByRole('button', { pressed: true }).allInnerTexts(), ['http 80']);
    assert.match(await step(page, 'targetPort').innerText(), /http[^]*a name/);
    await ports.getByRole('button', { name: 'metrics 9090' }).click();
    assert.match(await step(page, 'port').innerText(), /9090/);
    assert.match(await step(page, 'containerPort').innerText(), /nothing listens on 9100/);
    assert.equal(await ladder(page).locator('.step.used').count(), 0, 'this request takes the other port');
    await picture(page, 'objects-ports');
    await assertAccessible(page, 'ports');
    await send(page);
    assertQuiet(trouble);
    await close();
  });

  for (const look of [{ scheme: 'dark' }, { size: 'phone' }, { locale: 'ko-KR' }]) {
    const name = Object.values(look).join();
    test(`the Objects view is accessible by axe: ${name}`, async () => {
      const { page, close } = await visit(site, { ...still, ...look, hash: '#example=ingress' });
      await until(async () => page.workers().length === 1, 'the engine runs');
      await page.locator('.stagebar .seg button').nth(1).click();
      await page.locator('.ladder .step').first().waitFor();
      await page.waitForTimeout(400);
      await picture(page, `objects-${name}`);
      await assertAccessible(page, name);
      await close();
    });
  }

  test('a failed request is checked step by step, up to the first check that fails', async () => {
    const { page, trouble, close } = await visit(site, { ...still, hash: '#example=no-endpoints' });
    await moving(page);
    await last(page);
    await button(page, 'Check it step by step').click();
    const checks = page.getByRole('list', { name: 'Checks, in order' });
    await checks.waitFor();
    const said = await checks.getByRole('listitem').allInnerTexts();
    assert.ok(said.slice(0, -1).every((words) => /holds:/.test(words)), said.join('\n'));
    assert.match(said.at(-1), /fails:/);
    assert.match(said.at(-1), /selects Pods with the labels app=wbe/);
    await picture(page, 'why-request');
    assertQuiet(trouble);
    await close();
  });

  test('a Service says whether it answers, and why', async () => {
    const { page, close } = await visit(site, still);
    await moving(page);
    await stage(page).getByRole('button', { name: /^Service web/ }).first().focus();
    await page.keyboard.press('Enter');
    await inspector(page).getByRole('button', { name: 'Does it answer, and why?' }).click();
    const checks = page.getByRole('list', { name: 'Checks, in order' });
    await checks.waitFor();
    assert.doesNotMatch(await checks.innerText(), /fails:/);
    await close();
  });
}
