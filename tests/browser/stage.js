// The stage: what lies over what, and what is in view.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { assertQuiet, picture, until, visit } from './harness.js';
import { button, moving, pause } from './page.js';

/** How many of the stage's things that a selector finds stand inside its frame. */
const inView = (page, selector) => page.evaluate((selector) => {
  const frame = document.querySelector('.stageview').getBoundingClientRect();
  const all = [...document.querySelectorAll(`.stage ${selector}`)].map((element) => element.getBoundingClientRect());
  return all.filter((box) => box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1).length;
}, selector);

export function stageView(site) {
  test('while a hundred run, the resting packet has no label under their dots; it has one again when they have arrived', async () => {
    const { page, trouble, close } = await visit(site);
    await moving(page);
    await pause(page);
    const flags = () => page.locator('.stage .flag').count();
    await until(async () => (await flags()) > 0, 'the packet has a label');
    await button(page, 'Send 100').click();
    await until(async () => (await flags()) === 0 && (await page.locator('.stage circle.dot').count()) === 0, 'the dots run alone');
    await picture(page, 'burst');
    await until(async () => (await flags()) > 0, 'the label is back', 15_000);
    await picture(page, 'burst-over');
    assertQuiet(trouble);
    await close();
  });

  for (const look of [{ motion: 'reduce' }, {}, { motion: 'reduce', size: 'phone' }]) {
    test(`a Pod below the edge is scrolled to when the packet comes to it: ${Object.values(look).join(' ') || 'with motion'}`, async () => {
      const { page, trouble, close } = await visit(site, { ...look, hash: '#example=ingress' });
      if (look.size !== 'phone') await page.setViewportSize({ width: 1440, height: 700 });
      await moving(page);
      await pause(page);
      const frame = page.locator('.stageview');
      assert.ok(await frame.evaluate((frame) => frame.scrollHeight > frame.clientHeight + 20), 'the stage is higher than its room');
      for (let hops = 0; hops < 20 && !/reaches the Pod/.test(await heading(page)); hops++) await button(page, 'Next hop').click();
      assert.match(await heading(page), /reaches the Pod/);
      await until(async () => (await inView(page, '.target')) && (await inView(page, '.flag:not(.past)')), 'the Pod and the label are in view');
      assert.ok(await frame.evaluate((frame) => frame.scrollTop > 0));
      await picture(page, `follow-${Object.values(look).join('-') || 'moving'}`);
      await button(page, 'First hop').click();
      await until(() => frame.evaluate((frame) => frame.scrollTop < 40), 'and back up to the sender');
      assertQuiet(trouble);
      await close();
    });
  }
}

/** What the shown hop is called. */
const heading = (page) => page.getByRole('region', { name: 'Inspector', exact: true }).locator('.hopcard:not([inert]) h3, .ins .lead h3').first().innerText();
