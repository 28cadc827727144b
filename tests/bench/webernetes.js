// The same manifest in @ngrok/webernetes: it runs no real images, so nginx is one that listens on 80 and answers.
import { BaseImage, Cluster } from '@ngrok/webernetes';

class Nginx extends BaseImage {
  static imageName = 'nginx';
  static imageVersion = '1.0';
  defaultCommand = ['nginx'];
  async exec(context, argv) {
    if (argv[0] !== 'nginx') return super.exec(context, argv);
    context.listenHttp(80, async () => ({ status: 200, body: 'ok\n' }));
    return context.waitUntilKilled();
  }
}

/** Starts a cluster with the objects of tests/bench/web.yaml, and waits until it answers. */
export async function start() {
  const cluster = new Cluster();
  cluster.registerImage(Nginx);
  await cluster.init();
  const labels = { app: 'web' };
  await cluster.apply([
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { replicas: 3, selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx' }] } } } },
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { type: 'NodePort', selector: labels, ports: [{ port: 80, targetPort: 80, nodePort: 30080, protocol: 'TCP' }] } },
  ]);
  // A request sent too early spoils the later ones, so the endpoints must stand first.
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  let ready = 0, address, caller;
  cluster.informer('endpointslices', (_, slice) => {
    if (slice.metadata?.name?.startsWith('web')) ready = slice.endpoints?.filter((endpoint) => endpoint.conditions?.ready).length ?? 0;
  });
  cluster.informer('nodes', (_, node) => { if (node.metadata?.name === 'node-2') address = node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address; });
  cluster.informer('pods', (_, pod) => { if (pod.metadata?.labels?.app === 'web' && pod.status?.podIP) caller ??= pod; });
  const end = performance.now() + 20_000;
  while (ready < 3 || !address || !caller) {
    if (performance.now() > end) throw new Error('its Pods were not ready in 20 s');
    await pause(10);
  }
  await pause(500);
  // A caller outside the cluster does not exist there: what is sent to a node's address starts at another node.
  const ways = {
    address: () => cluster.fetch(`http://${address}:30080/`),
    name: () => cluster.network.fetch(cluster.ctx, caller, 'http://web/'),
  };
  const send = async (way, count) => {
    let delivered = 0;
    for (let i = 0; i < count; i++) if ((await ways[way]()).status === 200) delivered++;
    return delivered;
  };
  /** As `send`, and keeps what the cluster says of each request: the chain of hops there and back. */
  const traced = async (way, count) => {
    let kept = [];
    const keep = (event) => { kept.push(event); };
    cluster.on('request', keep);
    cluster.on('response', keep);
    let delivered = 0;
    for (let i = 0; i < count; i++) {
      kept = [];
      if ((await ways[way]()).status === 200 && kept.length === 2) delivered++;
    }
    cluster.off('request', keep);
    cluster.off('response', keep);
    return delivered;
  };
  await send('address', 1);
  return { send, traced, close: () => Promise.race([cluster.close(), pause(2_000)]) };
}
