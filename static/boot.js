// The entry of the page and of its worker. The page finds the names of Trunk's files in its own script element; the worker gets them
// in the fragment of its address.
//
// A release's wasm comes in two files (static/build/split.js): the first has what opening the page runs; the rest, above all the
// engine, is fetched once traffic moves. Whatever needs a function of the rest before it is there fetches it on the spot.
const page = typeof document !== 'undefined' && document.querySelector('script[data-wasm]');
const [js, wasm] = page ? [page.dataset.js, page.dataset.wasm] : decodeURIComponent(location.hash.slice(1)).split(' ');
const rest = new URL(wasm.replace(/_bg\.wasm$/, '_rest.wasm'), import.meta.url);
let first, linked = false, coming;

const link = (module) => {
  if (linked) return;
  const shared = { ...first };
  for (let i = 0; i < first.shared.length; i++) shared[`f${i.toString(36)}`] = first.shared.get(i);
  new WebAssembly.Instance(module, { first: shared });
  linked = true;
};

// Only a synchronous request may stand in the middle of a call; a document's own must not ask for an ArrayBuffer.
const linkNow = () => {
  const request = new XMLHttpRequest();
  request.open('GET', rest, false);
  request.overrideMimeType('text/plain; charset=x-user-defined');
  request.send();
  if (request.status !== 200) throw new Error(`${rest} answers ${request.status}`);
  link(new WebAssembly.Module(Uint8Array.from(request.responseText, (c) => c.charCodeAt(0))));
};

// What a person opens is styled apart; only a release has its style in a file that the page does not name.
const style = () => {
  if (!page || !page.dataset.style) return;
  document.head.append(Object.assign(document.createElement('link'), { rel: 'stylesheet', href: new URL(page.dataset.style, import.meta.url) }));
  delete page.dataset.style;
};

// A host that cannot give it now is asked again when something needs it.
const linkSoon = () => { style(); coming ??= WebAssembly.compileStreaming(fetch(rest)).then(link).catch(() => { coming = undefined; }); return coming; };

// A function of wasm's own kind that calls one of ours: only such a one may stand in a table. The module imports `a.b` and exports it as `c`.
const wrapped = (b) => new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 2, 7, 1, 1, 97, 1, 98, 0, 0, 7, 5, 1, 1, 99, 0, 0)), { a: { b } }).exports.c;

const poster = () => import(new URL('poster.js', import.meta.url));
// A small player shows a still picture until it runs, and loads nothing before it is asked to (`play=click`).
if (page && /(^#|&)embed=/.test(location.hash)) await (await poster()).show();
else if (location.hash.length > 1) style();
try {
  const { default: init } = await import(new URL(js, import.meta.url));
  first = await init({ module_or_path: new URL(wasm, import.meta.url) });
  if (first.ways) {
    first.ways.set(0, wrapped(linkNow));
    // The worker is the engine: it needs everything at once.
    if (!page) await linkSoon();
    globalThis.kubehopRest = linkSoon;
    first.start();
  }
} catch (error) {
  if (page) await (await poster()).stuck();
  throw error;
}
