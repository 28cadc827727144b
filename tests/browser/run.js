// All browser tests, one after another, in one Chromium.
import { after, before, describe } from 'node:test';
import { open } from './harness.js';
import { opening } from './opening.js';
import { engine } from './engine.js';

const site = {};
before(async () => Object.assign(site, await open()));
after(() => site.close?.());

for (const [name, tests] of Object.entries({ opening, engine })) describe(name, () => tests(site));
