// Which functions opening the page runs, by name: `make first-load` writes the list, the build keeps these functions in the first file.
// A function that the list does not know yet works all the same, from the rest; it only comes later.
import { fileURLToPath } from 'node:url';
import { parse } from './wasm.js';

export const FIRST_LOAD = fileURLToPath(new URL('first-load.txt', import.meta.url));

/** A function's name without what changes from build to build: hashes of crates. */
export const plain = (name) => name.replace(/\[[0-9a-f]{8,}\]/g, '');

/** A predicate over function indices: is it in the list? What the tools made without a name is needed everywhere. */
export const named = (bytes, list) => {
  const wanted = new Set(list.split('\n').filter((line) => line && !line.startsWith('#')));
  const { names } = parse(bytes);
  return (index) => !names.has(index) || wanted.has(plain(names.get(index)));
};
