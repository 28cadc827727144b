// What was done can be gone back to, and forward again; and the keys of the page.
import assert from 'node:assert/strict';
import { assertAccessible, picture, until } from './harness.js';
import { button, editor, hop, pause, played, stage, timeline, write } from './page.js';

const nodes = async (page) => Number(/no power|NotReady/.test(await stage(page).textContent()));
const list = (page) => page.getByRole('button', { name: /^History/ });
const entry = (page, words) => page.getByRole('menuitemradio', { name: words });

export function past(site) {
  const it = played(site);

  it('the past is a list: an edit and a failed node, back to the start, and forward again', async (page) => {
    const first = await editor(page).inputValue();
    await write(page, first.replace('replicas: 3', 'replicas: 5'));
    await until(async () => (await list(page).innerText()) === 'History (1)', 'the edit is in the list');
    await stage(page).getByRole('button', { name: /^Node node-2/ }).first().press('Enter');
    await button(page, 'Pull the plug').click();
    await until(async () => (await nodes(page)) === 1, 'the node has no power');
    await list(page).click();
    await entry(page, /replicas: 5/).waitFor();
    await picture(page, 'history');
    await assertAccessible(page, 'history');
    await entry(page, /The start/).click();
    await until(async () => (await nodes(page)) === 0 && (await editor(page).inputValue()) === first, 'all is as it was');
    await list(page).click();
    await entry(page, /node-2 down/).click();
    await until(async () => (await nodes(page)) === 1 && /replicas: 5/.test(await editor(page).inputValue()), 'all is done again');
  });
}

export function keys(site) {
  const it = played(site);
  const dialog = (page) => page.getByRole('dialog', { name: 'Keyboard' });

  it('? lists every key; Escape closes the list and gives the focus back', async (page) => {
    await pause(page);
    await timeline(page).locator('[tabindex="0"]').last().focus();
    await page.keyboard.press('?');
    await dialog(page).waitFor();
    const said = await dialog(page).innerText();
    for (const key of ['←', 'Shift', 'Home', 'Space', '9', 'P', 'V', 'L', '?', 'Enter', 'F6', 'Esc']) assert.ok(said.includes(key), key);
    await assertAccessible(page, 'keys');
    for (let count = 0; count < 6; count++) {
      await page.keyboard.press('Tab');
      const inside = await page.evaluate(() => document.activeElement === document.body || !!document.activeElement.closest('dialog'));
      assert.ok(inside, 'the focus stays in the dialog');
    }
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'detached' });
    assert.ok(await page.evaluate(() => !!document.activeElement.closest('[data-panel=timeline]')), 'the focus is back');
    await button(page, 'Keyboard').click();
    await dialog(page).getByRole('button', { name: 'Close' }).click();
    await dialog(page).waitFor({ state: 'detached' });
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Keyboard');
  });

  it('V shows the objects, L goes to the line; neither while something is typed, and both can be turned off', async (page) => {
    await pause(page);
    const bead = timeline(page).locator('[tabindex="0"]').last();
    const objects = () => page.getByRole('region', { name: 'Port ladder' }).isVisible();
    await bead.focus();
    await page.keyboard.press('v');
    await until(objects, 'V shows the objects');
    await page.keyboard.press('v');
    await until(async () => !(await objects()), 'V shows the cluster again');
    await page.keyboard.press('3');
    await until(async () => (await hop(page)).at === 3, '3 goes to the third hop');
    await page.keyboard.press('l');
    await until(() => editor(page).evaluate((field) => document.activeElement === field), 'L goes to the line');
    const line = await editor(page).evaluate((field) => field.value.slice(field.selectionStart, field.selectionEnd));
    assert.match(line, /nodePort: 30080/);
    await page.keyboard.press('End');
    await page.keyboard.press('v');
    assert.match(await editor(page).inputValue(), /30080v/);
    assert.equal(await objects(), false);
    await button(page, 'Keyboard').click();
    await page.getByRole('checkbox', { name: /^V, L, P and \?/ }).uncheck();
    await page.keyboard.press('Escape');
    await bead.focus();
    await page.keyboard.press('v');
    await page.waitForTimeout(300);
    assert.equal(await objects(), false);
  });
}
