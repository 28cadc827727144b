// Failures look different from each other, and say what to try next.
import assert from 'node:assert/strict';
import { picture, until } from './harness.js';
import { assertEnds, editor, ending, inspector, last, played, send, write } from './page.js';

/** What to write in the place of the first example's text, what to send, how it must end. */
const KINDS = {
  'refused by the node: no endpoints': { text: (web) => web.replace(/replicas: 3/, 'replicas: 0'), to: 'http://node-2:30080/', ends: 'Connection refused by the node' },
  'refused by the Pod: nothing listens on the target port': { text: (web) => web.replace(/targetPort: .*/, 'targetPort: 8081'), to: 'http://node-2:30080/', ends: 'Connection refused by the Pod' },
  'refused by the node: no rule for the port': { to: 'http://node-2:30999/', ends: 'Connection refused by the node' },
  'timeout: an address that nobody routes': { to: 'http://203.0.113.99/', ends: 'Timed out' },
  'unreachable: an address that no Pod has': { to: 'http://10.244.2.77/', who: 'node-1', ends: 'Unreachable' },
  'delivered, but nothing there speaks TLS': { to: 'https://node-2:30080/', ends: 'Delivered, but TLS fails' },
  'no address: a name that only has others below it': { to: 'http://default.svc.cluster.local/', who: 'web-', ends: 'No address: empty answer' },
  'name not found': { to: 'http://no-such.default.svc.cluster.local/', who: 'node-1', ends: 'NXDOMAIN' },
};

/** What the inspector says of an ending stands in the inspector, and nowhere else. */
async function assertWithin(page) {
  const frame = await inspector(page).boundingBox();
  for (const part of await inspector(page).locator('section, .chip').all()) {
    const box = await part.boundingBox();
    assert.ok(box.x >= frame.x && box.x + box.width <= frame.x + frame.width, JSON.stringify({ box, frame }));
  }
}

export function failures(site) {
  const it = played(site);

  for (const [name, { text, to, who, ends }] of Object.entries(KINDS)) {
    it(name, async (page) => {
      if (text) {
        await write(page, text(await editor(page).inputValue()));
        await page.waitForTimeout(600);
      }
      await send(page, { to, who });
      await assertEnds(page, ends);
      await assertWithin(page);
      await picture(page, `failure ${name}`.replaceAll(/[ :,]+/g, '-'));
    });
  }

  it('a call inside the request that fails is marked where it fails, and tells why', { hash: '#example=counter' }, async (page) => {
    await write(page, (await editor(page).inputValue()).replace('name: redis\nspec:\n', 'name: redis\nspec:\n  replicas: 0\n'));
    await page.waitForTimeout(600);
    await send(page, { to: 'http://node-1:31000/' });
    await assertEnds(page, '200 OK, but the call to redis:6379 failed');
    const failed = page.locator('.bead').and(page.getByRole('button', { name: /Connection refused by the node/ }));
    await failed.click();
    await until(async () => (await inspector(page).innerText()).includes('has 0 replicas. Scale it up.'), 'the call has advice of its own');
    await picture(page, 'failure-of-a-call');
  });

  it('a hundred answers with a failed call are told apart in their bars, too', { hash: '#example=counter' }, async (page) => {
    await write(page, (await editor(page).inputValue()).replace('name: redis\nspec:\n', 'name: redis\nspec:\n  replicas: 0\n'));
    await page.waitForTimeout(600);
    await send(page, { to: 'http://node-1:31000/' });
    await page.getByRole('button', { name: 'Send 100' }).click();
    await until(async () => (await inspector(page).locator('.hist .part.call').count()) > 0, 'bars of their own');
    assert.equal(await inspector(page).locator('.chip.ok').count(), 0);
    await picture(page, 'failure-of-calls-hundred');
  });

  it('no answer from DNS is called so, whatever kept it away', async (page) => {
    const asker = 'apiVersion: v1\nkind: Pod\nmetadata: {name: client}\nspec: {containers: [{name: c, image: busybox, command: [sleep, infinity]}]}\n---\n';
    await write(page, asker + await editor(page).inputValue());
    await page.waitForTimeout(600);
    for (let pods = 2; pods > 0; pods--) {
      await page.getByRole('region', { name: 'Stage', exact: true }).getByRole('button', { name: /^Pod coredns-/ }).nth(pods - 1).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Make it unready', exact: true }).click();
    }
    await send(page, { who: 'client', to: 'http://web/' });
    await assertEnds(page, 'No answer from DNS');
    assert.match(await inspector(page).innerText(), /No answer from DNS/);
    await picture(page, 'failure-no-dns');
  });

  it('a missing namespace is added from the banner', async (page) => {
    await write(page, `${await editor(page).inputValue()}---\napiVersion: v1\nkind: Pod\nmetadata: {name: lost, namespace: nowhere}\nspec: {containers: [{name: c, image: nginx}]}\n`);
    const banner = page.locator('.banner'), add = banner.getByRole('button', { name: /Add the Namespace nowhere/ });
    await add.waitFor();
    await picture(page, 'banner-fix');
    await add.click();
    await banner.waitFor({ state: 'detached' });
  });

  for (const [example, line, button] of [['wrong-port', /targetPort: 8080/, 'targetPort: 80'], ['bad-backend', /name: apii/, 'name: api'], ['no-endpoints', /app: wbe/, 'app: web']]) {
    it(`the example ${example} names its line and is mended by one click`, { hash: `#example=${example}` }, async (page) => {
      await last(page);
      const cause = inspector(page).getByRole('button', { name: /^Caused by line \d+/ });
      await cause.click();
      assert.match(await inspector(page).locator('.cause .src').first().innerText(), line);
      assert.ok((await inspector(page).locator('.diff .add').innerText()).includes(button));
      await inspector(page).getByRole('button', { name: 'Apply and send again' }).click();
      await until(async () => (await ending(page)).includes('200 OK'), 'it is answered');
    });
  }

  for (const [example, ends] of [['no-class', 'NXDOMAIN'], ['bad-backend', '503'], ['local-policy', 'Timed out'], ['wrong-port', 'Connection refused'], ['no-endpoints', 'Connection refused']]) {
    it(`the example ${example} fails as it says`, { hash: `#example=${example}` }, async (page) => {
      await assertEnds(page, ends);
      await picture(page, `example-${example}`);
    });
  }
}
