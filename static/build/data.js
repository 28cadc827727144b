// Which constant data only the moved functions read: tables of numbers and of letters, the table of Kubernetes' fields.
//
// A linked module does not say where its objects begin. But every address that code or data can start from stands in it as a number, so
// between two such numbers lies one object, or a part of one. What is long and is named by moved functions alone moves with them.
import { leb } from './wasm.js';

const LONG = 512, ZEROS = 16;
const I32_CONST = 0x41, END = 0x0b;

const imageOf = (segments) => {
  const start = Math.min(...segments.map((segment) => segment.start));
  const bytes = new Uint8Array(Math.max(...segments.map(({ start, bytes }) => start + bytes.length)) - start);
  for (const segment of segments) bytes.set(segment.bytes, segment.start - start);
  return { start, bytes };
};

/** `[from, to]` of each stretch that only `moved` functions name. */
const coldStretches = (image, kept, moved) => {
  const end = image.start + image.bytes.length, named = new Map();
  const name = (address, hot) => { if (address >= image.start && address < end) named.set(address, hot || named.get(address) === true); };
  for (const { numbers } of moved) for (const n of numbers) name(n, false);
  for (const { numbers } of kept) for (const n of numbers) name(n, true);
  const words = new DataView(image.bytes.buffer);
  for (let at = (4 - (image.start % 4)) % 4; at + 4 <= image.bytes.length; at += 4) name(words.getUint32(at, true), true);
  const starts = [...named.keys()].sort((a, b) => a - b);
  return starts.map((from, i) => [from, starts[i + 1] ?? end]).filter(([from, to]) => !named.get(from) && to - from >= LONG);
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
