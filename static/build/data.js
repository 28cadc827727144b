// Which constant data only the moved functions read: tables of numbers and of letters, the table of Kubernetes' fields, the words of errors.
//
// The linker gives every constant a data segment of its own (build.rs), so where the segments begin is where the objects do. Needed is what
// a kept function names, or what is named in needed data. A number may lie before the table that it belongs to (the table's index begins
// at `a`, say): of what lies behind a number inside an object, everything within GUARD bytes stays, too. Or behind it: a loop may count from
// below zero up to an object's end, so of a number to which code adds something the object before stays, too.
//
// Places in the sources (a path, its length, line and column) are named by whatever may panic, and read when it does: by code of the rest,
// with which they come.
import { leb } from './wasm.js';

const GUARD = 256, ZEROS = 1024, PLACE = 16, SOURCE = '.rs';
const I32_CONST = 0x41, END = 0x0b;

const imageOf = (segments) => {
  const start = Math.min(...segments.map((segment) => segment.start));
  const bytes = new Uint8Array(Math.max(...segments.map(({ start, bytes }) => start + bytes.length)) - start);
  for (const segment of segments) bytes.set(segment.bytes, segment.start - start);
  return { start, end: start + bytes.length, bytes };
};

/** The last of the ascending `starts` that is not above `address`. */
const objectAt = (starts, address) => {
  let low = 0, high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= address) low = middle;
    else high = middle - 1;
  }
  return low;
};

/** `[from, to]` of each object that no kept function can read. */
const coldObjects = (image, objects, kept) => {
  const starts = [...new Set([image.start, ...objects.filter((start) => start > image.start && start < image.end)])].sort((a, b) => a - b);
  const after = (i) => starts[i + 1] ?? image.end, words = new DataView(image.bytes.buffer);
  const inside = (address) => address >= image.start && address < image.end;
  const isPlace = (i) => {
    const [path, length] = after(i) - starts[i] === PLACE ? [0, 4].map((at) => words.getUint32(starts[i] - image.start + at, true)) : [];
    const end = path + length - image.start;
    return inside(path) && String.fromCharCode(...image.bytes.subarray(end - SOURCE.length, end)) === SOURCE;
  };
  const needed = new Set(), hot = kept.flatMap((f) => f.numbers.filter(inside));
  const need = (i) => {
    if (needed.has(i) || isPlace(i)) return;
    needed.add(i);
    for (let at = (starts[i] + 3) & ~3; at + 4 <= after(i); at += 4) {
      const word = words.getUint32(at - image.start, true);
      if (inside(word)) hot.push(word);
    }
  };
  for (const address of kept.flatMap((f) => f.bases)) if (inside(address) || address === image.end) need(objectAt(starts, address - 1));
  while (hot.length) {
    const address = hot.pop(), i = objectAt(starts, address);
    need(i);
    if (address !== starts[i]) for (let next = i + 1; starts[next] < address + GUARD; next++) need(next);
  }
  return starts.flatMap((start, i) => (needed.has(i) ? [] : [[start, after(i)]]));
};

const segment = (start, bytes) => [0, I32_CONST, leb(start, true), END, leb(bytes.length), bytes];

/** Segments without the longest runs of zeros: memory is zero anyway. Shorter ones weigh less, compressed, than the head of a segment. */
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

/** The data segments of both files; `objects` are the addresses where the linker's segments begin. */
export const divide = (data, objects, kept) => {
  const image = imageOf(data), rest = [];
  for (const [from, to] of coldObjects(image, objects, kept)) {
    // Each by itself: what lies between two of them belongs to `first`, and must not be written over when the rest is linked.
    const bytes = image.bytes.subarray(from - image.start, to - image.start);
    rest.push(...segments({ start: from, bytes: bytes.slice() }));
    bytes.fill(0);
  }
  return { first: segments(image), rest };
};
