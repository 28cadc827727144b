// One request, hop by hop: forward, back, by key, to the YAML line, and a hundred at once.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { assertQuiet, picture, until, visit } from './harness.js';
import { assertEnds, button, editor, hop, inspector, moving, pause, played, seedOf, send, stage, timeline, url } from './page.js';

export function steps(site) {
  const it = played(site);

  test('Send draws the next seed, and the request travels to a Pod and back', async () => {
    const { page, trouble, close } = await visit(site);
    await moving(page);
    const seed = await seedOf(page);
    await send(page);
    assert.equal(await seedOf(page), seed + 1);
    await assertEnds(page, '200 OK');
    assertQuiet(trouble);
    await close();
  });

  it('at every width the next seed is shown, and all of the request has room', async (page) => {
    for (const width of [1440, 1380, 1379, 1280, 1260, 1259, 1120, 1119, 1000, 880, 879, 800, 799, 390]) {
      await page.setViewportSize({ width, height: 800 });
      const before = await seedOf(page);
      const shown = () => page.getByText(/^seed \d+$/).evaluateAll((all) => all.filter((one) => one.getBoundingClientRect().width > 0).map((one) => one.textContent));
      assert.deepEqual(await shown(), [`seed ${before}`], `at ${width}`);
      await send(page);
      assert.deepEqual(await shown(), [`seed ${before + 1}`], `at ${width}`);
      const parts = await page.locator('.composer').evaluate((form) => {
        const room = form.getBoundingClientRect();
        return [...form.querySelectorAll(':scope > *, .sender > *')].map((part) => [part.className || part.tagName, part.getBoundingClientRect()])
          .filter(([, box]) => box.width && (box.left < room.left || box.right > room.right || box.bottom > room.bottom)).map(([name]) => name);
      });
      assert.deepEqual(parts, [], `cut off at ${width}`);
      const address = await url(page).evaluate((field) => [field.scrollWidth, field.clientWidth]);
      assert.ok(address[0] <= address[1], `the address is whole at ${width}: ${address}`);
    }
  });

  it('at every width the clock and the offers stay in the window, and the stage in its place', async (page) => {
    await stage(page).getByRole('button', { name: /^Node node-2/ }).first().press('Enter');
    await button(page, 'Pull the plug').click();
    const history = page.getByRole('button', { name: /^History/ });
    await history.waitFor();
    for (const calm of [0, 1]) {
      if (calm) await button(page, 'wait 10 s').click();
      await until(async () => (await stage(page).getByText('10 s passed').count()) === calm, 'what was waited for in vain is said');
      for (const width of [1440, 1380, 1280, 1260, 1120, 1119, 1000, 900, 800]) {
        await page.setViewportSize({ width, height: 800 });
        await history.focus();
        const boxes = await page.locator('.stagebox').evaluate((box) => ({ scrolled: box.scrollLeft, over: box.scrollWidth - box.clientWidth, right: box.getBoundingClientRect().right,
          ends: [...box.querySelectorAll('.stagebar button')].map((button) => button.getBoundingClientRect().right) }));
        assert.equal(boxes.scrolled, 0, `at ${width}`);
        assert.ok(Math.max(...boxes.ends) <= boxes.right, `at ${width}: ${JSON.stringify(boxes)}`);
        await url(page).click();
        const list = await page.getByRole('listbox', { name: 'URL' }).boundingBox();
        assert.ok(list.x >= 0 && list.x + list.width <= width, `at ${width}: ${JSON.stringify(list)}`);
        await url(page).press('Escape');
      }
    }
  });

  it('the hops can be stepped forward and back, first and last', async (page) => {
    await send(page);
    await pause(page);
    await button(page, 'First hop').isEnabled() && await button(page, 'First hop').click();
    assert.equal((await hop(page)).at, 1);
    await button(page, 'Next hop').click();
    await button(page, 'Next hop').click();
    assert.equal((await hop(page)).at, 3);
    await button(page, 'Previous hop').click();
    assert.equal((await hop(page)).at, 2);
  });

  it('the arrow keys step where the focus is on the timeline', async (page) => {
    await pause(page);
    if (await button(page, 'First hop').isEnabled()) await button(page, 'First hop').click();
    await timeline(page).locator('[tabindex="0"]').last().focus();
    await page.keyboard.press('ArrowRight');
    assert.equal((await hop(page)).at, 2);
    await page.keyboard.press('ArrowLeft');
    assert.equal((await hop(page)).at, 1);
    await page.keyboard.press('End');
    const end = await hop(page);
    assert.equal(end.at, end.of);
  });

  it('a rewrite shows source and destination before and after, and the rule that did it', async (page) => {
    await pause(page);
    const seen = [];
    for (let count = 0; count < 40; count++) {
      seen.push(await inspector(page).innerText());
      if (!(await button(page, 'Next hop').isEnabled())) break;
      await button(page, 'Next hop').click();
    }
    const all = seen.join('\n');
    assert.match(all, /30080/, 'the node port before');
    assert.match(all, /10\.244\.\d+\.\d+:80/, 'the Pod after');
    assert.match(all, /KUBE-(NODEPORTS|EXT|SVC|SEP)/, 'the rule');
    await picture(page, 'last-hop');
  });

  it('a cited YAML line is one click away', async (page) => {
    await pause(page);
    const line = inspector(page).getByRole('button', { name: /line \d+|:\d+/i }).first();
    for (let count = 0; count < 40 && !(await line.isVisible()); count++) await button(page, 'Next hop').click();
    const said = await line.innerText();
    const [, number] = said.match(/(\d+)/) ?? [];
    await line.click();
    const chosen = await editor(page).evaluate((field) => field.value.slice(0, field.selectionStart).split('\n').length);
    assert.equal(String(chosen), number, said);
  });

  it('a hundred requests show the spread over Pods', async (page) => {
    await button(page, 'Send 100').click();
    const table = page.getByRole('table', { name: 'Answers by Pod' });
    await until(async () => (await table.getByRole('row').count()) === 3, 'three Pods answered', 15_000);
    const counts = (await table.locator('td.val').allInnerTexts()).map(Number);
    assert.equal(counts.reduce((a, b) => a + b, 0), 100);
    assert.ok(Math.min(...counts) > 10, `spread: ${counts}`);
    await picture(page, 'hundred');
  });

  it('Control+Enter sends from anywhere', async (page) => {
    const seed = await seedOf(page);
    await url(page).focus();
    await page.keyboard.press('Control+Enter');
    await until(async () => (await seedOf(page)) === seed + 1, 'it was sent');
  });
}
