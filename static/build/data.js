// Which constant data only the moved functions read: tables of numbers and of letters, the table of Kubernetes' fields.
//
// A linked module does not say where its objects begin. But every address that code or data can start from stands in it as a number, so
// between two such numbers lies one object, or a part of one. Needed is what a kept function names, or what is named in needed data. A
// list may reach over the names of its middle: of what lies behind something needed, the first GUARD bytes stay, too.
import { leb } from './wasm.js';

const LONG = 64, GUARD = 256, ZEROS = 16;
const I32_CONST = 0x41, END = 0x0b;

const imageOf = (segments) => {
  const start = Math.min(...segments.map((segment) => segment.start));
  const bytes = new Uint8Array(Math.max(...segments.map(({ start, bytes }) => start + bytes.length)) - start);
  for (const segment of segments) bytes.set(segment.bytes, segment.start - start);
  return { start, bytes };
};

/** `[from, to]` of each stretch that no kept function can read. */
const coldStretches = (image, kept, moved) => {
  const end = image.start + image.bytes.length, words = new DataView(image.bytes.buffer);
  const inside = (address) => address >= image.start && address < end;
  const wordsOf = function* (from, to) {
    for (let at = from + ((4 - (from % 4)) % 4); at + 4 <= to; at += 4) {
      const word = words.getUint32(at - image.start, true);
      if (inside(word)) yield word;
    }
  };
  const numbers = (functions) => functions.flatMap((f) => f.numbers.filter(inside));
  const hot = numbers(kept);
  const starts = [...new Set([image.start, ...hot, ...numbers(moved), ...wordsOf(image.start, end)])].sort((a, b) => a - b);
  const at = new Map(starts.map((start, i) => [start, i])), after = (i) => starts[i + 1] ?? end;
  const needed = new Set();
  while (hot.length) {
    const i = at.get(hot.pop());
    if (needed.has(i)) continue;
    needed.add(i);
    hot.push(...wordsOf(starts[i], Math.min(after(i) + GUARD, end)));
  }
  const cold = [];
  let guarded = 0;
  starts.forEach((start, i) => {
    if (needed.has(i)) guarded = after(i) + GUARD;
    else if (after(i) - Math.max(start, guarded) >= LONG) cold.push([Math.max(start, guarded), after(i)]);
  });
  return cold;
};

const segment = (start, bytes) => [0, I32_CONST, leb(start, true), END, leb(bytes.length), bytes];

/** Segments without the long runs of zeros: memory is zero anyway. */
const segments = ({ start, bytes }) => {
  const found = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] === 0) { at++; continue; }
    let end = at, zeros = 0;
    while (end < bytes.length && zeros < ZEROS) zeros = bytes[end++] === 0 ? zeros + 1 : 0;
    found.push(segment(start + at, bytes.subarray(at, end - zeros)));
    at = end;
  }
  return found;
};

/** The data segments of both files. */
export const divide = (data, kept, moved) => {
  const image = imageOf(data), cold = coldStretches(image, kept, moved), rest = [];
  for (const [from, to] of cold) {
    const bytes = image.bytes.subarray(from - image.start, to - image.start);
    rest.push(segment(from, bytes.slice()));
    bytes.fill(0);
  }
  return { first: segments(image), rest };
};
