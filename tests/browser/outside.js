// Who is outside, and what stands between: private nodes, the edge, the Ingress controller's own answers.
import assert from 'node:assert/strict';
import { picture, until } from './harness.js';
import { assertEnds, choose, editor, inspector, moving, offers, played, send, setting, stage, url, write } from './page.js';

export function outside(site) {
  const it = played(site);

  it('private nodes: a node port times out from outside, load balancer and Ingress still answer', { hash: '#example=loadbalancer' }, async (page) => {
    const note = (words) => until(async () => words.test((await stage(page).innerText()).replace(/\s+/g, ' ')), `the note ${words}`);
    await note(/Assumption: ?this ?client has a ?route to the ?nodes/);
    await setting(page, 'Nodes are private', true);
    await moving(page);
    await note(/Private nodes: ?this ?client has ?no route/);
    await assertEnds(page, '200 OK');
    const list = await offers(page);
    const nodePort = list.find((offer) => /^http:\/\/node-1:\d+/.test(offer));
    assert.match(nodePort, / ¦ .+/, 'the offer says that it fails');
    await send(page, { to: nodePort.split(' ')[0] });
    await assertEnds(page, 'Timed out');
    await picture(page, 'private-nodes');
  });

  it('private nodes: an Ingress answers', { hash: '#example=ingress' }, async (page) => {
    await setting(page, 'Nodes are private', true);
    await moving(page);
    await assertEnds(page, '200 OK');
  });

  it('with another load balancer provider the request goes where the new one answers', { hash: '#example=loadbalancer' }, async (page) => {
    const before = await url(page).inputValue();
    await setting(page, 'Load balancer provider', 'aws');
    await until(async () => (await url(page).inputValue()) !== before, 'the address that is gone makes way');
    await assertEnds(page, '200 OK');
  });

  it('an edge that answers says unreachable, with a look of its own', async (page) => {
    await setting(page, 'Addresses that nobody routes', 'unreachable');
    await moving(page);
    const list = await offers(page);
    const inside = list.find((offer) => /^http:\/\/10\.96\./.test(offer) && / ¦ .+/.test(offer)).split(' ')[0];
    await send(page, { to: inside, who: 'Outside' });
    await assertEnds(page, 'Unreachable');
    await picture(page, 'failure-unreachable');
  });

  it('the Ingress controller answers 404 itself where no rule fits, and says that controllers differ', { hash: '#example=ingress' }, async (page) => {
    const text = await editor(page).inputValue();
    await write(page, text.replace('- path: /\n', '- path: /shop\n'));
    await page.waitForTimeout(600);
    await send(page, { to: 'http://shop.example.com/nowhere' });
    await assertEnds(page, '404');
    assert.match(await inspector(page).innerText(), /controllers differ/);
    await picture(page, 'failure-404');
  });

  it('the Ingress controller answers 503 itself where a Service has no endpoints', { hash: '#example=ingress' }, async (page) => {
    const text = await editor(page).inputValue();
    await write(page, text.replace(/name: api\nspec:\n {2}selector: \{ app: api \}/, 'name: api\nspec:\n  selector: { app: apo }'));
    await page.waitForTimeout(600);
    await send(page, { to: 'http://shop.example.com/api' });
    await assertEnds(page, '503');
    await picture(page, 'failure-503');
  });

  it('provider none: the Service waits for an address, and its node ports work', { hash: '#example=loadbalancer' }, async (page) => {
    await setting(page, 'Load balancer provider', 'none');
    await moving(page);
    await page.getByRole('cell', { name: '<pending>' }).waitFor();
    const nodePort = (await offers(page)).find((offer) => offer.startsWith('http://node-1:'));
    await send(page, { to: nodePort.split(' ')[0] });
    await assertEnds(page, '200 OK');
  });

  it('more nodes than fit stand in a stack, and each is a door', async (page) => {
    await setting(page, 'Nodes', 7);
    await moving(page);
    await until(async () => /\+\d/.test(await stage(page).textContent()), 'a stack stands');
    // Chosen from the list, a node is drawn with its Pods.
    const drawn = stage(page).getByRole('button', { name: /^Node node-6,/ });
    assert.equal(await drawn.count(), 0);
    await choose(page, /nodes without a column of their own: .*node-6/);
    await inspector(page).getByRole('button', { name: 'node-6', exact: true }).click();
    await drawn.waitFor();
    await send(page, { to: 'http://node-7:30080/' });
    await stage(page).getByRole('button', { name: /^Node node-7,/ }).waitFor();
    await assertEnds(page, '200 OK');
  });

  it('what AWS reads is played with its load balancers, one click away', { hash: '#example=loadbalancer' }, async (page) => {
    await write(page, `${await editor(page).inputValue()}---\napiVersion: v1\nkind: Service\nmetadata: {name: nlb}\nspec: {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, selector: {app: web}, ports: [{port: 80}]}\n`);
    const offer = page.locator('.findings').getByRole('button', { name: 'Play it with AWS\'s load balancers' }).first();
    await offer.waitFor();
    await picture(page, 'aws-offer');
    await offer.click();
    await until(async () => /elb.*amazonaws/.test(await page.getByRole('tabpanel', { name: /^kubectl/ }).innerText()), 'the Service has a hostname');
  });
}
