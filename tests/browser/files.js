// Several files: tabs, dropped files, and each file of a course's notes as it stands.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { picture, ROOT, until } from './harness.js';
import { assertEnds, button, editor, ending, inspector, last, offers, paste, played, podsOf, send, stage, take, url, write } from './page.js';

const fixture = (name) => readFileSync(join(ROOT, 'tests/fixtures/notes', name), 'utf8');

/** Lets files fall into the editor's panel. */
async function drop(page, files) {
  const data = await page.evaluateHandle((files) => {
    const data = new DataTransfer();
    for (const [name, text] of files) data.items.add(new File([text], name, { type: 'text/yaml' }));
    return data;
  }, files);
  const panel = page.locator('[data-panel="yaml"]');
  await panel.dispatchEvent('dragover', { dataTransfer: data });
  await panel.dispatchEvent('drop', { dataTransfer: data });
}

/** Each file alone: what the page offers of it, what a request to it says, what is one click away. */
const NOTES = {
  'my-headless.yaml': { to: /^http:\/\/my-headless\./, ends: 'NXDOMAIN', add: /^Add Deployment my-app/ },
  'my-loadbalancer.yaml': { to: /^http:\/\/198\.51\.100\./, ends: 'Connection refused', add: /^Add Deployment my-app/, says: 'Read by the AWS Load Balancer Controller' },
  'my-ingress.yaml': { to: /^http:\/\/app1\.example\.com\//, ends: 'NXDOMAIN', add: /^Add IngressClass alb-ingress-class/, says: 'No controller serves Ingress class "alb-ingress-class"' },
  'web-and-logging.yaml': { to: /^http:\/\/web-and-logging-service\//, ends: '200 OK' },
  'counter-redis-svc.yml': { to: /^redis:6379/, ends: 'Delivered' },
  'counter-app.yml': { to: /^http:\/\/10\.244\.\d+\.\d+:3000\//, ends: '200 OK' },
  'counter-nodeport.yml': { to: /^http:\/\/node-2:31000\//, ends: 'Connection refused', add: /^Add Deployment counter/ },
};

export function files(site) {
  const it = played(site);

  for (const [name, { to, ends, add, says }] of Object.entries(NOTES)) {
    it(`${name}, pasted alone, is offered and told truly`, async (page) => {
      await paste(page, fixture(name), { over: true });
      await until(async () => !(await podsOf(page, 'web')).some((pod) => /^web-\w+-\w+$/.test(pod)), 'the example is gone');
      if (says) await page.getByText(says).first().waitFor();
      if (add) await page.getByRole('button', { name: add }).waitFor();
      const list = await offers(page);
      assert.ok(list.some((offer) => to.test(offer)), `${to} in: ${list.join('; ')}`);
      assert.ok(list.some((offer) => /refused|NXDOMAIN|no answer/.test(offer)), `one that fails, with its reason: ${list.join('; ')}`);
      await take(page, to);
      await send(page);
      await assertEnds(page, ends);
      await picture(page, `note-${name}`);
    });
  }

  it('a headless name without Pods, asked by a machine: both reasons are said, and its way begins in the machine', async (page) => {
    await paste(page, fixture('my-headless.yaml'), { over: true });
    await page.getByRole('button', { name: /^Add Deployment my-app/ }).waitFor();
    await take(page, /^http:\/\/my-headless\./);
    await send(page);
    await last(page);
    await inspector(page).getByText('it knows no Services: only Pods ask CoreDNS').waitFor();
    await inspector(page).getByRole('button', { name: 'Apply and send again' }).click();
    await until(async () => (await ending(page)).includes('200 OK'), 'with Pods it is answered, to a Pod that asks');
  });

  it('a pasted LoadBalancer Service is called by its load balancer\'s address', async (page) => {
    await paste(page, fixture('my-loadbalancer.yaml'), { over: true });
    await until(async () => /^http:\/\/198\.51\.100\.\d+\/$/.test(await url(page).inputValue()), 'its address stands in the URL');
    assert.match((await offers(page))[0], /^http:\/\/198\.51\.100\./);
  });

  it('all files of the notes, pasted one after another, run together', async (page) => {
    const names = [...Object.keys(NOTES), 'my-nodeport.yaml', 'my-service-clusterip.yaml'];
    await paste(page, fixture(names[0]), { over: true });
    for (const name of names.slice(1)) {
      await page.waitForTimeout(400);
      await paste(page, fixture(name));
    }
    await page.getByText('11 objects').waitFor({ state: 'attached' });
    const list = await offers(page);
    for (const to of [/^http:\/\/node-3:31000\//, /^http:\/\/node-1:30123\//, /^http:\/\/198\.51\.100\./, /^http:\/\/app1\.example\.com\//, /^redis:6379/, /^web-and-logging-service:9090/]) {
      assert.ok(list.some((offer) => to.test(offer)), `${to} in: ${list.join('; ')}`);
    }
    await send(page, { to: 'http://node-3:31000/', who: 'Outside' });
    await assertEnds(page, '200 OK');
    await picture(page, 'all-notes');
  });

  it('a nobody\'s Ingress is served after two clicks', async (page) => {
    await paste(page, fixture('my-ingress.yaml'), { over: true });
    await page.getByRole('button', { name: /^Add IngressClass alb-ingress-class/ }).click();
    await page.getByRole('button', { name: /^Add IngressClass/ }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: /^Add Service app1-service/ }).click();
    await page.getByRole('button', { name: /^Add Service/ }).waitFor({ state: 'detached' });
    await send(page, { to: 'http://app1.example.com/' });
    await assertEnds(page, '200 OK');
  });

  it('several files pasted at once, in a fence, are parted; the URL follows', async (page) => {
    const all = ['my-headless.yaml', 'my-loadbalancer.yaml', 'my-ingress.yaml'].map(fixture).join('');
    await paste(page, `\`\`\`\n${all}\`\`\`\n`, { over: true });
    await page.getByText('3 objects').waitFor({ state: 'attached' });
    const list = await offers(page);
    const target = await page.getByRole('combobox', { name: 'URL' }).inputValue();
    assert.ok(list.some((offer) => offer.startsWith(target)), `${target} in: ${list.join('; ')}`);
  });

  it('dropped files get a tab each, run together, and a closed one is gone', async (page) => {
    await drop(page, ['counter-redis-svc.yml', 'counter-app.yml', 'counter-nodeport.yml'].map((name) => [name, fixture(name)]));
    for (const name of ['cluster.yaml', 'counter-redis-svc.yml', 'counter-app.yml', 'counter-nodeport.yml']) await button(page, name).waitFor();
    assert.equal(await editor(page).inputValue(), fixture('counter-nodeport.yml'), 'the last one is open');
    const seen = await button(page, 'counter-nodeport.yml').evaluate((tab) => {
      const [here, row] = [tab.getBoundingClientRect(), tab.closest('.ftabs').getBoundingClientRect()];
      return here.left >= row.left - 1 && here.right <= row.right + 1;
    });
    assert.ok(seen, 'the open tab is in view');
    await until(async () => (await podsOf(page, 'counter')).length === 1 && (await podsOf(page, 'web')).length === 3, 'all run');
    await send(page, { to: 'http://node-2:31000/' });
    await assertEnds(page, '200 OK');
    await picture(page, 'tabs');
    await button(page, 'Close counter-nodeport.yml').click();
    await until(async () => !/:31000/.test(await stage(page).textContent()), 'its node port is gone');
    await button(page, 'counter-app.yml').click();
    assert.equal(await editor(page).inputValue(), fixture('counter-app.yml'));
  });

  it('the same name twice: the dropped file gets another', async (page) => {
    await drop(page, [['cluster.yaml', fixture('my-nodeport.yaml')]]);
    await button(page, 'cluster-2.yaml').waitFor();
    await button(page, 'cluster.yaml').click();
    assert.match(await editor(page).inputValue(), /kind: Deployment/);
    await write(page, '');
    await until(async () => (await podsOf(page, 'web')).length === 0, 'an emptied file is an empty file');
    await send(page, { to: 'http://node-1:30123/' });
    await assertEnds(page, 'Connection refused');
  });
}
