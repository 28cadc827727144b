// Everything without a mouse.
import assert from 'node:assert/strict';
import { until } from './harness.js';
import { assertEnds, button, editor, from, hop, inspector, offers, pause, played, podsOf, seedOf, send, stage, take, timeline, url } from './page.js';

export function keyboard(site) {
  const it = played(site);
  const panel = (page) => page.evaluate(() => document.activeElement.closest('[data-panel]')?.dataset.panel);

  it('F6 visits every panel, round and round, and back with Shift', async (page) => {
    const walk = async (key) => {
      const seen = [];
      for (let count = 0; count < 6; count++) {
        await page.keyboard.press(key);
        seen.push(await panel(page));
      }
      return seen;
    };
    assert.deepEqual(await walk('F6'), ['yaml', 'request', 'stage', 'timeline', 'kubectl', 'inspector']);
    assert.deepEqual(await walk('F6'), ['yaml', 'request', 'stage', 'timeline', 'kubectl', 'inspector']);
    assert.deepEqual(await walk('Shift+F6'), ['kubectl', 'timeline', 'stage', 'request', 'yaml', 'inspector']);
  });

  it('Tab indents in the editor, Escape leaves it', async (page) => {
    await editor(page).focus();
    await page.keyboard.press('Control+End');
    await page.keyboard.press('Tab');
    assert.ok((await editor(page).inputValue()).endsWith('\n  '));
    await page.keyboard.press('Escape');
    assert.equal(await panel(page), 'request');
    await page.keyboard.press('Tab');
    assert.notEqual(await panel(page), 'yaml');
    await editor(page).focus();
    await page.getByText('Esc, then Tab leaves.').waitFor();
  });

  it('a typed URL is sent by the first Enter; an empty one is asked for', async (page) => {
    const seed = await seedOf(page);
    await url(page).focus();
    await page.keyboard.press('Control+A');
    await page.keyboard.type('http://node-1:30080');
    await page.keyboard.press('Enter');
    await until(async () => (await seedOf(page)) === seed + 1, 'it was sent');
    assert.equal(await url(page).inputValue(), 'http://node-1:30080');
    await assertEnds(page, '200 OK');
    await url(page).focus();
    await page.keyboard.press('Control+A');
    await page.keyboard.press('Delete');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'Type a URL' }).waitFor();
    assert.equal(await seedOf(page), seed + 1);
    await page.keyboard.type('w');
    await page.getByRole('alert').filter({ hasText: 'Type a URL' }).waitFor({ state: 'detached' });
  });

  it('a chosen target keeps the caller, but where it means nothing from there, and that is said', async (page) => {
    await from(page).click();
    await page.getByRole('listbox', { name: 'Send from' }).getByRole('option', { name: /^node-3/ }).click();
    await until(async () => (await from(page).inputValue()) === 'node-3', 'the node calls');
    await take(page, 'by its ClusterIP');
    assert.equal(await from(page).inputValue(), 'node-3');
    await send(page);
    await assertEnds(page, '200 OK');
    await take(page, 'web by its name');
    await page.getByRole('status').filter({ hasText: 'From node-3 this target is out of reach' }).waitFor();
    assert.match(await from(page).inputValue(), /^web-/);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'url', 'the field keeps the focus');
    const caller = await from(page).inputValue();
    await take(page, 'itself');
    assert.equal(await from(page).inputValue(), caller);
    const names = (await offers(page)).join('\n');
    assert.ok(!names.includes(`Pod ${caller} itself`), names);
  });

  it('who calls and what, chosen by arrows and sent by Enter', async (page) => {
    await from(page).focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await until(async () => (await from(page).inputValue()) !== 'Outside', 'another calls');
    await url(page).focus();
    await page.keyboard.press('Control+A');
    await page.keyboard.type('web by its name');
    await page.keyboard.press('ArrowDown');
    await until(async () => await url(page).getAttribute('aria-activedescendant'), 'the first offer is the active one');
    await page.keyboard.press('Enter');
    await until(async () => (await url(page).inputValue()) === 'http://web/', 'it is taken');
    const seed = await seedOf(page);
    await page.keyboard.press('Enter');
    await until(async () => (await seedOf(page)) === seed + 1, 'it was sent');
    await assertEnds(page, '200 OK');
  });

  it('line numbers stay while a long line scrolls sideways', async (page) => {
    await editor(page).focus();
    await page.keyboard.press('Control+End');
    await page.keyboard.type(`# ${'long '.repeat(40)}`);
    const at = () => page.evaluate(() => {
      const ed = document.querySelector('.ed:not([hidden])');
      return [ed.scrollLeft, ed.querySelector('.no').getBoundingClientRect().left - ed.getBoundingClientRect().left];
    });
    const [scrolled, left] = await at();
    assert.ok(scrolled > 100, `${scrolled}`);
    assert.ok(Math.abs(left) < 2, `${left}`);
  });

  it('a Pod is found, chosen and deleted', async (page) => {
    const before = await podsOf(page, 'web');
    await stage(page).getByRole('button', { name: new RegExp(`^Pod ${before[0]}`) }).focus();
    await page.keyboard.press('Space');
    await inspector(page).getByRole('button', { name: 'Delete Pod' }).focus();
    await page.keyboard.press('Enter');
    await until(async () => !(await podsOf(page, 'web')).includes(before[0]), 'it is gone');
    const within = () => page.evaluate(() => document.activeElement.closest('[data-panel]')?.dataset.panel);
    await inspector(page).getByRole('button', { name: 'Delete Pod' }).waitFor({ state: 'detached' });
    assert.equal(await within(), 'inspector', 'the button is gone, the focus stays in its panel');
    const back = page.getByRole('button', { name: 'Take it back' }).first();
    await back.focus();
    await page.keyboard.press('Enter');
    await back.waitFor({ state: 'detached' });
    await until(async () => (await within()) !== undefined, 'so it does when the deletion is taken back');
  });

  it('a menu opens, walks and closes; a dialog gives the focus back', async (page) => {
    const examples = page.getByRole('button', { name: 'Examples' });
    await examples.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('menuitem').first().waitFor();
    await page.keyboard.press('ArrowDown');
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('role')), 'menuitem');
    await page.keyboard.press('Escape');
    await page.getByRole('menuitem').first().waitFor({ state: 'detached' });
    assert.ok(await examples.evaluate((button) => button === document.activeElement));
    await page.getByRole('button', { name: 'About this model' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.ok(await page.getByRole('button', { name: 'About this model' }).evaluate((button) => button === document.activeElement));
  });

  it('Space presses the button that has the focus, a hop of the timeline too; where nothing has it, Space plays, and P does anyhow', { motion: 'no-preference' }, async (page) => {
    const plays = () => button(page, 'Pause').isVisible();
    const blur = () => page.evaluate(() => document.activeElement.blur());
    await pause(page);
    await timeline(page).getByRole('button', { name: /^Hop 3\b/ }).focus();
    await page.keyboard.press('Space');
    await until(async () => (await hop(page)).at === 3, 'it goes to the hop, as Enter does');
    assert.equal(await plays(), false);
    await page.keyboard.press('p');
    await until(plays, 'P plays');
    await page.keyboard.press('p');
    await until(async () => !(await plays()), 'P pauses');
    await blur();
    await page.keyboard.press('Space');
    await until(plays, 'Space plays');
    await page.keyboard.press('Space');
    await until(async () => !(await plays()), 'Space pauses');
    await button(page, 'Play').focus();
    await page.keyboard.press('Space');
    await until(plays, 'Space presses Play, once');
    await button(page, 'Keyboard').click();
    const said = (await page.getByRole('dialog', { name: 'Keyboard' }).innerText()).replace(/\s+/g, ' ');
    assert.match(said, /P play or pause Space play or pause where nothing has the focus; press the button that has it/);
  });
}
