// The small player in somebody else's page.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { assertAccessible, assertQuiet, picture, until, visit } from './harness.js';
import { button, editor, moving, played, podsOf, timeline, url, write } from './page.js';

const EXAMPLES = [
  'nodeport', 'clusterip', 'loadbalancer', 'ingress', 'headless', 'counter', 'shop', 'no-endpoints', 'wrong-port', 'local-policy', 'no-class', 'bad-backend',
];

/** What is drawn over the edge of what holds it: hops' numbers, rewrites' tags, the outcome's sign. */
const cut = (page) => page.evaluate(() => {
  const outside = (part, whole, slack) => part.left < whole.left - slack || part.right > whole.right + slack || part.top < whole.top - slack || part.bottom > whole.bottom + slack;
  const box = (element) => element.getBoundingClientRect();
  const found = [];
  const check = (parts, whole, slack = 0.5) => {
    for (const part of document.querySelectorAll(parts)) {
      const holder = typeof whole === 'string' ? part.parentNode.querySelector(whole) : whole;
      if (holder && box(part).width && outside(box(part), box(holder), slack)) found.push(`${parts} "${part.textContent}"`);
    }
  };
  check('.tlsvg .rw', document.querySelector('.tlbeads'), 0);
  check('.tlsvg .bn', '.b');
  check('.stage .bead text', 'path', 1);
  check('.stage .flag .fnt', '.fn', 1);
  check('.stage .ending', document.querySelector('.stage'));
  check('.nowbar .hint span', document.querySelector('.nowbar'));
  return found;
});

export function embed(site) {
  test('#embed=nodeport is a small player: stage, timeline, send, nothing else', async () => {
    const { page, trouble, close } = await visit(site, { hash: '#embed=nodeport', motion: 'reduce' });
    await page.getByRole('region', { name: 'Timeline' }).waitFor();
    await page.getByRole('button', { name: 'Send', exact: true }).waitFor();
    await until(async () => (await page.getByRole('textbox', { name: 'YAML editor' }).count()) === 0, 'there is no editor');
    await until(async () => (await page.locator('main').innerText()).includes('1'), 'a hop is told');
    await assertAccessible(page, 'embed');
    await picture(page, 'embed');
    assertQuiet(trouble);
    await close();
  });

  for (const [width, height] of [[760, 480], [480, 360], [360, 560]]) test(`at ${width} × ${height} nothing of any example is cut off, and a failure says what to try`, async () => {
    for (const example of EXAMPLES) {
      const { page, close } = await visit(site, { path: 'boot.js', motion: 'reduce' });
      await page.setViewportSize({ width, height });
      await page.goto(`${site.host.url}#embed=${example}`);
      const beads = page.locator('.tlsvg .bead:not(.raised)');
      await beads.first().waitFor();
      const at = (index) => page.evaluate((index) => document.querySelectorAll('.tlsvg .bead:not(.raised)')[index].dispatchEvent(new MouseEvent('click', { bubbles: true })), index);
      const count = await beads.count();
      for (const index of [Math.floor(count / 2), count - 1]) {
        await at(index);
        await page.waitForTimeout(150);
        assert.deepEqual(await cut(page), [], `${example}, hop ${index + 1}`);
      }
      const failed = await page.locator('.tl .chip').evaluate((chip) => !chip.classList.contains('ok'));
      assert.equal(await page.locator('.nowbar .hint').isVisible(), failed, `${example} advises`);
      await close();
    }
  });

  test('a number of three digits has room in its disc, in the timeline and at the packet', async () => {
    const { page, close } = await visit(site, { hash: '#example=shop', motion: 'reduce' });
    await moving(page);
    await timeline(page).locator('[tabindex="0"]').last().press('End');
    await until(async () => /^\d{3}$/.test(await page.locator('.flag .fnt').last().textContent()), 'more than 99 hops');
    assert.deepEqual(await cut(page), []);
    await picture(page, 'hop-177');
    await close();
  });

  played(site)('Share gives a frame of the own text, what was done included', async (page) => {
    const frame = async () => {
      await button(page, 'Share').click();
      const text = await page.getByRole('dialog').getByLabel('Player in a frame').inputValue();
      await page.keyboard.press('Escape');
      return text.match(/ src="([^"]+)"/)[1].replace('&amp;', '&').replace('&play=click', '');
    };
    assert.match(await frame(), /#embed=nodeport$/, 'an example that was not touched by its name');
    await write(page, (await editor(page).inputValue()).replace('replicas: 3', 'replicas: 2').replaceAll('30080', '30081'));
    await url(page).fill('http://node-1:30081/');
    await url(page).press('Escape');
    await until(async () => (await podsOf(page, 'web')).length === 2, 'the edit counts');
    const address = await frame();
    await page.goto('about:blank');
    await page.goto(address);
    await page.getByRole('heading', { name: 'kubehop' }).waitFor();
    await page.getByText(':30081').first().waitFor();
    const pods = await podsOf(page, 'web');
    assert.equal(pods.length, 2);
    assert.equal(await editor(page).count(), 0, 'the small player');
    const open = await page.getByRole('link', { name: 'Open' }).getAttribute('href');
    await page.goto('about:blank');
    await page.goto(site.host.url + open);
    await until(async () => /replicas: 2[^]*30081/.test(await editor(page).inputValue()), 'Open brings the text');
    await until(async () => (await podsOf(page, 'web')).join() === pods.join(), 'and the same Pods');
    assert.equal(await url(page).inputValue(), 'http://node-1:30081/');
  });

  played(site)('a text that no frame can carry is not offered as one', async (page) => {
    const line = (from) => Array.from({ length: 100 }, (_, at) => Math.sin(100 * from + at).toString(36).slice(3)).join(' ');
    const noise = Array.from({ length: 30 }, (_, at) => `# ${line(at)}`).join('\n');
    await write(page, `${await editor(page).inputValue()}${noise}\n`);
    await button(page, 'Share').click();
    await page.getByRole('dialog').getByText('too long for the address of a frame').waitFor();
    assert.equal(await page.getByRole('dialog').getByLabel('Player in a frame').count(), 0);
  });

  test('it plays in an iframe', async () => {
    const { page, close } = await visit(site, { path: 'course.html' });
    const player = page.frameLocator('iframe');
    await player.getByRole('region', { name: 'Timeline' }).waitFor();
    await player.getByRole('button', { name: 'Send', exact: true }).click();
    await picture(page, 'embed-in-a-page');
    await close();
  });
}

/** The course's page, under a policy of its own. */
export const COURSE = {
  type: 'text/html; charset=utf-8',
  policy: "default-src 'self'",
  body: '<!doctype html><html lang="en"><title>A course</title><h1>A course</h1><iframe title="kubehop" width="760" height="480" src="./#embed=nodeport"></iframe>',
};
