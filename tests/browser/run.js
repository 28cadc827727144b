// All browser tests, one after another, in one Chromium. Words on the command line choose groups: `run.js opening engine`.
import { after, before, describe } from 'node:test';
import { open } from './harness.js';
import { cards } from './cards.js';
import { changes } from './changes.js';
import { cluster } from './cluster.js';
import { connections } from './connections.js';
import { COURSE, embed } from './embed.js';
import { engine } from './engine.js';
import { failures } from './failures.js';
import { files } from './files.js';
import { keyboard } from './keyboard.js';
import { lessons } from './lessons.js';
import { links } from './links.js';
import { objectsView } from './objects.js';
import { opening } from './opening.js';
import { outside } from './outside.js';
import { pasting } from './paste.js';
import { keys, past } from './past.js';
import { chosen, mended, phone, poster } from './small.js';
import { stageView } from './stage.js';
import { steps } from './steps.js';
import { words } from './words.js';

const site = {};
before(async () => Object.assign(site, await open({ 'course.html': COURSE })));
after(() => site.close?.());

const groups = {
  opening, steps, pasting, files, failures, outside, cluster, cards, changes, connections, keyboard, links, lessons, engine, embed, words,
  stage: stageView, objects: objectsView, past, keys, phone, chosen, poster, mended,
};
const wanted = process.argv.slice(2);
for (const [name, tests] of Object.entries(groups)) if (!wanted.length || wanted.includes(name)) describe(name, () => tests(site));
