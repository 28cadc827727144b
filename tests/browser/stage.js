// The stage: what lies over what, and what is in view.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { assertQuiet, picture, until, visit } from './harness.js';
import { button, choose, inspector, moving, paste, pause, stage } from './page.js';

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

  test('a Service without rules stands as a name and opens its card; a compact Pod keeps its name beside how it is', async () => {
    const { page, trouble, close } = await visit(site, { motion: 'reduce' });
    await moving(page);
    const pod = (name, more) => `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, labels: {app: db}}\nspec: {containers: [{name: c, image: redis, ports: [{name: redis, containerPort: 6379}]${more}}]}\n---\n`;
    const failing = ', livenessProbe: {httpGet: {path: /, port: 9}, failureThreshold: 1}';
    const service = (name, spec) => `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: ${spec}\n---\n`;
    const text = [1, 2, 3, 4, 5, 6].map((number) => pod(`db-${number}`, '')).join('') + [1, 2, 3].map((number) => pod(`sick-${number}`, failing)).join('')
      + service('db', '{clusterIP: None, selector: {app: db}, ports: [{name: redis, port: 6379}]}') + service('api', '{type: ExternalName, externalName: api.example.com}');
    await paste(page, text, { over: true });
    await stage(page).getByRole('button', { name: /^Service api, → api.example.com/ }).waitFor();
    await button(page, 'Show the end').click({ timeout: 3000 }).catch(() => {});
    const sick = stage(page).getByRole('button', { name: /^Pod sick-1, .*CrashLoopBackOff/ });
    await sick.waitFor();
    assert.deepEqual(await sick.locator('text').allTextContents(), ['sick-1', 'CrashLoopBackOff']);
    await choose(page, /^Service db, headless/);
    await until(async () => /_redis\._tcp\.db\.default\.svc\.cluster\.local SRV/.test(await inspector(page).innerText()), 'its names in DNS');
    await picture(page, 'names');
    assertQuiet(trouble);
    await close();
  });

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
