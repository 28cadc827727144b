// Asks the engine, as it was just built, what it answers to the opening page: the page plays this recording until the engine itself
// has come. The wasm runs here as the page's worker would run it, in a scope that has just what a worker needs.
import { pathToFileURL } from 'node:url';

/** The bytes of `opening.bin` (src/app/recording.rs). */
export const record = async (js, bytes) => {
  const heard = [];
  let listener;
  globalThis.DedicatedWorkerGlobalScope = class { static [Symbol.hasInstance](it) { return it === globalThis; } };
  globalThis.addEventListener = (kind, listen) => { if (kind === 'message') listener = listen; };
  globalThis.removeEventListener = () => {};
  globalThis.postMessage = (message) => heard.push(message);
  const { default: init } = await import(`${pathToFileURL(js)}?${Date.now()}`);
  await init({ module_or_path: bytes });
  heard.length = 0;
  // An empty message asks for the recording.
  listener.call(globalThis, new MessageEvent('message', { data: new Uint8Array() }));
  if (!(heard[0]?.length > 0)) throw new Error('the engine recorded nothing');
  return heard[0];
};
