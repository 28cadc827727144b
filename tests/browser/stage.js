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
  for (const [example, width, height] of [['no-endpoints', 1440, 900], ['loadbalancer', 900, 700], ['ingress', 390, 844], ['counter', 1120, 800]]) {
    test(`no label of a packet lies over a name, and each bead has one: ${example} at ${width} × ${height}`, async () => {
      const { page, trouble, close } = await visit(site, { motion: 'reduce', hash: `#example=${example}` });
      await page.setViewportSize({ width, height });
      await moving(page);
      await button(page, 'First hop').click().catch(() => {});
      for (let hops = 0; hops < 30; hops++) {
        await page.waitForTimeout(60);
        assert.deepEqual(await hidden(page), [], `hop ${hops + 1}`);
        const unnamed = await page.locator('.tlsvg .bead:not(.raised)').evaluateAll((all) => all.filter((bead) => !bead.querySelector('.bl')).length);
        if (width > 800) {
          assert.equal(unnamed, 0, 'every bead has its name under it');
          assert.equal(await page.locator('.tlsvg .zl').count(), await page.locator('.tlsvg .zone').count(), 'every bracket has its name over it');
        }
        const next = button(page, 'Next hop');
        if (!(await next.isEnabled())) break;
        await next.click();
      }
      assertQuiet(trouble);
      await close();
    });
  }

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

/** The names that a packet's label lies over. */
const hidden = (page) => page.evaluate(() => {
  const box = (part) => part.getBoundingClientRect();
  const over = (one, other) => Math.min(one.right, other.right) - Math.max(one.left, other.left) > 2 && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 3;
  const names = [...document.querySelectorAll('.stage .thing text, .stage .thing tspan')], labels = [...document.querySelectorAll('.stage .flag > rect')];
  const covered = labels.flatMap((label) => names.filter((name) => name.textContent && !name.closest('.plate') && over(box(label), box(name))).map((name) => name.textContent));
  return covered.filter((name) => !/kernel rules|written by|kube-proxy|^:/.test(name));
});

/** What the shown hop is called. */
const heading = (page) => page.getByRole('region', { name: 'Inspector', exact: true }).locator('.hopcard:not([inert]) h3, .ins .lead h3').first().innerText();
