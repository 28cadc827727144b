// Breaking things: each change plays as an ordered flow, and the next request meets the new cluster.
import assert from 'node:assert/strict';
import { picture, until } from './harness.js';
import { assertEnds, button, choose, editor, inspector, moving, played, podsOf, send, stage } from './page.js';

export function cluster(site) {
  const it = played(site);

  it('a node whose plug is pulled takes no traffic; the others still do', async (page) => {
    await choose(page, /^Node node-3/);
    await button(page, 'Pull the plug').click();
    await until(async () => (await inspector(page).innerText()).length > 0, 'the change is told');
    await send(page, { to: 'http://node-3:30080/' });
    await assertEnds(page, 'Timed out');
    await picture(page, 'node-down');
  });

  it('a deleted Pod comes back with another name, and the Service stays', async (page) => {
    const before = await podsOf(page, 'web');
    assert.equal(before.length, 3);
    await choose(page, new RegExp(`^Pod ${before[0]}`));
    await button(page, 'Delete Pod').click();
    await until(async () => { const now = await podsOf(page, 'web'); return now.length === 3 && !now.includes(before[0]); }, 'another Pod took its place');
    await send(page);
    await assertEnds(page, '200 OK');
  });

  it('the tick marks one in as many as there are endpoints, and only where all that is counted went one way', async (page) => {
    const tick = page.getByText('The tick marks an even share: one third each.');
    for (let sent = 1; sent < 12 && !(await tick.count()); sent++) await send(page);
    assert.equal(await tick.count(), 1, 'by the second Pod that answers, though there are three');
    await send(page, { to: 'http://node-1:30080/' });
    await until(async () => (await tick.count()) === 0, 'two targets have no chance in common');
    await button(page, 'Send 100').click();
    await tick.waitFor();
  });

  it('scaling changes the number of Pods, and all of them answer', async (page) => {
    for (const [name, count] of [['One replica more', 4], ['One replica fewer', 3], ['One replica fewer', 2]]) {
      await choose(page, /^Pod web-/);
      await button(page, name).click();
      await until(async () => (await podsOf(page, 'web')).length === count, `${count} Pods`);
    }
    await until(async () => /deployment-controller[^]*replicaset-controller|replicaset-controller/.test(await inspector(page).innerText()), 'the controllers are told');
    await send(page);
    await assertEnds(page, '200 OK');
    assert.match(await editor(page).inputValue(), /replicas: 3/, 'as kubectl scale does, the text is not touched');
  });

  it('without its Deployment the Service stays, and refuses', async (page) => {
    await choose(page, /^Pod web-/);
    await button(page, 'Delete Deployment').click();
    await until(async () => (await podsOf(page, 'web')).length === 0, 'the Pods go');
    await page.getByRole('cell', { name: 'web', exact: true }).first().waitFor();
    await send(page);
    await assertEnds(page, 'Connection refused');
    await button(page, 'Take it back').click();
    await until(async () => (await podsOf(page, 'web')).length === 3, 'the Deployment is back');
    await send(page);
    await assertEnds(page, '200 OK');
  });

  it('a Pod that is not ready keeps its address and gets no requests', async (page) => {
    const [first] = await podsOf(page, 'web');
    await choose(page, new RegExp(`^Pod ${first}`));
    await button(page, 'Make it unready').click();
    await until(async () => /endpointslice-controller[^]*kube-proxy/.test(await inspector(page).innerText()), 'slice, then rules');
    assert.equal((await podsOf(page, 'web')).length, 3, 'it still runs');
    await button(page, 'Send 100').click();
    const table = page.getByRole('table', { name: 'Answers by Pod' });
    await until(async () => (await table.getByRole('row').count()) === 2, 'two Pods answer', 15_000);
    const counts = (await table.locator('td.val').allInnerTexts()).map(Number);
    assert.equal(counts.reduce((a, b) => a + b, 0), 100);
    await choose(page, new RegExp(`^Pod ${first}`));
    await button(page, 'Make it ready').click();
    await button(page, 'Send 100').click();
    await until(async () => (await table.getByRole('row').count()) === 3, 'three again', 15_000);
  });

  it('a failed node, stage by stage, with a request in each', { hash: '#example=loadbalancer' }, async (page) => {
    const told = (words) => until(async () => words.test(await inspector(page).innerText()), `${words} is told`);
    const hundred = async () => {
      await button(page, 'Send 100').click();
      return until(async () => {
        const chips = await inspector(page).locator('.results .chips').innerText({ timeout: 500 });
        const count = (words) => Number(chips.match(new RegExp(`(\\d+) × ${words}`))?.[1] ?? 0);
        const [ok, timeout] = [count('200 OK'), count('Timed out')];
        return ok + timeout === 100 && { ok, timeout };
      }, 'a hundred were sent', 15_000);
    };
    const pods = await podsOf(page, 'web');
    await choose(page, /^Node node-3/);
    await button(page, 'Pull the plug').click();
    const stands = (state) => stage(page).getByRole('button', { name: new RegExp(`^Node node-3.*, ${state}`) }).waitFor();

    await stands('no power');
    const pulled = await hundred();
    assert.ok(pulled.timeout > pulled.ok / 10 && pulled.ok > 0, `the balancer and the rules still know the node: ${JSON.stringify(pulled)}`);
    await send(page);
    await moving(page);

    await button(page, 'wait 10 s').click();
    await told(/health check no longer hears node-3/);
    const balanced = await hundred();
    assert.ok(balanced.timeout > 0 && balanced.timeout < pulled.timeout, `only the rules still know its Pods: ${JSON.stringify(balanced)}`);

    await button(page, 'wait 1 min').click();
    await stands('NotReady');
    await told(/node-lifecycle-controller[^]*endpointslice-controller[^]*kube-proxy/);
    assert.deepEqual(await hundred(), { ok: 100, timeout: 0 }, 'the slices dropped its Pods');
    assert.deepEqual(await podsOf(page, 'web'), pods, 'no Pod was moved yet');

    await button(page, 'wait 5 min').click();
    await until(async () => (await podsOf(page, 'web')).some((pod) => !pods.includes(pod)), 'its Pods are replaced elsewhere');
    assert.deepEqual(await hundred(), { ok: 100, timeout: 0 });

    await choose(page, /^Node node-3/);
    await button(page, 'Bring it back').click();
    await stands('Ready');
    assert.deepEqual(await hundred(), { ok: 100, timeout: 0 });
    await picture(page, 'node-back');
  });
}
