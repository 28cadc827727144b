// The entry of the page and of its worker: both start the same wasm file. The page finds the names of Trunk's files in its own
// script element; the worker gets them in the fragment of its address.
const page = typeof document !== 'undefined' && document.querySelector('script[data-wasm]');
const [js, wasm] = page ? [page.dataset.js, page.dataset.wasm] : decodeURIComponent(location.hash.slice(1)).split(' ');
const poster = () => import(new URL('poster.js', import.meta.url));
// A small player shows a still picture until it runs, and loads nothing before it is asked to (`play=click`).
if (page && /(^#|&)embed=/.test(location.hash)) await (await poster()).show();
try {
  const { default: init } = await import(new URL(js, import.meta.url));
  await init({ module_or_path: new URL(wasm, import.meta.url) });
} catch (error) {
  if (page) await (await poster()).stuck();
  throw error;
}
